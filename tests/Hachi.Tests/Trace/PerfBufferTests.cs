using System.Text.RegularExpressions;
using Hachi.Btf;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Lower;
using Hachi.Linux.Kernel;
using Hachi.Linux.Run;
using Hachi.Object.Plan;
using Hachi.Tests.Tracing;
using Hachi.Uapi;

namespace Hachi.Tests.Trace;

/// <summary>What is compiled for a kernel without ring buffers sends its records through perf buffers: the same output, in order of time, what is lost counted by probe.</summary>
public sealed class PerfBufferTests
{
    private static readonly KernelFacts s_facts = new();

    [Theory]
    [InlineData("BEGIN { printf(\"%d %s %x\\n\", 1, \"a\", 255); time(\"now\\n\"); print((1, \"two\")); @n = 7; print(@n); clear(@n); errorf(\"e\"); exit(3); } END { printf(\"end\\n\"); }", "1 a ff\nnow\n(1, two)\n@n: 7\nend\n\n")]
    [InlineData("BEGIN { $i = 0; while ($i < 40) { $i++; print($i); } exit(); }", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n22\n23\n24\n25\n26\n27\n28\n29\n30\n31\n32\n33\n34\n35\n36\n37\n38\n39\n40\n\n")]
    public void It_prints_the_same(string script, string expected)
    {
        (string output, _, TraceCompilation made) = Run(script, null);
        Assert.Equal(expected, output);
        Assert.DoesNotContain(made.Object!.Maps, map => map.Type == MapType.Ringbuf);
    }

    [Fact]
    public void Records_of_all_processors_come_in_order_of_time_and_none_is_missing()
    {
        using var one = new Caller(20000);
        using var two = new Caller(20000);
        (string output, string errors, _) = Run($"config = {{ perf_rb_pages = 4096 }} tracepoint:syscalls:sys_enter_getppid /pid == {one.Pid} || pid == {two.Pid}/ {{ printf(\"%llu %d\\n\", nsecs, pid); }} interval:s:3 {{ exit(); }}", () =>
        {
            one.Go();
            two.Go();
        });
        long[] times = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => long.Parse(line.Split(' ')[0]))];
        Assert.Equal((40000, ""), (times.Length, string.Concat(Regex.Matches(errors, "Lost.*"))));
        // What is printed was read a moment before the record was made.
        const long Moment = 200_000;
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(pair.Second > pair.First - Moment));
    }

    [Fact]
    public void What_finds_no_room_is_counted()
    {
        using var work = new Caller(100000);
        (string output, string errors, _) = Run($"config = {{ perf_rb_pages = 1 }} tracepoint:syscalls:sys_enter_getppid /pid == {work.Pid}/ {{ printf(\"%s %s\\n\", comm, str(0)); @ = count(); }} interval:s:3 {{ exit(); }}", work.Go);
        long printed = output.Split('\n').LongCount(line => line.StartsWith("hachi_work ", StringComparison.Ordinal)), lost = Regex.Matches(errors, @"Lost (\d+) events").Sum(match => long.Parse(match.Groups[1].Value));
        Assert.Contains("@: 100000\n", output);
        Assert.True(printed + lost == 100000, $"{printed} printed, {lost} lost; {errors}");
    }

    [Fact]
    public void Output_within_a_loop_that_the_kernel_calls_is_refused() =>
        Assert.Contains("on kernels before 5.8", string.Join('\n', TraceCompiler.Compile("BEGIN { @m[1] = 2; for ($kv : @m) { print($kv); } }", new TraceOptions(), new Old(s_facts)).Diagnostics));

    private static (string Output, string Errors, TraceCompilation Made) Run(string script, Action? attached)
    {
        Tools.NeedRoot();
        TraceCompilation made = TraceCompiler.Compile(script, new TraceOptions(), new Old(s_facts));
        Assert.True(made.Object is not null, string.Join('\n', made.Diagnostics));
        using var output = new StringWriter();
        using var errors = new StringWriter();
        using (var run = new TraceRun(made.Object, output, errors, new TraceRunOptions { Attached = attached }))
            run.Run();
        return (output.ToString(), errors.ToString(), made);
    }

    /// <summary>A process that makes so many calls when it is told to.</summary>
    private sealed class Caller : IDisposable
    {
        private readonly System.Diagnostics.Process _process;

        public Caller(int calls) => _process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("sh", ["-c", $"read x; exec {Workload.Program} calls {calls}"]) { RedirectStandardInput = true })!;

        public int Pid => _process.Id;

        public void Go() => _process.StandardInput.Close();

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }

    /// <summary>This kernel, said to be 5.7.</summary>
    private sealed class Old(IKernelFacts facts) : IKernelFacts
    {
        public BtfTypes? Types => facts.Types;

        public int Processors => facts.Processors;

        public uint Version => 0x50700;

        public BtfTypes? ModuleTypes(string module) => facts.ModuleTypes(module);

        public TracepointFormat? Tracepoint(string category, string name) => facts.Tracepoint(category, name);

        public IReadOnlyList<(string Target, string Name)>? Expand(ProbeKind kind, string target, string name) => facts.Expand(kind, target, name);

        public IReadOnlyList<string>? ProbeArguments(string file, string name) => facts.ProbeArguments(file, name);

        public ulong? AddressOf(string? file, string symbol) => facts.AddressOf(file, symbol);
    }
}
