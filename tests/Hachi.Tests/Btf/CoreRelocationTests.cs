using System.Globalization;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Object.Relocate;
using Hachi.Text;

namespace Hachi.Tests.Btf;

/// <summary>CO-RE: the same numbers at the same instructions as libbpf, on the running kernel's types and on types of our own.</summary>
public sealed class CoreRelocationTests
{
    [Fact]
    public void The_running_kernel_s_types() => AssertAsLibbpf(CoreSources.Kernel, null, 60);

    [Fact]
    public void Fields_that_moved_grew_and_hid() => AssertAsLibbpf(CoreSources.Corners, CoreSources.Target, 120);

    [Fact]
    public void Candidates_that_differ_are_refused_by_name()
    {
        BpfObject bpf = ElfObjectReader.Read(Clang.Build(CoreSources.Ambiguous)).Object!;
        CoreResult result = CoreRelocator.Apply(bpf, TypesOf(CoreSources.Target));
        Assert.Null(result.Object);
        Diagnostic diagnostic = result.Diagnostics.Single();
        Assert.Equal(DiagnosticTable.CoreAmbiguous.Id, diagnostic.Id);
        Assert.Contains("struct differs.x", diagnostic.Message);
        In(folder => Assert.True(Libbpf.Relocate(folder, Clang.Build(CoreSources.Ambiguous), TypesOf(CoreSources.Target).Section.ToArray()).IsAmbiguous));
    }

    [Fact]
    public void What_is_missing_is_told_and_does_no_harm()
    {
        BpfObject bpf = ElfObjectReader.Read(Clang.Build(CoreSources.Macros + """
            struct mixed { int gone; } CORE;
            SEC("xdp") int f(struct mixed *m) { return m->gone; }
            """)).Object!;
        CoreResult result = CoreRelocator.Apply(bpf, TypesOf(CoreSources.Target));
        Assert.Contains(result.Diagnostics, diagnostic => diagnostic.Id == DiagnosticTable.CoreMissing.Id && diagnostic.Message.Contains("struct mixed.gone"));
        CoreChange change = Assert.Single(result.Changes);
        Assert.True(change.IsMissing);
        Assert.Equal((Opcode.Jmp | Opcode.Call, CoreRelocator.PoisonedCall), (result.Object!.Programs[0].Insns[change.Slot].Opcode, result.Object.Programs[0].Insns[change.Slot].Imm));
        Assert.Empty(result.Object.Programs[0].CoreRelocations);
    }

    [Fact]
    public void Instructions_that_were_changed_are_refused()
    {
        BpfObject bpf = ElfObjectReader.Read(Clang.Build(CoreSources.Macros + "struct inner { long b; int a; } CORE; SEC(\"xdp\") int f(struct inner *m) { return m->a; }")).Object!;
        ProgramSpec program = bpf.Programs[0];
        int slot = program.CoreRelocations[0].Slot;
        BpfObject changed = bpf with { Programs = [program with { Insns = program.Insns.SetItem(slot, program.Insns[slot] with { Offset = 40 }) }] };
        Assert.Equal(DiagnosticTable.CoreWrong.Id, CoreRelocator.Apply(changed, TypesOf(CoreSources.Target)).Diagnostics.Single().Id);
        Assert.Equal(0, CoreRelocator.Apply(bpf, TypesOf(CoreSources.Target)).Object!.Programs[0].Insns[slot].Offset);
    }

    [Fact]
    public void Types_of_a_module_count_where_the_kernel_has_none()
    {
        BtfTypes kernel = TypesOf(CoreSources.Target);
        uint number = kernel.Find(BtfKind.Int, "int");
        var writer = new BtfWriter(kernel, isSplit: true);
        writer.Struct("of_module", 12, [new BtfMember("pad", number, 0, 0), new BtfMember("x", number, 64, 0)]);
        writer.Struct("inner", 20, [new BtfMember("a", number, 128, 0)]);
        Assert.True(BtfReader.TryRead(writer.ToArray(), kernel, out BtfTypes? module, out _));
        BpfObject bpf = ElfObjectReader.Read(Clang.Build(CoreSources.Macros + """
            struct of_module { int x; } CORE;
            struct inner { long b; int a; } CORE;
            SEC("xdp") int f(struct of_module *m) { return m->x; }
            SEC("xdp") int g(struct inner *m) { return m->a; }
            """)).Object!;
        CoreResult result = CoreRelocator.Apply(bpf, kernel, [module!]);
        Assert.Equal([8ul, 0ul], result.Changes.Select(change => change.Target));
        Assert.True(CoreRelocator.Apply(bpf, kernel).Changes[0].IsMissing);
    }

