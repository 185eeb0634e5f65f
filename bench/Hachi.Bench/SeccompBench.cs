using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Linux.Sandbox;
using Hachi.Uapi;

namespace Hachi.Bench;

/// <summary>
/// Our filters against libseccomp's: how long the kernel takes to load one, and what a call costs under it. Filters are installed on threads of a process
/// that is started for nothing else. And how much longer commands take while they are learned.
/// </summary>
internal static partial class SeccompBench
{
    private const int Loads = 40, CallsPerRound = 20_000, Rounds = 15;

    private static readonly (string Name, int[] Arguments)[] s_calls =
        [("getppid", []), ("personality", [-1]), ("socket", [40, 1, 0]), ("clone3", [0, 0]), ("mount", [0, 0, 0]), ("swapoff", [0])];

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint Syscall(nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_init")]
    private static partial nint Init(uint action);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_rule_add_array")]
    private static unsafe partial int RuleAdd(nint context, uint action, int number, uint count, ArgCmp* conditions);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_export_bpf")]
    private static partial int Export(nint context, int fd);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_attr_set")]
    private static partial int SetAttribute(nint context, int attribute, uint value);

    [StructLayout(LayoutKind.Sequential)]
    private struct ArgCmp
    {
        public uint Arg;
        public int Op;
        public ulong A, B;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct SockFprog
    {
        public ushort Length;
        public nint Filter;
    }

    /// <summary>Compares the filters of a profile.</summary>
    public static void Run(string profile, string folder)
    {
        SeccompPolicy policy = OciProfile.Read(File.ReadAllText(profile), new OciContext { Architectures = [SeccompArchitecture.X86_64], AnswersEnosys = false }).Policy!;
        var filters = new List<(string Name, ClassicProgram Program)>
        {
            ("hachi", SeccompCompiler.Compile(policy).Program!),
            ("libseccomp", ByLibseccomp(policy, folder, false)),
            ("libseccomp tree", ByLibseccomp(policy, folder, true)),
        };
        Console.WriteLine($"{"",-18}{"insns",7}{"load us",10}{string.Concat(s_calls.Select(call => $"{call.Name,14}"))}   (nanoseconds a call)");
        foreach ((string name, ClassicProgram program) in filters)
        {
            string file = Path.Combine(folder, "filter.bpf");
            File.WriteAllBytes(file, ClassicNumbers.Encode(program.Insns));
            using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. Arguments(), "seccomp-child", file]) { RedirectStandardOutput = true })!;
            string[] numbers = child.StandardOutput.ReadToEnd().Split(' ', StringSplitOptions.RemoveEmptyEntries);
            child.WaitForExit();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-18}{program.Length,7}{numbers[0],10}{string.Concat(numbers[1..].Select(number => $"{number.Trim(),14}"))}"));
        }
    }

    /// <summary>In a process of its own: loads a filter on thread after thread, then makes calls under it.</summary>
    public static unsafe void Child(string file)
    {
        byte[] bytes = GC.AllocateArray<byte>((int)new FileInfo(file).Length, pinned: true);
        File.ReadAllBytes(file).CopyTo(bytes, 0);
        var fprog = new SockFprog { Length = (ushort)(bytes.Length / 8), Filter = Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 0) };
        SyscallTable table = SyscallTable.Of(SeccompFilter.Native);
        nint prctl = table.Find("prctl")!.Number, seccomp = table.Find("seccomp")!.Number;
        double least = double.MaxValue;
        double[] costs = new double[s_calls.Length];
        Array.Fill(costs, double.MaxValue);
        for (int i = 0; i < Loads; i++)
        {
            bool isLast = i == Loads - 1;
            var thread = new Thread(() =>
            {
                Syscall(prctl, 38, 1);
                SockFprog mine = fprog;
                long start = Stopwatch.GetTimestamp();
                nint result = Syscall(seccomp, 1, 0, (nint)(&mine));
                double took = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
                if (result != 0)
                    throw new InvalidOperationException("the filter was not installed");
                least = Math.Min(least, took);
                if (isLast)
                    Calls(table, costs);
            });
            thread.Start();
            thread.Join();
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{least:F0} {string.Join(' ', costs.Select(cost => cost.ToString("F0", CultureInfo.InvariantCulture)))}"));
    }

    /// <summary>How much longer a command takes while it is learned.</summary>
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    public static void Learn(string[] command, int repeats)
    {
        string path = SandboxedProcess.FindProgram(command[0], Environment.GetEnvironmentVariable("PATH")) ?? throw new ArgumentException("no such program");
        var start = new SandboxStart { Path = path, Arguments = command };
        var ask = new SeccompAction(SeccompActionKind.UserNotif);
        ClassicProgram withBase = SeccompCompiler.Compile(new SeccompPolicyBuilder(ask).OtherArchitectures(ask).Allow([.. ProfileWriter.BaseLibc]).Build(SeccompFilter.Native)).Program!;
        Learn(start, withBase, "all but the base pack", repeats);
        Learn(start, SyscallRecorder.Filter, "every call", repeats);
    }

    private static void Learn(SandboxStart start, ClassicProgram filter, string what, int repeats)
    {
        var bare = new List<double>();
        var learned = new List<double>();
        long calls = 0;
        for (int i = 0; i < repeats; i++)
        {
            long at = Stopwatch.GetTimestamp();
            using (SandboxedProcess process = SandboxedProcess.Start(start))
                process.Wait();
            bare.Add(Stopwatch.GetElapsedTime(at).TotalMilliseconds);
            var recorder = new SyscallRecorder(new Dictionary<string, byte>());
            at = Stopwatch.GetTimestamp();
            using (SandboxedProcess process = SandboxedProcess.Start(start with { Filter = filter, Listens = true }))
                recorder.Watch(process);
            learned.Add(Stopwatch.GetElapsedTime(at).TotalMilliseconds);
            calls = recorder.Count;
        }
        bare.Sort();
        learned.Sort();
        double before = bare[repeats / 2], after = learned[repeats / 2];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"bare {before:F1} ms, learning {what} {after:F1} ms: {after / before:F2}x (medians of {repeats}; {calls} calls)"));
    }

    private static void Calls(SyscallTable table, double[] costs)
    {
        for (int round = 0; round < Rounds; round++)
            for (int c = 0; c < s_calls.Length; c++)
            {
                nint number = table.Find(s_calls[c].Name)!.Number;
                nint[] arguments = [.. s_calls[c].Arguments.Select(argument => (nint)(uint)argument), 0, 0, 0];
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < CallsPerRound; i++)
                    Syscall(number, arguments[0], arguments[1], arguments[2]);
                costs[c] = Math.Min(costs[c], Stopwatch.GetElapsedTime(start).TotalNanoseconds / CallsPerRound);
            }
    }

    private static string[] Arguments() => Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? [Path.Combine(AppContext.BaseDirectory, "Hachi.Bench.dll")] : [];

    private static unsafe ClassicProgram ByLibseccomp(SeccompPolicy policy, string folder, bool binaryTree)
    {
        nint context = Init(policy.DefaultAction.Value);
        if (binaryTree)
            _ = SetAttribute(context, 8, 2); // SCMP_FLTATR_CTL_OPTIMIZE
        ArgCmp* conditions = stackalloc ArgCmp[SeccompData.ArgumentsMax];
        foreach (SeccompCall call in policy.Architectures[0].Calls.Values)
            foreach (SeccompRule rule in call.Rules)
            {
                for (int i = 0; i < rule.Conditions.Count; i++)
                {
                    SeccompCondition condition = rule.Conditions[i];
                    bool isMasked = condition.Operator == SeccompOperator.MaskedEqual;
                    conditions[i] = new ArgCmp { Arg = (uint)condition.Index, Op = 1 + (int)condition.Operator, A = isMasked ? condition.Mask : condition.Value, B = isMasked ? condition.Value : 0 };
                }
                _ = RuleAdd(context, rule.Action.Value, call.Info.Number, (uint)rule.Conditions.Count, conditions);
            }
        string file = Path.Combine(folder, "libseccomp.bpf");
        using (var stream = new FileStream(file, FileMode.Create))
            _ = Export(context, (int)stream.SafeFileHandle.DangerousGetHandle());
        ClassicNumbers.TryDecode(File.ReadAllBytes(file), out ClassicInsn[] insns);
        return new ClassicProgram(insns);
    }
}
