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

    /// <summary>Loads a program; the helper that the conformance suite calls by number 5 is there.</summary>
    public static VmLoad Load(ReadOnlySpan<Insn> insns, VmEngine engine, long fuel = 1L << 32) =>
        VmObject.Load(insns, new VmOptions { Engine = engine, Fuel = fuel, Helpers = s_helpers });

    // What the suite's runner registers: 5 gives 0 for the arguments of its cases.
    private static readonly Dictionary<int, HelperBody> s_helpers = new() { [5] = static _ => 0 };
}
