using Hachi.Linux.Kernel;
using Hachi.Uapi;

namespace Hachi.Tests.Linux;

/// <summary>What an error number probably means: on kernels and processes that are made up, so that the tests say the same everywhere.</summary>
public sealed class ReasonTests
{
    private const ulong All = ulong.MaxValue, None = 0;

    private static ulong Bit(params Capability[] capabilities) => capabilities.Aggregate(0UL, (sum, each) => sum | 1UL << (int)each);

    private static KernelState State(string version, ulong capabilities, int seccomp = 0, bool isInitial = true, string? lockdown = null, long? memlock = null) => new()
    {
        Version = Version.Parse(version),
        Capabilities = capabilities,
        SeccompMode = seccomp,
        IsInitialUserNamespace = isInitial,
        UnprivilegedBpfDisabled = 2,
        Lockdown = lockdown,
        MemlockBytes = memlock,
    };

    private static string Of(BpfCommand command, ErrorNumber errno, ReasonContext context) => Reasons.Of(command, (int)errno, context)!.Reason;

    [Fact]
    public void Permission_names_the_first_obstacle()
    {
        string Load(ProgramType type, KernelState state) => Of(BpfCommand.ProgLoad, ErrorNumber.EPERM, new ReasonContext { ProgramType = type, State = state });
        Assert.Equal("this process lacks CAP_BPF and CAP_PERFMON (kernel.unprivileged_bpf_disabled is 2)", Load(ProgramType.Kprobe, State("6.1", None)));
        Assert.Equal("this process lacks CAP_PERFMON, which is needed beside CAP_BPF", Load(ProgramType.Kprobe, State("6.1", Bit(Capability.Bpf))));
        Assert.Equal("this process lacks CAP_NET_ADMIN, which is needed beside CAP_BPF", Load(ProgramType.Xdp, State("6.1", Bit(Capability.Bpf, Capability.Perfmon))));
        Assert.Contains("user namespace", Load(ProgramType.Xdp, State("6.1", All, isInitial: false)));
        Assert.Contains("before 5.8 ask for CAP_SYS_ADMIN", Load(ProgramType.Xdp, State("5.4", Bit(Capability.NetAdmin))));
        Assert.Contains("limit of locked memory is 64 KiB", Load(ProgramType.Xdp, State("5.4", All, memlock: 65536)));
        Assert.Contains("seccomp filter", Load(ProgramType.Xdp, State("6.1", All, seccomp: 2)));
        Assert.Contains("lockdown is \"integrity\"", Load(ProgramType.Tracing, State("6.1", All, lockdown: "integrity")));
        Assert.Contains("forbids it by policy", Load(ProgramType.Lsm, State("6.18", All)));
        Assert.Contains("CAP_SYS_ADMIN, which the kernel asks for where things are named by number", Of(BpfCommand.MapGetFdById, ErrorNumber.EPERM, new ReasonContext { State = State("6.1", Bit(Capability.Bpf)) }));
        Assert.Contains("hides bpf(2)", Of(BpfCommand.ProgLoad, ErrorNumber.ENOSYS, new ReasonContext { State = State("6.1", All, seccomp: 2) }));
    }

    [Fact]
    public void What_is_newer_than_the_kernel_is_said_so()
    {
        KernelState old = State("5.4", All), late = State("6.18", All);
        Assert.Equal("a netfilter program exists since Linux 6.4, this is 5.4", Of(BpfCommand.ProgLoad, ErrorNumber.EINVAL, new ReasonContext { ProgramType = ProgramType.Netfilter, State = old }));
        Assert.Equal("a ringbuf map exists since Linux 5.8, this is 5.4", Of(BpfCommand.MapCreate, ErrorNumber.EINVAL, new ReasonContext { MapType = MapType.Ringbuf, State = old }));
        Assert.Equal("tcx_ingress exists since Linux 6.6, this is 5.4", Of(BpfCommand.LinkCreate, ErrorNumber.EINVAL, new ReasonContext { Place = "tcx_ingress", Need = new KernelNeed(new Version(6, 6)), State = old }));
        Assert.Equal("a ringbuf map does not take these sizes or flags", Of(BpfCommand.MapCreate, ErrorNumber.EINVAL, new ReasonContext { MapType = MapType.Ringbuf, State = late }));
        Assert.Null(Reasons.Of(BpfCommand.ProgLoad, (int)ErrorNumber.EINVAL, new ReasonContext { ProgramType = ProgramType.Netfilter, HasLog = true, State = old }));
    }

