// Programs on programs: one that takes the place of a global function of another, and those that look at its entry and exit.
char _license[] SEC("license") = "GPL";
u64 entries, returned;

SEC("freplace/square") int instead(u32 x)
{
    return x + 1;
}

SEC("fentry/square") int enter(u64 *ctx)
{
    entries++;
    return 0;
}

SEC("fexit/square") int leave(u64 *ctx)
{
    returned = (u32)ctx[1];
    return 0;
}
