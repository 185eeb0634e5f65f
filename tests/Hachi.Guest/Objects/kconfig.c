// What the kernel's configuration says.
extern int LINUX_KERNEL_VERSION __attribute__((section(".kconfig")));
extern int CONFIG_HZ __attribute__((section(".kconfig")));
extern _Bool CONFIG_BPF_SYSCALL __attribute__((section(".kconfig")));
extern int CONFIG_HACHI_NEVER_WAS __attribute__((section(".kconfig"), weak));
char _license[] SEC("license") = "GPL";
u64 version, hertz, has_bpf, never;

SEC("socket") int run(void *ctx)
{
    version = LINUX_KERNEL_VERSION;
    hertz = CONFIG_HZ;
    has_bpf = CONFIG_BPF_SYSCALL;
    never = CONFIG_HACHI_NEVER_WAS;
    return 7;
}
