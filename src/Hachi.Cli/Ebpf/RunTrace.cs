using Hachi.Cli.Verbs;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Vm;
using Hachi.Vm.Debug;

namespace Hachi.Cli.Ebpf;

/// <summary>The lines of <c>run --trace</c>: slot, instruction, and what it changed.</summary>
internal sealed class RunTrace(BpfObject bpf, TextWriter output)
{
    private const int ColumnsMax = 44;

    private readonly Dictionary<ProgramSpec, Dictionary<int, string>> _lines = new(ReferenceEqualityComparer.Instance);
    private readonly ulong[] _before = new ulong[Limits.Registers];
    private readonly SourceLines _sources = new(bpf);
    private string? _pending;
    private SourceLine? _source;

    /// <summary>The watch.</summary>
    public bool Before(VmStep step)
    {
        Finish(step.Registers);
        ProgramSpec program = step.Program.Spec;
        if (!_lines.TryGetValue(program, out Dictionary<int, string>? lines))
            _lines[program] = lines = ObjectPrinter.Lines(bpf, program).ToDictionary(line => line.Slot, line => line.Text.Trim());
        if (_sources.At(program, step.Slot) is { } source && source.Place != _source?.Place)
            output.WriteLine(Escaper.Escape($"{source.Place}: {source.Text}"));
        _source = _sources.At(program, step.Slot);
        string text = Escaper.Escape(lines.GetValueOrDefault(step.Slot, ""));
        _pending = $"{step.Slot,5}: {new string(' ', (step.Depth - 1) * 2)}{text}";
        step.Registers.CopyTo(_before);
        return true;
    }

    /// <summary>The last line.</summary>
    public void End(VmResult result)
    {
        if (_pending is null)
            return;
        output.WriteLine(_pending);
        _pending = null;
        if (result.Fault is not null)
            output.WriteLine($"       stopped after {result.FuelUsed} units of fuel");
    }

    // What the instruction changed is known in front of the next one. Calls change r0 to r5 at most in ways that matter; r0 is shown.
    private void Finish(ReadOnlySpan<ulong> registers)
    {
        if (_pending is null)
            return;
        string changes = "";
        for (int i = 0; i < Limits.Registers; i++)
            if (registers[i] != _before[i])
                changes += $"  r{i} {RunVerb.Hex(registers[i])}";
        output.WriteLine(changes.Length == 0 ? _pending : _pending.PadRight(ColumnsMax) + changes);
        _pending = null;
    }
}
