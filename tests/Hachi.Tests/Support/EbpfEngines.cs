using Hachi.Isa;
using Hachi.Vm;
using Hachi.Vm.Jit;
using Hachi.Vm.Machine;

namespace Hachi.Tests.Support;

/// <summary>The engines that tests run eBPF on.</summary>
internal static class EbpfEngines
{
    /// <summary>All that this build has.</summary>
    public static VmEngine[] All => EbpfJit.HasX64 ? [VmEngine.Interpreter, VmEngine.Il, VmEngine.X64] : [VmEngine.Interpreter, VmEngine.Il];

    /// <summary>
    /// The engines that take part in a case of a long run: all of them, but IL only in every n-th where <c>HACHI_IL_EVERY</c> says n (the runtime's compiler is nine tenths of such a run).
    /// </summary>
    public static VmEngine[] For(int index) => index % s_ilEvery == 0 ? All : s_withoutIl;

    /// <summary>What to say of the cases that IL took no part in.</summary>
    public static string Note => s_ilEvery == 1 ? "all engines" : $"IL in one of {s_ilEvery}";

    private static readonly int s_ilEvery = int.TryParse(Environment.GetEnvironmentVariable("HACHI_IL_EVERY"), out int every) && every > 0 ? every : 1;
    private static readonly VmEngine[] s_withoutIl = [.. All.Where(engine => engine != VmEngine.Il)];

    /// <summary>Loads a program; the helper that the conformance suite calls by number 5 is there.</summary>
    public static VmLoad Load(ReadOnlySpan<Insn> insns, VmEngine engine, long fuel = 1L << 32) =>
        VmObject.Load(insns, new VmOptions { Engine = engine, Fuel = fuel, Helpers = s_helpers });

    // What the suite's runner registers: 5 gives 0 for the arguments of its cases.
    private static readonly Dictionary<int, HelperBody> s_helpers = new() { [5] = static _ => 0 };
}
