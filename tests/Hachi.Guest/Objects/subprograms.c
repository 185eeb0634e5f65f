// Static and global functions, and a table of programs to go on to.
char _license[] SEC("license") = "GPL";
static u32 seen;

__noinline int square(u32 x)
{
    return x * x;
}

static __noinline u32 add(u32 a, u32 b)
{
    return a + square(b);
}

SEC("socket") int last(void *ctx)
{
    return seen + 1000;
}

struct {
    __uint(type, 3);
    __uint(max_entries, 2);
    __type(key, u32);
    __array(values, int(void *));
} table SEC(".maps") = { .values = { [1] = (void *)&last } };

SEC("socket") int run(void *ctx)
{
    seen = add(5, 4);
    tail_call(ctx, &table, 1);
    return -1;
}
