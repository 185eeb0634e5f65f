using System.Collections.Immutable;
using Hachi.Btf;
using Hachi.Btf.Relocate;
using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Object.Relocate;

/// <summary>What was filled in at one instruction.</summary>
/// <param name="Program">The program, by index.</param>
/// <param name="Slot">The instruction.</param>
/// <param name="Kind">What was asked.</param>
/// <param name="Text">Of what: <c>struct task_struct.pid</c>.</param>
/// <param name="Local">The number that the compiler wrote, for its own types.</param>
/// <param name="Target">The number for the kernel's types.</param>
/// <param name="IsMissing">Whether the kernel has nothing there: the instruction is now a call that no verifier accepts (<see cref="CoreRelocator.PoisonedCall"/>).</param>
public sealed record CoreChange(int Program, int Slot, CoreRelocationKind Kind, string Text, ulong Local, ulong Target, bool IsMissing);

/// <summary>An object fitted to a kernel.</summary>
/// <param name="Object">The object, its relocations done; null when there are errors.</param>
/// <param name="Diagnostics">What there is to say.</param>
/// <param name="Changes">What was filled in.</param>
public sealed record CoreResult(BpfObject? Object, IReadOnlyList<Diagnostic> Diagnostics, IReadOnlyList<CoreChange> Changes)
{
    /// <summary>Whether there is an object.</summary>
    public bool Success => Object is not null;
}

/// <summary>
/// "Compile once, run everywhere": fills in what instructions need to know of the kernel's types, all 13 kinds of it (linux/bpf.h, <c>enum bpf_core_relo_kind</c>). Types are matched by name without
/// flavour (<c>task_struct___old</c>), fields by name wherever they stand, candidates chosen per type over the whole object. What the kernel does not have becomes a call that no verifier accepts, so
/// that it does no harm where programs ask first whether it is there.
/// </summary>
public static class CoreRelocator
{
    /// <summary>Number of the helper that is called where something is missing; the kernel's log says "invalid func unknown#195896080".</summary>
    public const int PoisonedCall = InsnPatch.PoisonedCall;

    /// <summary>Fits an object to a kernel. Nothing throws: what cannot be filled in is a diagnostic.</summary>
    /// <param name="bpf">The object.</param>
    /// <param name="kernel">The kernel's types.</param>
    /// <param name="modules">Types of modules, which go on from the kernel's; looked at for names that the kernel does not have.</param>
    public static CoreResult Apply(BpfObject bpf, BtfTypes kernel, IReadOnlyList<BtfTypes>? modules = null)
    {
        ArgumentNullException.ThrowIfNull(bpf);
        ArgumentNullException.ThrowIfNull(kernel);
        if (bpf.Programs.All(program => program.CoreRelocations.IsEmpty))
            return new CoreResult(bpf, [], []);
        var diagnostics = new List<Diagnostic>();
        if (!BtfReader.TryRead(bpf.Btf.AsMemory(), out BtfTypes? local, out string reason))
        {
            diagnostics.Add(DiagnosticTable.ElfBadBtf.At(default, ".BTF", reason));
            return new CoreResult(null, diagnostics, []);
        }
        var resolver = new CoreResolver(local!, [kernel, .. modules ?? []]);
        resolver.Narrow(bpf.Programs.SelectMany(program => program.CoreRelocations));
        var changes = new List<CoreChange>();
        ImmutableArray<ProgramSpec>.Builder programs = ImmutableArray.CreateBuilder<ProgramSpec>(bpf.Programs.Length);
        for (int i = 0; i < bpf.Programs.Length; i++)
            programs.Add(Apply(bpf.Programs[i], i, resolver, diagnostics, changes));
        bool isWrong = diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error);
        return new CoreResult(isWrong ? null : bpf with { Programs = programs.MoveToImmutable() }, diagnostics, changes);
    }

    private static ProgramSpec Apply(ProgramSpec program, int index, CoreResolver resolver, List<Diagnostic> diagnostics, List<CoreChange> changes)
    {
        Insn[] insns = [.. program.Insns];
        foreach (CoreRelocation relocation in program.CoreRelocations)
        {
            if (diagnostics.Count >= Limits.DiagnosticsMax)
                break;
            CoreAnswer answer = resolver.Resolve(relocation);
            string? poisoned = null;
            string? wrong = answer.Wrong ?? ((uint)relocation.Slot < (uint)insns.Length ? InsnPatch.Apply(insns, relocation.Slot, answer, out poisoned) : "there is no such instruction");
            if (wrong is not null)
            {
                string what = $"{CoreNames.Of(relocation.Kind)} of {(answer.Text.Length > 0 ? answer.Text : $"type {relocation.Type}")}";
                diagnostics.Add((answer.IsAmbiguous ? DiagnosticTable.CoreAmbiguous : DiagnosticTable.CoreWrong).At(default, program.Name, relocation.Slot, what, wrong));
                continue;
            }
            if (answer.IsMissing)
                diagnostics.Add(DiagnosticTable.CoreMissing.At(default, program.Name, relocation.Slot, answer.Text));
            else if (poisoned is not null)
                diagnostics.Add(DiagnosticTable.CoreUnfit.At(default, program.Name, relocation.Slot, answer.Text, poisoned));
            changes.Add(new CoreChange(index, relocation.Slot, relocation.Kind, answer.Text, answer.Local.Value, answer.Target.Value, answer.IsMissing || poisoned is not null));
        }
        return program with { Insns = [.. insns], CoreRelocations = [] };
    }
}
