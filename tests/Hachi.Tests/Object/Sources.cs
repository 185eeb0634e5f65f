namespace Hachi.Tests.Object;

/// <summary>C sources of test objects.</summary>
internal static class Sources
{
    /// <summary>All kinds of maps, data sections, subprograms, callbacks, tail calls, a ring buffer.</summary>
    public const string Everything = """
        struct value { u64 packets; u32 flags; };
        struct { __uint(type, 1); __uint(max_entries, 1024); __type(key, u32); __type(value, struct value); __uint(map_flags, 1); } counts SEC(".maps");
        struct { __uint(type, 27); __uint(max_entries, 4096); } events SEC(".maps");
        struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); __uint(pinning, 1); } pinned SEC(".maps");
        struct inner { __uint(type, 2); __uint(max_entries, 4); __type(key, u32); __type(value, u64); } inner1 SEC(".maps"), inner2 SEC(".maps");
        struct { __uint(type, 12); __uint(max_entries, 8); __uint(key_size, 4); __array(values, struct inner); } outer SEC(".maps") = { .values = { [1] = &inner1, [5] = &inner2 } };
        struct { __uint(type, 30); __uint(max_entries, 100); __uint(value_size, 8); __uint(map_extra, 5); } bloom SEC(".maps");
        int xdp_second(void *ctx);
        struct { __uint(type, 3); __uint(max_entries, 4); __uint(key_size, 4); __array(values, int (void *)); } calls SEC(".maps") = { .values = { [2] = (void *)&xdp_second } };

        u64 total = 7;
        u32 zeroed[16];
        static volatile const u32 threshold = 42;
        volatile const char text[] = "hachi";
        char _license[] SEC("license") = "Dual MIT/GPL";

        static __noinline u64 twice(u64 x) { total += x; return x * 2 + threshold; }
        __noinline u64 shared_global(u64 x) { return twice(x) + 1; }
        static long callback(u32 i, void *ctx) { zeroed[i & 15] += i; return 0; }

        SEC("xdp") int xdp_first(void *ctx)
        {
            u32 key = 1;
            struct value *v = map_lookup_elem(&counts, &key);
            if (v)
                v->packets += shared_global(v->packets);
            loop(16, callback, 0, 0);
            tail_call(ctx, &calls, 2);
            return text[zeroed[3] & 3];
        }

        SEC("xdp") int xdp_second(void *ctx)
        {
            u64 now = twice(3);
            ringbuf_output(&events, &now, sizeof now, 0);
            return 2;
        }

        SEC("tracepoint/syscalls/sys_enter_openat") int trace(void *ctx)
        {
            u32 key = 0;
            u64 *v = map_lookup_elem(&pinned, &key);
            return v ? (int)*v : 0;
        }
        """;

    /// <summary>Externs of each kind.</summary>
    public const string Externs = """
        extern int LINUX_KERNEL_VERSION SEC(".kconfig");
        extern const void bpf_link_fops SEC(".ksyms") __attribute__((weak));
        extern int bpf_kfunc_example(int x) SEC(".ksyms");
        SEC("tc") int use(void *ctx) { return LINUX_KERNEL_VERSION + (&bpf_link_fops != 0) + bpf_kfunc_example(3); }
        """;

    /// <summary>CO-RE relocations in programs and in functions that they share.</summary>
    public const string Relocations = """
        #pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
        struct task_struct { int pid; int tgid; struct task_struct *real_parent; };
        #pragma clang attribute pop
        struct { __uint(type, 1); __uint(max_entries, 16); __type(key, u32); __type(value, u64); } seen SEC(".maps");
        static __noinline int parent(struct task_struct *task) { return task->real_parent->tgid; }
        SEC("tp_btf/sched_switch") int first(u64 *ctx) { struct task_struct *task = (void *)ctx[1]; u32 key = task->pid; map_lookup_elem(&seen, &key); return parent(task); }
        SEC("tp_btf/sched_switch") int second(u64 *ctx) { struct task_struct *task = (void *)ctx[2]; return parent(task) + task->tgid; }
        """;

    /// <summary>Structures of functions, with and without a link; functions in common, text and numbers beside them.</summary>
    public const string StructOps = """
        struct sock;
        struct tcp_congestion_ops { char name[16]; u32 (*undo_cwnd)(struct sock *); u32 (*ssthresh)(struct sock *); u32 flags; void (*init)(struct sock *); };
        char _license[] SEC("license") = "GPL";
        SEC("struct_ops/threshold") u32 threshold(u64 *ctx) { return 8; }
        SEC("struct_ops.s/undo") u32 undo(u64 *ctx) { return 9; }
        SEC(".struct_ops.link") struct tcp_congestion_ops first = { .name = "first", .ssthresh = (void *)threshold, .undo_cwnd = (void *)undo, .flags = 5 };
        SEC(".struct_ops.link") struct tcp_congestion_ops second = { .name = "second", .ssthresh = (void *)threshold };
        SEC(".struct_ops") struct tcp_congestion_ops third = { .undo_cwnd = (void *)undo };
        """;

    /// <summary>A map as objects before BTF had them.</summary>
    public const string OldMaps = """
        struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };
        struct bpf_map_def SEC("maps") first = { 1, 4, 8, 16, 0 };
        struct bpf_map_def SEC("maps") second = { 2, 4, 16, 3, 0x400 };
        u32 _version SEC("version") = 0x50a00;
        SEC("socket") int use(void *ctx) { u32 key = 2; return map_lookup_elem(&second, &key) != 0 | map_lookup_elem(&first, &key) != 0; }
        """;
}
