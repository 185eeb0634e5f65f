// A congestion control that calls functions of a module (tcp_dctcp), and one that the kernel itself has.
struct sock { int any; };
struct tcp_congestion_ops {
    char name[16];
    u32 (*undo_cwnd)(struct sock *sk);
    u32 (*ssthresh)(struct sock *sk);
    void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
    void (*init)(struct sock *sk);
};
char _license[] SEC("license") = "GPL";
u64 connections;
extern void dctcp_init(struct sock *sk) SEC(".ksyms");
extern u32 tcp_reno_ssthresh(struct sock *sk) SEC(".ksyms");

SEC("struct_ops/start") void start(u64 *ctx)
{
    __sync_fetch_and_add(&connections, 1);
    dctcp_init((struct sock *)ctx[0]);
}
SEC("struct_ops/threshold") u32 threshold(u64 *ctx) { return tcp_reno_ssthresh((struct sock *)ctx[0]); }
SEC("struct_ops/avoid") void avoid(u64 *ctx) { }
SEC("struct_ops/undo") u32 undo(u64 *ctx) { return 8; }

SEC(".struct_ops.link") struct tcp_congestion_ops module = {
    .name = "hachi_module", .init = (void *)start, .ssthresh = (void *)threshold, .cong_avoid = (void *)avoid, .undo_cwnd = (void *)undo,
};