    internal static BtfTypes TypesOf(string source)
    {
        // No program stands in it, so the section is read as it is.
        byte[] file = Clang.Build(source + "\nSEC(\"xdp\") int no_program(void *c) { return 0; }");
        Assert.True(BtfReader.TryRead(ElfObjectReader.Read(file).Object!.Btf.AsMemory(), out BtfTypes? types, out string reason), reason);
        return types!;
    }

    internal static void AssertAsLibbpf(string source, string? target, int changesMin, string note = "") =>
        AssertAsLibbpf(source, target is null ? KernelTypesTests.Kernel().Types : TypesOf(target), isRunning: target is null, changesMin, note);

    /// <summary>The same changes as libbpf, for types that are the running kernel's or stand for it.</summary>
    internal static void AssertAsLibbpf(string source, BtfTypes types, bool isRunning, int changesMin, string note = "") => In(folder =>
    {
        byte[] file = Clang.Build(source);
        BpfObject bpf = ElfObjectReader.Read(file).Object!;
        CoreResult result = CoreRelocator.Apply(bpf, types);
        (SortedSet<string> expected, bool isAmbiguous, string log) = Libbpf.Relocate(folder, file, isRunning ? null : types.Section.ToArray());
        Assert.Equal(isAmbiguous, result.Diagnostics.Any(diagnostic => diagnostic.Id == DiagnosticTable.CoreAmbiguous.Id));
        // Both refuse accesses whose size cannot be changed, and bits that lie too far apart; libbpf stops there.
        bool isRefused = result.Diagnostics.Any(diagnostic => diagnostic.Id == DiagnosticTable.CoreWrong.Id);
        Assert.True(isRefused == log.Contains("failed to perform CO-RE relocations", StringComparison.Ordinal), string.Join('\n', result.Diagnostics.Select(diagnostic => diagnostic.Message)) + note + log);
        if (isRefused)
            return;
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Select(diagnostic => diagnostic.Message)) + note);
        Assert.True(expected.Count >= changesMin, $"libbpf changed only {expected.Count}: {log}{note}");
        SortedSet<string> found = Changes(bpf, result);
        Assert.True(found.SetEquals(expected), $"only ours: {string.Join(", ", found.Except(expected))}\nonly libbpf's: {string.Join(", ", expected.Except(found))}\n{note}{log}");
    });

    private static SortedSet<string> Changes(BpfObject bpf, CoreResult result)
    {
        var all = new SortedSet<string>(StringComparer.Ordinal);
        foreach (CoreChange change in result.Changes)
        {
            ProgramSpec program = bpf.Programs[change.Program];
            FunctionSpec function = program.Functions.Last(function => function.Start <= change.Slot);
            string At(int slot) => $"{function.Name}+{slot - function.Start}";
            Insn old = program.Insns[change.Slot], insn = result.Object!.Programs[change.Program].Insns[change.Slot];
            if (change.IsMissing)
            {
                all.Add(At(change.Slot) + " invalid");
                if (old.IsWide)
                    all.Add(At(change.Slot + 1) + " invalid");
            }
            else if (old.IsWide)
                all.Add($"{At(change.Slot)} imm64={(ulong)Insn.WideImm(insn, result.Object.Programs[change.Program].Insns[change.Slot + 1])}");
            else if (Opcode.IsAlu(old.Opcode))
                all.Add($"{At(change.Slot)} imm={(uint)insn.Imm}");
            else
            {
                all.Add($"{At(change.Slot)} off={insn.Offset}");
                if (insn.Opcode != old.Opcode)
                    all.Add($"{At(change.Slot)} mem_sz={Opcode.SizeOf(insn.Opcode).ToString(CultureInfo.InvariantCulture)}");
            }
        }
        return all;
    }

    private static void In(Action<string> what)
    {
        string folder = Directory.CreateTempSubdirectory("hachi-core-").FullName;
        try
        {
            what(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