    [Fact]
    public void Sizes_logs_and_the_rest_have_their_words()
    {
        KernelState state = State("6.18", All);
        Assert.Contains("no instructions", Of(BpfCommand.ProgLoad, ErrorNumber.E2BIG, new ReasonContext { InsnCount = 0, State = state }));
        Assert.Contains("5000 instructions are more", Of(BpfCommand.ProgLoad, ErrorNumber.E2BIG, new ReasonContext { InsnCount = 5000, State = State("6.18", None) }));
        Assert.Contains("older than a field", Of(BpfCommand.LinkCreate, ErrorNumber.E2BIG, new ReasonContext { State = state }));
        Assert.Contains("log did not fit", Of(BpfCommand.ProgLoad, ErrorNumber.ENOSPC, new ReasonContext { State = state }));
        Assert.Contains("ENOTSUPP", Reasons.Of(BpfCommand.ProgLoad, 524, new ReasonContext { ProgramType = ProgramType.StructOps, State = state })!.Reason);
        Assert.Contains("BPF file system", Of(BpfCommand.ObjPin, ErrorNumber.EPERM, new ReasonContext { State = state }));
        Assert.Contains("no such key", Of(BpfCommand.MapLookupElem, ErrorNumber.ENOENT, new ReasonContext { State = state }));
        Assert.Null(Reasons.Of(BpfCommand.MapFreeze, (int)ErrorNumber.EILSEQ, new ReasonContext { State = state }));
    }

    [Fact]
    public void No_combination_fails()
    {
        KernelState[] states = [State("6.18", All), State("4.9", None), State("0.0", None, 2, false)];
        foreach (BpfCommand command in Enum.GetValues<BpfCommand>())
            foreach (KernelState state in states)
                for (int errno = 0; errno < 530; errno++)
                    foreach (ReasonContext context in (ReasonContext[])[new ReasonContext(), new ReasonContext { ProgramType = (ProgramType)999 }, new ReasonContext { MapType = MapType.Arena }])
                        Assert.True(Reasons.Of(command, errno, context with { State = state })?.ToString() is null or { Length: > 10 });
    }

    [Fact]
    public void Every_kind_has_its_version_and_helpers_are_in_the_order_of_time()
    {
        Assert.All(Enum.GetValues<ProgramType>().Where(type => type != ProgramType.Unspec), type => Assert.True(KernelNeeds.Of(type) is not null, type.Name()));
        Assert.All(Enum.GetValues<MapType>().Where(type => type != MapType.Unspec), type => Assert.True(KernelNeeds.Of(type) is not null, type.Name()));
        Assert.All(HelperTable.All, helper => Assert.True(KernelNeeds.Of(helper.Id) is not null, helper.Name));
        Assert.Equal((new Version(5, 8), new Version(6, 1), new Version(6, 2)), (KernelNeeds.Of(Helper.RingbufReserve), KernelNeeds.Of(Helper.UserRingbufDrain), KernelNeeds.Of(Helper.CgrpStorageGet)));
    }

    [Fact]
    public void State_is_read_from_files_and_damaged_files_do_no_harm()
    {
        var files = new Dictionary<string, string>
        {
            ["/proc/sys/kernel/osrelease"] = "6.1.0-56-cloud-amd64\n",
            ["/proc/self/status"] = "Name:\tx\nUid:\t1000\t1001\t1000\t1000\nCapEff:\t000000c000201000\nSeccomp:\t2\n",
            ["/proc/self/uid_map"] = "         0       1000          1\n",
            ["/proc/sys/kernel/unprivileged_bpf_disabled"] = "1\n",
            ["/sys/kernel/security/lockdown"] = "none [integrity] confidentiality\n",
            ["/proc/self/limits"] = "Limit                     Soft Limit           Hard Limit           Units     \nMax locked memory         65536                65536                bytes     \n",
            ["/proc/self/mounts"] = "bpf /sys/fs/bpf bpf rw 0 0\ntracefs /sys/kernel/tracing tracefs rw 0 0\n",
        };
        KernelState state = KernelState.Read(files.GetValueOrDefault);
        Assert.Equal((new Version(6, 1, 0), 1001, 2, false, 1, "integrity", 65536L), (state.Version, state.UserId, state.SeccompMode, state.IsInitialUserNamespace, state.UnprivilegedBpfDisabled, state.Lockdown, state.MemlockBytes));
        Assert.True(state.Has(Capability.Bpf) && state.Has(Capability.Perfmon) && state.Has(Capability.NetAdmin) && state.Has(Capability.SysAdmin) && !state.Has(Capability.Syslog));
        Assert.Equal("/sys/fs/bpf", state.Mounts["bpf"]);
        Assert.Equal(new Version(0, 0), KernelState.Read(_ => null).Version);
        Random random = Volume.Random(nameof(State_is_read_from_files_and_damaged_files_do_no_harm));
        for (int round = 0; round < 300; round++)
            KernelState.Read(path => files.GetValueOrDefault(path) is { } text ? text[..random.Next(text.Length)] + (char)random.Next(256) : null);
    }
}
