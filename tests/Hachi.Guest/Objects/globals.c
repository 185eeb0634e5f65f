// Constants, variables with and without a first value, and what a test run gives of them.
static volatile const u32 factor = 3;
static u64 start = 40, total;
char _license[] SEC("license") = "GPL";

SEC("socket") int run(void *ctx)
{
    start += 1;
    total += start * factor;
    return total;
}
