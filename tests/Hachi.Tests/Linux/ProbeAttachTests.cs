using Hachi.Isa;
using Hachi.Linux;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Tests.Linux;

/// <summary>Programs on events of this process: each counts into a map, and the count is seen.</summary>
public sealed class ProbeAttachTests
{
    // Counts in slot 0 when the thread is the one whose number stands in slot 1; every probe is filtered inside the program.
    private const string Counter = """
        .license "GPL"
        .map counts array key 4 value 8 entries 2
        .program count KIND
                call bpf_get_current_pid_tgid
                w6 = w0
                *(u32 *)(r10 - 4) = 1
                r2 = r10
                r2 += -4
                r1 = map[counts] ll
                call bpf_map_lookup_elem
                if r0 == 0 goto out
                r7 = *(u64 *)(r0 + 0)
                if r7 != r6 goto out
                *(u32 *)(r10 - 4) = 0
                r2 = r10
                r2 += -4
                r1 = map[counts] ll
                call bpf_map_lookup_elem
                if r0 == 0 goto out
                r1 = 1
                lock *(u64 *)(r0 + 0) += r1
        out:    r0 = 0
                exit
        """;

    /// <summary>The counting program, of a kind.</summary>
    internal static BpfObject Spec(ProgramType type) => ObjectParser.Parse(Counter.Replace("KIND", type.Name(), StringComparison.Ordinal)).Object!;

    [Fact]
    public void Numbers_of_system_calls_are_those_of_the_table()
    {
        SyscallTable table = SyscallTable.Of(Hachi.Linux.Sys.SeccompCalls.Native ?? SeccompArchitecture.X86_64);
        foreach (System.Reflection.FieldInfo field in typeof(Syscall).GetFields().Where(field => field.FieldType == typeof(int)))
        {
            string name = string.Concat(field.Name.Select((c, i) => char.IsUpper(c) && i > 0 ? "_" + char.ToLowerInvariant(c) : char.ToLowerInvariant(c).ToString()));
            Assert.True(table.Find(name)?.Number == (int)field.GetValue(null)!, $"{field.Name} ({name}): {field.GetValue(null)} here, {table.Find(name)?.Number} in the table");
        }
    }

    [Fact]
    public void A_tracepoint_counts_each_call()
    {
        Assert.Equal(1000, Count(ProgramType.Tracepoint, program => program.AttachTracepoint("syscalls", "sys_enter_getppid"), Calls(1000)));
    }

    [Fact]
    public void A_raw_tracepoint_sees_every_system_call()
    {
        Assert.InRange(Count(ProgramType.RawTracepoint, program => program.AttachRawTracepoint("sys_enter"), Calls(500)), 500, 2000);
    }

    [Theory]
    [InlineData("c", "getpgid", false)]
    [InlineData("libc.so.6", "getpgid@GLIBC_2.2.5", false)]
    [InlineData("libc", "getpgid", true)]
    public void A_uprobe_counts_calls_of_a_library(string library, string symbol, bool isReturn)
    {
        const int Calls = 100;
        UprobeTarget target = UprobeTarget.Find(library, symbol);
        Assert.Equal(Calls, Count(ProgramType.Kprobe, program => program.AttachUprobe(target, new ProbeOptions { IsReturn = isReturn, Pid = Environment.ProcessId }), () =>
        {
            for (int i = 0; i < Calls; i++)
                _ = GetPgid(0);
        }));
    }

    [Fact]
    public void Names_of_a_library_are_those_that_nm_finds()
    {
        string nm = Tools.Need("nm", "binutils");
        string path = UprobeTarget.ResolvePath("c");
        using OpenElf elf = OpenElf.Open(path);
        var ours = elf.File.Names().Select(name => $"{name.Address:x16} {name.Name}{(name.Version.Length > 0 ? "@" + name.Version : "")}").ToHashSet();
        string[] theirs = [.. Tools.Run(nm, ["-D", "--defined-only", path]).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .Where(row => row[1] is "T" or "W" or "i" or "t" or "w").Select(row => $"{row[0]} {row[2].Replace("@@", "@", StringComparison.Ordinal)}")];
        Assert.True(theirs.Length > 1000);
        Assert.Empty(theirs.Except(ours));
    }

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "getpgid")]
    private static extern int GetPgid(int pid);

    [Fact]
    public void Samples_come_while_it_works()
    {
        Assert.InRange(Count(ProgramType.PerfEvent, program => program.AttachPerfEvent(PerfEventSpec.Sampling(997)), () =>
        {
            for (long until = Environment.TickCount64 + 300; Environment.TickCount64 < until;)
                Thread.SpinWait(100);
        }), 20, 1000);
    }

    [Fact]
    public void What_is_not_there_is_told()
    {
        Tools.NeedRoot();
        using Program program = Program.Load(ProgramType.Tracepoint, [new Insn(0xb7), new Insn(0x95)]);
        Assert.Contains("no tracepoint syscalls:sys_enter_nothing", Assert.Throws<BpfException>(() => program.AttachTracepoint("syscalls", "sys_enter_nothing")).Message);
        using Program raw = Program.Load(ProgramType.RawTracepoint, [new Insn(0xb7), new Insn(0x95)]);
        Assert.Contains("no such tracepoint", Assert.Throws<BpfException>(() => raw.AttachRawTracepoint("nothing_at_all")).Message);
    }

    private static Action Calls(int count) => () =>
    {
        for (int i = 0; i < count; i++)
            Syscall.Invoke((int)SeccompCalls.Number("getppid"));
    };

    /// <summary>How often a program counted this thread between attaching and detaching.</summary>
    internal static long Count(ProgramType type, Func<Program, Link> attach, Action work)
    {
        Tools.NeedRoot();
        BpfObject spec = Spec(type);
        using LoadedObject loaded = spec.Load();
        Map counts = loaded.Map("counts");
        // All on this one thread: what else runs here does not count.
        counts.Set([1, 0, 0, 0], BitConverter.GetBytes((ulong)Syscall.Invoke((int)SeccompCalls.Number("gettid"))));
        byte[] value = new byte[8];
        using (Link link = attach(loaded.Program("count")))
            work();
        Assert.True(counts.TryGet(new byte[4], value));
        long seen = BitConverter.ToInt64(value);
        work();
        Assert.True(counts.TryGet(new byte[4], value));
        Assert.Equal(seen, BitConverter.ToInt64(value));
        return seen;
    }
}
