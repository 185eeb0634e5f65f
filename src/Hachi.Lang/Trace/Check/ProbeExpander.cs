using System.Text.RegularExpressions;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

/// <summary>Makes programs of a script's probes: wildcards are replaced by what they stand for, and attach points whose arguments differ get programs of their own.</summary>
internal sealed class ProbeExpander(Script script, TraceOptions options, IKernelFacts facts, TypeResolver types, Settings settings, TreeCopier copier, List<Diagnostic> diagnostics)
{
    private readonly List<CheckedProgram> _programs = [];
    private Regex? _filter;

    public List<CheckedProgram> Programs()
    {
        ReadFilter();
        foreach (ProbeItem item in script.Items.OfType<ProbeItem>())
        {
            var targets = new List<ProbeTarget>();
            int errors = Errors();
            foreach (AttachPoint point in item.Points)
                targets.AddRange(Targets(point, targets.Exists(target => target.Kind is ProbeKind.Kprobe or ProbeKind.Kretprobe) || HasOther(item, point)).Where(IsWanted));
            if (targets.Count == 0 && errors == Errors() && _filter is null && settings["missing_probes"] == "error" && options.Pid == 0)
                diagnostics.Add(DiagnosticTable.TraceNoProbes.At(item.Points[0].Span));
            foreach (IGrouping<ProbeKind, ProbeTarget> group in targets.GroupBy(target => target.Kind))
                Add(item, group.Key, [.. group]);
        }
        return _programs;
    }

    // Scripts name what functions were called in several kernels in one list: one of them is there.
    private bool HasOther(ProbeItem item, AttachPoint point) => item.Points.Exists(other => other != point && ProbeTable.Find(other.Parts[0]) is { Kind: ProbeKind.Kprobe or ProbeKind.Kretprobe } info
        && ProbeTarget.Parse(other, info, out _) is { Function.Length: > 0 } target && facts.Expand(target.Kind, target.Target, target.Function) is { Count: > 0 });

    private int Errors() => diagnostics.Count(diagnostic => diagnostic.Severity == Severity.Error);

    private void ReadFilter()
    {
        if (options.ProbeFilter is not string filter)
            return;
        try
        {
            _filter = new Regex(filter, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            diagnostics.Add(DiagnosticTable.TraceFilter.At(new TextSpan(0, 0), filter));
        }
    }

    private bool IsWanted(ProbeTarget target) => _filter is null || target.Kind is ProbeKind.Begin or ProbeKind.End || _filter.IsMatch(target.Text);

    private void Add(ProbeItem item, ProbeKind kind, List<ProbeTarget> targets)
    {
        if (targets.Count == 0)
            return;
        copier.Names.Clear();
        CheckedProgram first = Copy(item, kind, targets);
        bool asksArgs = copier.Names.Contains("args") || copier.Names.Contains("retval");
        bool isUser = kind is ProbeKind.Uprobe or ProbeKind.Uretprobe;
        // What stands at the probe tells kprobes and uprobes apart: their cookie.
        bool asksName = copier.Names.Overlaps(["func", "__builtin_func"]) ? kind is not (ProbeKind.Kprobe or ProbeKind.Kretprobe) : copier.Names.Overlaps(["probe", "__builtin_probe"]) && !isUser && kind is not (ProbeKind.Kprobe or ProbeKind.Kretprobe);
        bool apart = kind is ProbeKind.Fentry or ProbeKind.Fexit || asksName || (isUser && copier.Names.Contains("uaddr")) || (asksArgs && kind is ProbeKind.Tracepoint or ProbeKind.RawTracepoint) || kind == ProbeKind.Usdt;
        if (!apart || targets.Count == 1)
        {
            Describe(first);
            _programs.Add(first);
            return;
        }
        foreach (ProbeTarget target in targets)
        {
            CheckedProgram program = Copy(item, kind, [target]);
            Describe(program);
            _programs.Add(program);
        }
    }

    private CheckedProgram Copy(ProbeItem item, ProbeKind kind, List<ProbeTarget> targets) =>
        new(item, kind, targets, item.Predicate is null ? null : copier.Copy(item.Predicate), copier.Copy(item.Body));

    private IEnumerable<ProbeTarget> Targets(AttachPoint point, bool hasOther)
    {
        if (ProbeTable.Find(point.Parts[0]) is not ProbeInfo info)
        {
            string? near = Nearest.To(point.Parts[0], ProbeTable.All.Select(row => row.Name));
            diagnostics.Add(DiagnosticTable.TraceUnknownProbe.AtWithHint(point.Span, near is null ? null : $"did you mean {near}?", point.Parts[0]));
            return [];
        }
        if (ProbeTarget.Parse(point, info, out string reason) is not ProbeTarget target)
        {
            diagnostics.Add(DiagnosticTable.TraceProbeForm.At(point.Span, point.Text, reason));
            return [];
        }
        bool asks = target.Kind is ProbeKind.Kprobe or ProbeKind.Kretprobe or ProbeKind.Uprobe or ProbeKind.Uretprobe or ProbeKind.Usdt or ProbeKind.Tracepoint or ProbeKind.RawTracepoint or ProbeKind.Fentry or ProbeKind.Fexit;
        bool isAddress = target.Function.Length == 0;
        string function = isAddress ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"0x{target.Number:x}") : target.Function;
        if (!asks || (isAddress && target.Kind is not (ProbeKind.Uprobe or ProbeKind.Uretprobe)) || facts.Expand(target.Kind, target.Target, function) is not { } found)
            return [target];
        if (found.Count == 0)
        {
            string name = target.Target.Length > 0 ? $"{target.Target}:{function}" : function;
            bool isKernel = target.Kind is ProbeKind.Kprobe or ProbeKind.Kretprobe && !target.HasWildcard;
            if (isKernel && settings["missing_probes"] != "ignore")
                diagnostics.Add(DiagnosticTable.TraceNotTraceable.At(point.Span, target.Function));
            if (isKernel && options.IsUnsafe)
                return [target];
            if (settings["missing_probes"] == "error" && !target.HasWildcard && !(isKernel && hasOther))
                diagnostics.Add(DiagnosticTable.TraceNoMatch.AtWithHint(point.Span, Near(target, function, facts) is { } near ? $"did you mean {near}?" : null, info.Name, name));
            else if (settings["missing_probes"] != "ignore")
                diagnostics.Add(DiagnosticTable.TraceNoMatchSkipped.At(point.Span, info.Name, name));
            return [];
        }
        if (found.Count > settings.Number("max_probes"))
        {
            diagnostics.Add(DiagnosticTable.TraceTooManyProbes.At(point.Span, point.Text, found.Count, settings.Number("max_probes")));
            return [];
        }
        return found.Select(pair => target with { Target = pair.Target, Function = pair.Name });
    }

