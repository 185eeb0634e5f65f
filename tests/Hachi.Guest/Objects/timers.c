// A timer whose callback starts it again.
struct bpf_timer { u64 opaque[2]; } __attribute__((aligned(8)));
struct clock { struct bpf_timer timer; u64 ticks; };
struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, struct clock); } clocks SEC(".maps");
char _license[] SEC("license") = "GPL";
static long (*timer_init)(struct bpf_timer *timer, void *map, u64 flags) = (void *)169;
static long (*timer_set_callback)(struct bpf_timer *timer, void *callback) = (void *)170;
static long (*timer_start)(struct bpf_timer *timer, u64 nanoseconds, u64 flags) = (void *)171;

static int tick(void *map, u32 *key, struct clock *clock)
{
    clock->ticks++;
    timer_start(&clock->timer, 1000000, 0);
    return 0;
}

SEC("tc") int run(void *ctx)
{
    u32 key = 0;
    struct clock *clock = map_lookup_elem(&clocks, &key);
    if (!clock)
        return -1;
    timer_init(&clock->timer, &clocks, 1);
    timer_set_callback(&clock->timer, tick);
    return timer_start(&clock->timer, 0, 0);
}
