using System.Collections.Immutable;
using Hachi.Ir.Build;
using Hachi.Ir.Emit.Allocate;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;

namespace Hachi.Ir.Emit;

/// <summary>From functions in SSA form to a program. The pipeline of each function: lower, place and order values, select instructions, allocate registers, lay out; then they are linked.</summary>
internal sealed class ProgramEmitter
{
    private readonly ProgramBuilder _program;
    private readonly EmitOptions _options;
    private readonly List<Diagnostic> _diagnostics = [];
    private readonly List<CodeLayout.Result> _functions = [];

    private ProgramEmitter(ProgramBuilder program, EmitOptions options) => (_program, _options) = (program, options);

    /// <summary>Emits a program.</summary>
    public static EmittedProgram Emit(ProgramBuilder program, EmitOptions options) => new ProgramEmitter(program, options).Run();

    private EmittedProgram Run()
    {
        foreach (FunctionBuilder function in _program.Functions)
            EmitFunction(function);
        CheckStack();
        ImmutableArray<int> stack = [.. _functions.Select(function => function.StackBytes)];
        if (_diagnostics.Count > 0)
            return new EmittedProgram(null, [], stack, [.. _diagnostics]);
        var code = new List<Insn>();
        var origins = new List<int>();
        int[] starts = new int[_functions.Count];
        for (int i = 0; i < starts.Length; i++)
        {
            starts[i] = code.Count;
            code.AddRange(_functions[i].Insns);
            origins.AddRange(_functions[i].Origins);
        }
        Link(code, starts);
        FunctionSpec[] specs = [.. _program.Functions.Select((function, i) => new FunctionSpec(function.Name, starts[i], function.IsGlobal))];
        var spec = new ProgramSpec(_program.Name, _program.Type, [.. code]) { Section = _program.Section, Functions = [.. specs] };
        return new EmittedProgram(spec, [.. origins], stack, []);
    }

    private void EmitFunction(FunctionBuilder function)
    {
        IrFunction lowered = EbpfLowering.Run(function.Function, _options.Level);
        LirFunction lir = Selector.Run(lowered, function.Slots, _options.Level);
        if (!RegisterAllocator.Run(lir, _options.Registers))
            Report(DiagnosticTable.EmitRegisters, -1, function.Name);
        BlockMerging.Run(lir);
        EdgeCopies.Hoist(lir);
        BlockMerging.Run(lir);
        CodeLayout.Result result = CodeLayout.Run(lir, _options.Level);
        if (result.StackBytes > Limits.StackBytesMax)
            Report(DiagnosticTable.EmitStack, -1, function.Name, result.StackBytes, Limits.StackBytesMax);
        if (result.IsTooLong)
            Report(DiagnosticTable.EmitTooLong, -1, function.Name, result.Insns.Count);
        CheckLevel(function, result);
        _functions.Add(result);
    }

    // What the level of instructions lacks and nothing replaces.
    private void CheckLevel(FunctionBuilder function, in CodeLayout.Result result)
    {
        for (int i = 0; i < result.Insns.Count && _options.Level < 3; i++)
        {
            Insn insn = result.Insns[i];
            if ((insn.Opcode & (Opcode.ClassMask | Opcode.ModeMask)) == (Opcode.Stx | Opcode.Atomic) && insn.Imm != Opcode.Add)
                Report(DiagnosticTable.EmitLevel, result.Origins[i], function.Name, "an atomic operation that gives a result", 3);
        }
    }

    // The kernel adds up the frames along each chain of calls, each rounded up to 32 bytes.
    private void CheckStack()
    {
        int count = _functions.Count;
        var callees = new HashSet<int>[count];
        for (int i = 0; i < count; i++)
            callees[i] = [.. _functions[i].Insns.Where(insn => insn.Opcode == (Opcode.Jmp | Opcode.Call) && insn.Src == Pseudo.Call).Select(insn => insn.Imm)];
        int[] depth = new int[count], frames = new int[count];
        for (int round = 0; round <= count; round++) // as many rounds as the longest chain has functions: one more means a ring
        {
            bool changed = false;
            for (int i = 0; i < count; i++)
            {
                int deepest = callees[i].Select(callee => depth[callee]).DefaultIfEmpty(0).Max() + Math.Max(32, (_functions[i].StackBytes + 31) & ~31);
                int most = callees[i].Select(callee => frames[callee]).DefaultIfEmpty(0).Max() + 1;
                changed |= deepest != depth[i] || most != frames[i];
                (depth[i], frames[i]) = (deepest, most);
            }
            if (!changed)
                break;
            if (round == count)
            {
                Report(DiagnosticTable.EmitRecursion, -1, _program.Name);
                return;
            }
        }
        if (depth[0] > Limits.StackBytesMax && callees[0].Count > 0)
            Report(DiagnosticTable.EmitStack, -1, $"{_program.Name} with what it calls", depth[0], Limits.StackBytesMax);
        if (frames[0] > Limits.CallFramesMax)
            Report(DiagnosticTable.EmitFrames, -1, _program.Name, frames[0], Limits.CallFramesMax);
    }

    // Calls and callbacks name functions by their distance.
    private static void Link(List<Insn> code, int[] starts)
    {
        for (int i = 0; i < code.Count; i++)
        {
            Insn insn = code[i];
            if ((insn.Opcode == (Opcode.Jmp | Opcode.Call) && insn.Src == Pseudo.Call) || (insn.IsWide && insn.Src == Pseudo.Func))
                code[i] = insn with { Imm = starts[insn.Imm] - i - 1 };
            if (insn.IsWide)
                i++;
        }
    }

    private void Report(DiagnosticInfo what, int origin, params ReadOnlySpan<object?> args) => _diagnostics.Add(what.At(new TextSpan(origin, 0), args));
}
