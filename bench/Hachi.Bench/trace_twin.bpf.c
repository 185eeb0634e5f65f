// The twin of four one-liners, as one writes them by hand on libbpf: a value of its own for each processor, changed in place.
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 wanted = 0;

struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } counter SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 4096); __type(key, char[16]); __type(value, __u64); } names SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 66); __type(key, __u32); __type(value, __u64); } buckets SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4096); __type(key, __u32); __type(value, __u64); } started SEC(".maps");

static __always_inline int is_other(void)
{
    return (bpf_get_current_pid_tgid() >> 32) != wanted;
}

static __always_inline __u32 log2_of(__u64 v)
{
    __u32 r = 0, shift;
    if (v == 0)
        return 0;
    shift = (v > 0xffffffffULL) << 5; v >>= shift; r |= shift;
    shift = (v > 0xffff) << 4; v >>= shift; r |= shift;
    shift = (v > 0xff) << 3; v >>= shift; r |= shift;
    shift = (v > 0xf) << 2; v >>= shift; r |= shift;
    shift = (v > 0x3) << 1; v >>= shift; r |= shift;
    return (r | (__u32)(v >> 1)) + 1;
}

static __always_inline void observe(__u64 v)
{
    __u32 at = log2_of(v);
    __u64 *bucket = bpf_map_lookup_elem(&buckets, &at);
    if (bucket)
        *bucket += 1;
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int count(void *ctx)
{
    __u32 zero = 0;
    if (is_other())
        return 0;
    __u64 *n = bpf_map_lookup_elem(&counter, &zero);
    if (n)
        *n += 1;
    return 0;
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int by_comm(void *ctx)
{
    char name[16];
    __u64 one = 1, *n;
    if (is_other())
        return 0;
    bpf_get_current_comm(name, sizeof name);
    n = bpf_map_lookup_elem(&names, name);
    if (n)
        *n += 1;
    else
        bpf_map_update_elem(&names, name, &one, BPF_NOEXIST);
    return 0;
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int hist(void *ctx)
{
    if (is_other())
        return 0;
    observe(bpf_ktime_get_ns());
    return 0;
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int pair_enter(void *ctx)
{
    __u32 thread = (__u32)bpf_get_current_pid_tgid();
    __u64 now;
    if (is_other())
        return 0;
    now = bpf_ktime_get_ns();
    bpf_map_update_elem(&started, &thread, &now, BPF_ANY);
    return 0;
}

SEC("tracepoint/syscalls/sys_exit_getppid")
int pair_exit(void *ctx)
{
    __u32 thread = (__u32)bpf_get_current_pid_tgid();
    __u64 *start;
    if (is_other())
        return 0;
    start = bpf_map_lookup_elem(&started, &thread);
    if (!start || !*start)
        return 0;
    observe(bpf_ktime_get_ns() - *start);
    bpf_map_delete_elem(&started, &thread);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
