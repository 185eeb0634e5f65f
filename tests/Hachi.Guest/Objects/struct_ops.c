// A congestion control, as a structure of functions in a section of its own; its members are fewer than the kernel's, and in another order.
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sock;
struct tcp_congestion_ops___hachi {
    char name[16];
    u32 (*undo_cwnd)(struct sock *sk);
    u32 (*ssthresh)(struct sock *sk);
    void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
    void (*init)(struct sock *sk);
    void (*hachi_never_was)(struct sock *sk);
};
#pragma clang attribute pop
char _license[] SEC("license") = "GPL";
u64 connections;

SEC("struct_ops/start") void start(u64 *ctx) { __sync_fetch_and_add(&connections, 1); }
SEC("struct_ops/threshold") u32 threshold(u64 *ctx) { return 8; }
SEC("struct_ops/avoid") void avoid(u64 *ctx) { }
SEC("struct_ops/undo") u32 undo(u64 *ctx) { return 8; }

SEC(".struct_ops.link") struct tcp_congestion_ops___hachi linked = {
    .name = "hachi_linked", .init = (void *)start, .ssthresh = (void *)threshold, .cong_avoid = (void *)avoid, .undo_cwnd = (void *)undo,
};
SEC(".struct_ops") struct tcp_congestion_ops___hachi plain = {
    .name = "hachi_plain", .init = (void *)start, .ssthresh = (void *)threshold, .cong_avoid = (void *)avoid, .undo_cwnd = (void *)undo,
};
