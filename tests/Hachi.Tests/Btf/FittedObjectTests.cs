using Hachi.Linux;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Object;

namespace Hachi.Tests.Btf;

/// <summary>Objects that depend on the kernel's types are loaded and read the right places.</summary>
public sealed class FittedObjectTests
{
    [Fact]
    public void A_program_finds_its_way_in_the_running_kernel()
    {
        Tools.NeedRoot();
        _ = KernelTypesTests.Kernel();
        BpfObject bpf = ElfObjectReader.Read(Clang.Build(CoreSources.Macros + """
            static u64 (*get_current_pid_tgid)(void) = (void *)14;
            static u64 (*get_current_task)(void) = (void *)35;
            static long (*probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
            struct task_struct { int tgid; struct task_struct *group_leader; } CORE;
            struct task_struct___never { u64 no_such_member; } CORE;
            extern int LINUX_KERNEL_VERSION SEC(".kconfig");
            extern unsigned char LINUX_HAS_BPF_COOKIE SEC(".kconfig") __attribute__((weak));
            int version, found, cookie;
            SEC("raw_tp/sched_switch") int look(void *ctx)
            {
                struct task_struct *task = (void *)get_current_task(), *leader = 0;
                int tgid = 0;
                probe_read_kernel(&leader, sizeof leader, &task->group_leader);
                probe_read_kernel(&tgid, sizeof tgid, &leader->tgid);
                version = LINUX_KERNEL_VERSION;
                cookie = LINUX_HAS_BPF_COOKIE;
                struct task_struct___never *never = (void *)task;
                if (field(2, never->no_such_member))
                    tgid += never->no_such_member;
                found = tgid;
                return tgid == (int)(get_current_pid_tgid() >> 32);
            }
            char gpl[] SEC("license") = "GPL";
            """)).Object!;
        using LoadedObject loaded = bpf.Load();
        Assert.Equal(1u, loaded.Program("look").Run().ReturnValue);
        byte[] values = new byte[bpf.Maps.Single(map => map.Name == ".bss").ValueSize];
        Assert.True(loaded.Map(".bss").TryGet([0, 0, 0, 0], values));
        Assert.Equal(new KernelFacts().Version, BitConverter.ToUInt32(values, bpf.Variable("version").Offset));
        Assert.Equal(Environment.ProcessId, BitConverter.ToInt32(values, bpf.Variable("found").Offset));
        Assert.Equal(1, BitConverter.ToInt32(values, bpf.Variable("cookie").Offset));
    }

    [Fact]
    public void What_cannot_be_filled_in_is_named()
    {
        _ = KernelTypesTests.Kernel();
        BpfObject bpf = ElfObjectReader.Read(Clang.Build("extern int bpf_no_such_function(int x) SEC(\".ksyms\"); SEC(\"tc\") int f(void *c) { return bpf_no_such_function(1); }")).Object!;
        Assert.Contains("bpf_no_such_function", Assert.Throws<BpfException>(() => bpf.Load()).Message);
    }
}
