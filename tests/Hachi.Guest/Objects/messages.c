// Records that come from user space, summed up.
struct { __uint(type, 31); __uint(max_entries, 4096); } messages SEC(".maps");
struct bpf_dynptr { u64 opaque[2]; } __attribute__((aligned(8)));
char _license[] SEC("license") = "GPL";
u64 sum, seen;
static long (*user_ringbuf_drain)(void *map, void *callback, void *ctx, u64 flags) = (void *)209;
static long (*dynptr_read)(void *to, u32 size, const struct bpf_dynptr *from, u32 offset, u64 flags) = (void *)201;

static long each(struct bpf_dynptr *message, void *ctx)
{
    u64 value = 0;
    if (dynptr_read(&value, sizeof(value), message, 0, 0) == 0) {
        sum += value;
        seen++;
    }
    return 0;
}

SEC("syscall") int run(void *ctx) { return user_ringbuf_drain(&messages, each, 0, 0); }