    /// <summary>Bytes of a tracepoint's record that programs may not read (tp_prog_is_valid_access in kernel/trace/bpf_trace.c).</summary>
    internal const int ContextOwn = 8;

    /// <summary>Finds out what <c>args</c> and <c>retval</c> are.</summary>
    private void Describe(CheckedProgram program)
    {
        ProbeTarget target = program.Targets[0];
        switch (program.Kind)
        {
            case ProbeKind.Tracepoint when facts.Tracepoint(target.Target, target.Function) is TracepointFormat format:
                // The kernel keeps the first word, the common fields, from programs.
                var fields = format.Fields.Where(field => field.Offset >= ContextOwn).Select(field => Field(target.Target, field)).ToList();
                program.Args = new StructType($"args of {target.Text}", fields.Count == 0 ? 0 : fields.Max(field => field.Offset + field.Type.SizeBytes), 8, () => fields);
                break;
            case ProbeKind.Fentry or ProbeKind.Fexit when types.Kernel?.Function(target.Function) is { } function:
                // Each takes whole words: a structure that is passed by value may take two.
                var parameters = new List<StructField>();
                int words = 0;
                foreach ((string name, TraceType type) in function.Parameters)
                {
                    parameters.Add(new StructField(name, type with { IsTrusted = true }, words * 8));
                    words += Math.Max(1, (type.SizeBytes + 7) / 8);
                }
                program.Args = new StructType($"args of {target.Text}", words * 8, 8, () => parameters);
                program.Result = function.Result;
                break;
            case ProbeKind.RawTracepoint when types.Kernel?.RawTracepoint(target.Function) is { } raw:
                program.Args = new StructType($"args of {target.Text}", raw.Count * 8, 8, () => [.. raw.Select((parameter, i) => new StructField(parameter.Name, parameter.Type, i * 8))]);
                break;
            case ProbeKind.Iterator when types.Named("struct bpf_iter__" + target.Function) is { Struct: not null } context:
                program.Args = context.Struct;
                break;
        }
    }

    private StructField Field(string category, TracepointField field)
    {
        AddressSpace space = category == "syscalls" ? AddressSpace.User : AddressSpace.Kernel;
        string type = field.Type.Trim();
        if (type.StartsWith("__data_loc", StringComparison.Ordinal) || type.StartsWith("__rel_loc", StringComparison.Ordinal))
        {
            bool isText = type.Contains("char", StringComparison.Ordinal);
            return new StructField(field.Name, TraceType.PointerTo(isText ? TraceType.Int(1, true) : TraceType.Int(1, false), AddressSpace.Kernel), field.Offset) { IsDataLocation = true };
        }
        int bracket = type.IndexOf('[', StringComparison.Ordinal);
        string name = bracket < 0 ? type : type[..bracket].Trim();
        TraceType? named = Parser.ParseType(name) is TypeName parsed ? types.Resolve(parsed) ?? (parsed.Suffixes.Contains(TypeName.Pointer) ? TraceType.PointerTo(TraceType.Void) : null) : null;
        named ??= name.EndsWith('*') ? TraceType.PointerTo(TraceType.Void) : null;
        if (bracket >= 0)
        {
            TraceType element = named is { SizeBytes: > 0 } ? named : TraceType.Int(1, false);
            return new StructField(field.Name, TraceType.ArrayOf(element, field.SizeBytes / element.SizeBytes).AsString(), field.Offset);
        }
        if (named is { Kind: TypeKind.Pointer })
            return new StructField(field.Name, named with { Space = space }, field.Offset);
        if (named is { IsNumeric: true } && named.SizeBytes <= field.SizeBytes)
            return new StructField(field.Name, named, field.Offset);
        if (named is { Kind: TypeKind.Struct })
            return new StructField(field.Name, named, field.Offset);
        return new StructField(field.Name, field.SizeBytes is 1 or 2 or 4 or 8 ? TraceType.Int(field.SizeBytes, field.IsSigned) : TraceType.ArrayOf(TraceType.Int(1, false), field.SizeBytes), field.Offset);
    }

    // What else is in the same group or file: a name is more often mistyped than missing.
    private static string? Near(ProbeTarget target, string function, IKernelFacts facts) =>
        target.Kind is ProbeKind.Tracepoint or ProbeKind.Uprobe or ProbeKind.Uretprobe && !function.StartsWith("0x", StringComparison.Ordinal) && facts.Expand(target.Kind, target.Target, "*") is { } all
            ? Nearest.To(function, all.Select(one => one.Name)) : null;
}
