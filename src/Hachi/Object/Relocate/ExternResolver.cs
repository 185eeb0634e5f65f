using System.Collections.Immutable;
using System.Text;
using Hachi.Btf;
using Hachi.Btf.Relocate;
using Hachi.Isa;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Object.Relocate;

/// <summary>
/// Fills in what an object needs of the kernel by name: functions (kfuncs), variables and symbols (ksyms), options of the configuration, which become the read-only map <c>.kconfig</c>. What is weak
/// and missing is 0, or a call that no verifier accepts.
/// </summary>
public static class ExternResolver
{
    /// <summary>Name of the map that holds options of the configuration.</summary>
    public const string ConfigurationMap = ".kconfig";

    /// <summary>Number of the helper that is called where a weak function of the kernel is missing; the extern's index is added. libbpf uses the same.</summary>
    public const int PoisonedCallBase = 2_002_000_000;

    /// <summary>Fills in the externs. Nothing throws: what is missing is a diagnostic. The object that comes back has none, and its types are those that a kernel accepts.</summary>
    public static ExternResult Apply(BpfObject bpf, ExternFacts facts)
    {
        ArgumentNullException.ThrowIfNull(bpf);
        ArgumentNullException.ThrowIfNull(facts);
        if (bpf.Externs.IsEmpty)
            return new ExternResult(bpf, [], []);
        var run = new ExternRun(bpf, facts);
        BpfObject? done = run.Apply();
        return new ExternResult(run.Diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error) ? null : done, run.Diagnostics, run.Modules);
    }
}

/// <summary>One filling in.</summary>
internal sealed class ExternRun(BpfObject bpf, ExternFacts facts)
{
    private readonly Insn[][] _code = [.. bpf.Programs.Select(program => program.Insns.ToArray())];
    private readonly ConfigurationData _configuration = new(facts);
    private BtfTypes? _types;

    public List<Diagnostic> Diagnostics { get; } = [];

    public List<ModuleUse> Modules { get; } = [];

    public BpfObject Apply()
    {
        _ = BtfReader.TryRead(bpf.Btf.AsMemory(), out _types, out _);
        for (int i = 0; i < bpf.Externs.Length; i++)
        {
            ExternSpec each = bpf.Externs[i];
            if (each.Kind == ExternKind.Kconfig)
                ApplyOption(each);
            else if (_types is not null && _types[each.BtfType].Kind == BtfKind.Func)
                ApplyFunction(each, i);
            else
                ApplySymbol(each);
        }
        ImmutableArray<MapSpec> maps = bpf.Maps;
        if (_configuration.Bytes.Count > 0)
            maps = maps.Add(new MapSpec(ExternResolver.ConfigurationMap, MapType.Array, 4, (uint)_configuration.Bytes.Count, 1)
            {
                Data = [.. _configuration.Bytes],
                IsFrozen = true,
                Flags = (uint)MapFlags.RdonlyProg,
            });
        return bpf with
        {
            Programs = [.. bpf.Programs.Select((program, i) => program with { Insns = [.. _code[i]] })],
            Maps = maps,
            Externs = [],
            Btf = _types is null ? bpf.Btf : [.. ExternTypes.WithoutExterns(_types)],
        };
    }

    private void ApplyOption(ExternSpec each)
    {
        int offset = 0;
        string? wrong = _types is null || _types[each.BtfType].Kind != BtfKind.Var ? "the object does not tell its type" : _configuration.TryAdd(_types, each, out offset);
        if (wrong is not null)
        {
            Report(DiagnosticTable.ExternOption, each.Name, wrong);
            return;
        }
        foreach ((int program, int slot) in Uses(each))
            if (IsWide(program, slot))
                Put(program, slot, Pseudo.MapIdxValue, bpf.Maps.Length, offset);
    }

