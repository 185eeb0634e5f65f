using System.Text.Json;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Uapi;

namespace Hachi.Tests.Linux;

/// <summary><c>hachi doctor</c> as root, as nobody, in a user namespace and with CAP_BPF alone: the built command line, each time.</summary>
public sealed class DoctorTests
{
    private sealed record Report(JsonElement Root)
    {
        public Dictionary<(string Kind, string Name), JsonElement> Features { get; } =
            Root.GetProperty("features").EnumerateArray().ToDictionary(each => (each.GetProperty("kind").GetString()!, each.GetProperty("name").GetString()!));

        public string Of(string kind, string name) => Features[(kind, name)].GetProperty("available").GetString()!;

        public string Reason(string kind, string name) => Features[(kind, name)].GetProperty("reason").GetString()!;

        public IEnumerable<JsonElement> Kind(string kind) => Features.Where(each => each.Key.Kind == kind).Select(each => each.Value);
    }

    // As somebody else: setpriv and unshare take the command behind their own options.
    private static Report Doctor(params string[] wrapper)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("needs Linux");
        string[] command = [.. wrapper, Tools.Need("dotnet"), Path.Combine(AppContext.BaseDirectory, "Hachi.Cli.dll"), "doctor", "--json"];
        ToolResult run = Tools.Run(Tools.Need(command[0]), command[1..]);
        if (wrapper.Length > 0 && run.ExitCode != 0)
            Assert.Skip($"{wrapper[0]} cannot run the build here: {run.Error}");
        Assert.Equal(0, run.ExitCode);
        return new Report(JsonDocument.Parse(run.Text).RootElement);
    }

    [Fact]
    public void Root_sees_what_there_is_and_nothing_stays()
    {
        Tools.NeedRoot();
        List<uint> programs = [.. Program.AllIds()];
        Report report = Doctor();
        foreach (string name in (string[])["hash", "array", "percpu_hash", "lru_hash", "lpm_trie", "ringbuf", "array_of_maps"])
            Assert.Equal("yes", report.Of("map", name));
        foreach (string name in (string[])["socket_filter", "sched_cls", "xdp", "tracepoint", "cgroup_skb"])
            Assert.Equal("yes", report.Of("program", name));
        Assert.Equal("yes", report.Of("instructions", "v3"));
        Assert.Equal("yes", report.Of("helper", "bpf_map_lookup_elem"));
        Assert.Equal("yes", report.Of("attach", "raw_tracepoint"));
        EveryNoHasAReason(report);
        NothingIsNewerThanTheKernel(report);
        // Other tests load programs at the same time; none of theirs has no name and two instructions.
        Assert.DoesNotContain(Program.AllIds().Except(programs), id => IsProbe(id));
    }

    [Fact]
    public void Kinds_agree_with_bpftool()
    {
        Tools.NeedRoot();
        Report report = Doctor();
        using var features = JsonDocument.Parse(Tools.RunOk(Tools.Need("bpftool"), ["-j", "feature", "probe", "kernel"]).Text);
        int compared = 0;
        // What it reports of structures and of kinds that want more than a name is wrong in the versions that distributions have.
        foreach ((string part, string kind, string[] odd) in (ReadOnlySpan<(string, string, string[])>)
            [("map_types", "map", ["struct_ops"]), ("program_types", "program", ["tracing", "struct_ops", "ext", "lsm", "syscall", "sk_lookup", "netfilter"])])
            foreach (JsonProperty type in features.RootElement.GetProperty(part).EnumerateObject())
            {
                string name = type.Name[5..^(kind == "map" ? "_map_type".Length : "_prog_type".Length)];
                if (odd.Contains(name) || !report.Features.ContainsKey((kind, name)))
                    continue;
                compared++;
                Assert.Equal((name, type.Value.GetBoolean()), (name, report.Of(kind, name) == "yes"));
            }
        Assert.InRange(compared, 40, 100);
    }

    [Fact]
    public void Nobody_learns_which_capabilities_are_missing()
    {
        Tools.NeedRoot();
        if (KernelState.Current.UnprivilegedBpfDisabled is 0)
            Assert.Skip("this machine allows BPF to everybody");
        Report report = Doctor("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups");
        Assert.Equal(65534, report.Root.GetProperty("uid").GetInt32());
        Assert.Empty(report.Root.GetProperty("capabilities").EnumerateArray());
        Assert.All(report.Kind("map").Concat(report.Kind("program")), each => Assert.NotEqual("yes", each.GetProperty("available").GetString()));
        Assert.Equal(("denied", "denied"), (report.Of("program", "kprobe"), report.Of("map", "hash")));
        Assert.Contains("CAP_BPF and CAP_PERFMON", report.Reason("program", "kprobe"));
        Assert.Contains("CAP_BPF and CAP_NET_ADMIN", report.Reason("program", "xdp"));
        Assert.Contains("unprivileged_bpf_disabled", report.Reason("program", "socket_filter"));
        Assert.Equal("yes", report.Of("attach", "socket_classic"));
        Assert.Equal("no", report.Of("machine", "CAP_BPF"));
        EveryNoHasAReason(report);
        NothingIsNewerThanTheKernel(report);
    }

    [Fact]
    public void In_a_user_namespace_capabilities_do_not_count()
    {
        Tools.NeedRoot();
        Report report = Doctor("unshare", "-Ur");
        Assert.False(report.Root.GetProperty("initialUserNamespace").GetBoolean());
        Assert.Contains("user namespace", report.Reason("machine", "user namespace"));
        if (KernelState.Current.UnprivilegedBpfDisabled is not 0)
            Assert.Contains("user namespace", report.Reason("program", "socket_filter"));
        Assert.Contains("user namespace", report.Reason("program", "xdp"));
        EveryNoHasAReason(report);
    }

    // The kernel is the oracle of the table: with CAP_BPF alone exactly that works which the table says needs no more.
    [Fact]
    public void Cap_bpf_alone_is_enough_for_what_the_table_says()
    {
        Tools.NeedRoot();
        if (KernelState.Current.Version < KernelNeeds.Capabilities)
            Assert.Skip("CAP_BPF exists since Linux 5.8");
        const string Bpf = "-all,+bpf";
        Report root = Doctor(), report = Doctor("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", $"--inh-caps={Bpf}", $"--ambient-caps={Bpf}", $"--bounding-set={Bpf}");
        Assert.Equal("CAP_BPF", Assert.Single(report.Root.GetProperty("capabilities").EnumerateArray()).GetString());
        foreach (ProgramType type in Enum.GetValues<ProgramType>())
            if (KernelNeeds.Of(type) is { } need && root.Of("program", type.Name()) == "yes")
                AssertNeed("program", type.Name(), need);
        foreach (MapType type in Enum.GetValues<MapType>())
            if (KernelNeeds.Of(type) is { } need && root.Of("map", type.Name()) == "yes")
                AssertNeed("map", type.Name(), need);

        void AssertNeed(string kind, string name, KernelNeed need)
        {
            Assert.Equal((name, need.Capability is null ? "yes" : "denied"), (name, report.Of(kind, name)));
            if (need.Capability is { } capability)
                Assert.Contains(capability.KernelName(), report.Reason(kind, name));
        }
    }

    [Fact]
    public void Helpers_of_a_type_are_those_that_the_kernel_lets_it_call()
    {
        Tools.NeedRoot();
        using var json = JsonDocument.Parse(CommandRun.Hachi("doctor", "--helpers", "socket_filter", "--json").Text);
        var report = new Report(json.RootElement.Clone());
        Assert.Equal("yes", report.Of("helper", "bpf_skb_load_bytes"));
        Assert.Equal(("no", "not for socket_filter programs in this kernel"), (report.Of("helper", "bpf_xdp_adjust_head"), report.Reason("helper", "bpf_xdp_adjust_head")));
        Assert.Equal(2, CommandRun.Hachi("doctor", "--helpers", "socket_filtre").Status);
    }

    [Fact]
    public void The_text_has_every_part_and_can_be_read_in_a_terminal()
    {
        Tools.NeedRoot();
        string text = CommandRun.Hachi("doctor").Text;
        foreach (string part in (string[])["machine and process: ", "programs: ", "maps: ", "places to attach to: ", "instructions: ", "helpers: "])
            Assert.Contains("\n" + part, text);
        Assert.DoesNotContain(text, c => c is < ' ' and not '\n' or > '~');
    }

    private static void EveryNoHasAReason(Report report)
    {
        foreach (JsonElement each in report.Features.Values)
            Assert.True(each.GetProperty("available").GetString() == "yes" || each.TryGetProperty("reason", out _), each.ToString());
    }

    private static void NothingIsNewerThanTheKernel(Report report)
    {
        Version version = KernelState.Current.Version;
        foreach (ProgramType type in Enum.GetValues<ProgramType>())
            if (KernelNeeds.Of(type) is { } need && need.Since > version)
                Assert.Contains($"since Linux {need.Since}", report.Reason("program", type.Name()));
        foreach (MapType type in Enum.GetValues<MapType>())
            if (KernelNeeds.Of(type) is { } need && need.Since > version)
                Assert.Contains($"since Linux {need.Since}", report.Reason("map", type.Name()));
    }

    private static bool IsProbe(uint id)
    {
        try
        {
            using Program program = Program.Open(id);
            return program.Name.Length == 0 && program.Type == ProgramType.LwtSeg6local;
        }
        catch (Hachi.Linux.BpfException)
        {
            return false;
        }
    }
}
