using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

/// <summary>
/// Finds the type of everything in a script. What maps and variables hold follows from all that is assigned to them anywhere, so the script is walked until nothing changes, and only then
/// once more to say what is wrong.
/// </summary>
internal sealed partial class Checker
{
    private const int RoundsMax = 12;

    private readonly CheckedScript _script;
    private readonly IKernelFacts _facts;
    private readonly List<Diagnostic> _diagnostics;
    private readonly Dictionary<Node, VariableInfo> _declared = [];
    private readonly List<Dictionary<string, VariableInfo>> _scopes = [];
    private readonly Dictionary<string, string> _options = new(StringComparer.Ordinal);
    private CheckedProgram _program = null!;
    private bool _isFinal, _changed;
    private int _loops;
    private int _dead; // branches around this place that are never taken

    private Checker(CheckedScript script, IKernelFacts facts, List<Diagnostic> diagnostics) => (_script, _facts, _diagnostics) = (script, facts, diagnostics);

    /// <summary>Checks a script.</summary>
    /// <param name="script">The script.</param>
    /// <param name="options">What the command line says.</param>
    /// <param name="facts">What the machine is.</param>
    /// <param name="diagnostics">What is wrong is added here.</param>
    public static CheckedScript Check(Script script, TraceOptions options, IKernelFacts facts, List<Diagnostic> diagnostics)
    {
        var copier = new TreeCopier(script, diagnostics);
        var settings = new Settings(script, options, diagnostics);
        var types = new TypeResolver(script, facts, value => ConstantOf(copier.Copy(value)));
        var maps = new Dictionary<string, MapInfo>(StringComparer.Ordinal);
        foreach (Item item in script.Items)
            Items(item, types, copier, maps, diagnostics);
        List<CheckedProgram> programs = new ProbeExpander(script, options, facts, types, settings, copier, diagnostics).Programs();
        if (programs.Count == 0 && script.Items.OfType<ProbeItem>().FirstOrDefault() is ProbeItem first && !diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error))
            diagnostics.Add(DiagnosticTable.TraceNoProbes.At(first.Points[0].Span));
        var made = new CheckedScript { Text = script.Text, Programs = programs, Maps = maps, Infos = [], Settings = settings, Types = types, Options = options };
        new Checker(made, facts, diagnostics).Run();
        return made;
    }

    private static long? ConstantOf(Expr value) => value switch
    {
        IntegerExpr integer => (long)integer.Value,
        UnaryExpr unary when !unary.IsPostfix && ConstantOf(unary.Operand) is long operand => unary.Op switch { "-" => unchecked(-operand), "~" => ~operand, "+" => operand, "!" => operand == 0 ? 1 : 0, _ => null },
        BinaryExpr binary when ConstantOf(binary.Left) is long a && ConstantOf(binary.Right) is long b => Fold.Binary(binary.Op, a, b, isSigned: true),
        _ => null,
    };

    private static void Items(Item item, TypeResolver types, TreeCopier copier, Dictionary<string, MapInfo> maps, List<Diagnostic> diagnostics)
    {
        switch (item)
        {
            case ImportItem import when !import.Path.StartsWith("stdlib", StringComparison.Ordinal):
                diagnostics.Add(DiagnosticTable.TraceImport.At(import.Span));
                break;
            case FunctionItem function:
                diagnostics.Add(DiagnosticTable.TraceFunctions.At(function.Span));
                break;
            case IncludeItem include when !Headers.IsKnown(include.Path):
                diagnostics.Add(DiagnosticTable.TraceIncludeUnknown.At(include.Span, include.Path));
                break;
            case IncludeItem include:
                diagnostics.Add(DiagnosticTable.TraceIncludeMissing.At(include.Span, include.Path));
                break;
            case TypeItem type when types.UndefinedMember(type.Type) is CMember member:
                diagnostics.Add(DiagnosticTable.TraceUnknownType.At(member.Type.Span, member.Type.Name));
                break;
            case TypedefItem typedef:
                foreach (CMember name in typedef.Names)
                    if (types.UndefinedMember(name) is CMember unknown)
                        diagnostics.Add(DiagnosticTable.TraceUnknownType.At(unknown.Type.Span, unknown.Type.Name));
                break;
            case MapItem map:
                var info = new MapInfo(map.Map.Name, map.Span) { Kind = map.Kind, Entries = map.Entries is null ? 0 : (int)Math.Clamp(ConstantOf(copier.Copy(map.Entries)) ?? 0, 0, 1 << 30) };
                if (map.Kind is not ("hash" or "lruhash" or "percpuhash" or "percpulruhash" or "array" or "percpuarray"))
                    diagnostics.Add(DiagnosticTable.TraceMapKind.At(map.KindSpan, map.Kind));
                if (!maps.TryAdd(map.Map.Name, info))
                    diagnostics.Add(DiagnosticTable.TraceTwice.At(map.Map.Span, "map", "@" + map.Map.Name));
                break;
        }
    }

    private void Run()
    {
        int round = 0;
        do
        {
            _changed = false;
            Walk();
        }
        while (_changed && ++round < RoundsMax);
        _isFinal = true;
        Walk();
        foreach (MapInfo map in _script.Maps.Values.Where(map => !map.IsUsed && map.Kind is not null))
            _diagnostics.Add(DiagnosticTable.TraceUnusedMap.At(map.Span, map.Name));
        // A map that is only read, or deleted from, has no type.
        foreach (MapInfo map in _script.Maps.Values.Where(map => map.IsUsed && map.Kind is null && map.Value.Kind == TypeKind.None))
            if (!_diagnostics.Exists(other => other.Severity == Severity.Error))
                _diagnostics.Add(DiagnosticTable.TraceUndefinedMap.At(map.Span, map.Name));
        CheckOptions();
    }

    // What a command is traced for brings the option pid by itself.
    private void CheckOptions()
    {
        List<string> unknown = [.. _script.Options.Named.Keys.Where(name => !_options.ContainsKey(name) && !(name == "pid" && _script.Options.ChildPid > 0)).Select(name => "--" + name)];
        if (unknown.Count > 0)
            _diagnostics.Add(DiagnosticTable.TraceUnknownOption.AtWithHint(new TextSpan(0, 0),
                _options.Count switch
                {
                    0 => "it has none",
                    1 => "expected program options: " + Described(_options.First()),
                    _ => "expected program options:" + string.Concat(_options.Select(row => "\n  " + Described(row))),
                }, string.Join(", ", unknown)));
    }

    private static string Described(KeyValuePair<string, string> option) => option.Value.Length > 0 ? $"--{option.Key}: {option.Value}" : "--" + option.Key;

    private void Walk()
    {
        foreach (CheckedProgram program in _script.Programs)
        {
            _program = program;
            _loops = 0;
            _scopes.Clear();
            _scopes.Add(program.Variables);
            foreach (VariableInfo variable in program.Variables.Values)
                variable.IsAssigned = false;
            if (program.Predicate is not null)
                Condition(program.Predicate);
            Statements(program.Body.Statements);
        }
    }

    private void Report(DiagnosticInfo info, Node node, params ReadOnlySpan<object?> args) => ReportWithHint(info, node.Span, null, args);

    private void ReportWithHint(DiagnosticInfo info, TextSpan span, string? hint, params ReadOnlySpan<object?> args)
    {
        // Where a probe is not there, nor is what it would have assigned.
        bool follows = info == DiagnosticTable.TraceUndefinedMap && _diagnostics.Exists(other => other.Id == DiagnosticTable.TraceNoMatch.Id);
        if (!_isFinal || follows || _diagnostics.Exists(other => other.Id == info.Id && other.Span == span))
            return;
        _diagnostics.Add(info.AtWithHint(span, hint, args));
    }

    /// <summary>The one type that both are; null where there is none.</summary>
    private static TraceType? Unify(TraceType a, TraceType b)
    {
        if (a.Kind == TypeKind.None || b.Kind == TypeKind.None)
            return a.Kind == TypeKind.None ? b : a;
        if (a.Equals(b))
            return a;
        switch (a.Kind, b.Kind)
        {
            case (TypeKind.Integer, TypeKind.Integer):
                return TraceType.Int(Math.Max(a.SizeBytes, b.SizeBytes), a.IsSigned) with { Enum = Equals(a.Enum, b.Enum) ? a.Enum : null, Space = a.Space };
            case (TypeKind.Integer, TypeKind.Bool):
                return a;
            case (TypeKind.Bool, TypeKind.Integer):
                return b;
            case (TypeKind.String, TypeKind.String):
                return a.SizeBytes >= b.SizeBytes ? a : b;
            case (TypeKind.Buffer, TypeKind.Buffer):
                return a.SizeBytes >= b.SizeBytes ? a : b;
            case (TypeKind.Address, TypeKind.Address) or (TypeKind.Time, TypeKind.Time):
                return a;
            case (TypeKind.Pointer, TypeKind.Pointer):
                return a.Element!.Kind == TypeKind.Void ? b : a;
            case (TypeKind.Pointer, TypeKind.Integer):
                return a;
            case (TypeKind.Integer, TypeKind.Pointer):
                return b;
            case (TypeKind.Tuple, TypeKind.Tuple) when a.Tuple!.Items.Count == b.Tuple!.Items.Count && a.Tuple.IsRecord == b.Tuple.IsRecord:
                return UnifyTuples(a.Tuple, b.Tuple);
            case (TypeKind.UserStack or TypeKind.KernelStack, _) when a.Kind == b.Kind:
                return a;
            default:
                return null;
        }
    }

    private static TraceType? UnifyTuples(TupleLayout a, TupleLayout b)
    {
        var types = new List<TraceType>();
        for (int i = 0; i < a.Items.Count; i++)
        {
            if (a.Items[i].Name != b.Items[i].Name || Unify(a.Items[i].Type, b.Items[i].Type) is not TraceType both)
                return null;
            types.Add(both);
        }
        return TupleLayout.Of(types, a.IsRecord ? [.. a.Items.Select(item => item.Name)] : null);
    }
}