    // A function of the kernel, called or asked for its address.
    private void ApplyFunction(ExternSpec each, int index)
    {
        (uint id, string module) = Find(BtfKind.Func, each);
        uint own = _types![each.BtfType].SizeOrType;
        if (id != 0 && !new TypeCompare(_types, TypesOf(module)).Agree(own, TypesOf(module)[id].SizeOrType))
        {
            if (!each.IsWeak)
                Report(DiagnosticTable.ExternDiffers, each.Name);
            id = 0;
        }
        else if (id == 0 && !each.IsWeak)
            Report(DiagnosticTable.ExternMissing, "function", each.Name);
        foreach ((int program, int slot) in Uses(each))
        {
            Span<Insn> code = _code[program];
            if (IsWide(program, slot))
                Put(program, slot, id == 0 ? 0 : Pseudo.BtfId, (int)id, 0);
            else if (id == 0)
                InsnPatch.Poison(code, slot, ExternResolver.PoisonedCallBase + index);
            else
                code[slot] = code[slot] with { Src = Pseudo.KfuncCall, Imm = (int)id, Offset = 0 };
            if (id != 0 && module.Length > 0)
                Modules.Add(new ModuleUse(program, slot, module));
        }
    }

    // A variable that the kernel's types describe, or any symbol as an address.
    private void ApplySymbol(ExternSpec each)
    {
        uint own = _types is null ? 0 : _types.Resolve(_types[each.BtfType].SizeOrType);
        bool isTyped = _types is not null && _types[each.BtfType].Kind == BtfKind.Var && own != 0;
        (uint id, string module) = isTyped ? Find(BtfKind.Var, each) : default;
        if (id != 0 && !new TypeCompare(_types!, TypesOf(module)).Agree(own, TypesOf(module).Resolve(TypesOf(module)[id].SizeOrType)))
        {
            Report(DiagnosticTable.ExternDiffers, each.Name);
            return;
        }
        ulong? address = isTyped ? null : facts.AddressOf(WithoutFlavour(each.Name));
        if (id == 0 && address is null && !each.IsWeak)
            Report(DiagnosticTable.ExternMissing, isTyped ? "variable with a type" : "symbol", each.Name);
        foreach ((int program, int slot) in Uses(each))
        {
            if (!IsWide(program, slot))
                continue;
            if (id != 0)
                Put(program, slot, Pseudo.BtfId, (int)id, 0);
            else
                Put(program, slot, 0, (int)(address ?? 0), (int)((address ?? 0) >> 32));
            if (id != 0 && module.Length > 0)
                Modules.Add(new ModuleUse(program, slot, module));
        }
    }

    private BtfTypes TypesOf(string module) => module.Length == 0 ? facts.Kernel! : facts.Modules.First(each => each.Name == module).Types;

    private (uint Id, string Module) Find(BtfKind kind, ExternSpec each)
    {
        string name = WithoutFlavour(each.Name);
        if (facts.Kernel?.Find(kind, name) is > 0 and uint id)
            return (id, "");
        foreach ((string module, BtfTypes types) in facts.Modules)
            if (types.Find(kind, name) is > 0 and uint found)
                return (found, module);
        return (0, "");
    }

    private static string WithoutFlavour(string name) => Encoding.UTF8.GetString(BtfTypes.WithoutFlavour(Encoding.UTF8.GetBytes(name)));

    private IEnumerable<(int Program, int Slot)> Uses(ExternSpec each) =>
        each.Uses.Where(use => (uint)use.Program < (uint)_code.Length && (uint)use.Slot < (uint)_code[use.Program].Length);

    private bool IsWide(int program, int slot) => _code[program][slot].IsWide && slot + 1 < _code[program].Length;

    private void Put(int program, int slot, int source, int first, int second)
    {
        Insn[] code = _code[program];
        code[slot] = code[slot] with { Src = (byte)source, Imm = first };
        code[slot + 1] = code[slot + 1] with { Imm = second };
    }

    private void Report(DiagnosticInfo info, params ReadOnlySpan<object?> args)
    {
        if (Diagnostics.Count < Limits.DiagnosticsMax)
            Diagnostics.Add(info.At(default, args));
    }
}
