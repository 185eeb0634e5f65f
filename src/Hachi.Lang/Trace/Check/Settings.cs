using System.Globalization;
using Hachi.Lang.Trace.Syntax;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

/// <summary>The settings of a script, read from its config block.</summary>
internal sealed class Settings
{
    // Name, default, least, greatest; a greatest of 0: a word.
    private static readonly (string Name, string Default, long Least, long Most, string[] Words)[] s_known =
    [
        ("max_strlen", "1024", 1, 1 << 16, []),
        ("max_map_keys", "4096", 1, 1 << 30, []),
        ("max_probes", "1024", 1, 1 << 20, []),
        ("max_bpf_progs", "1024", 1, 1 << 20, []),
        ("max_cat_bytes", "10240", 1, 1 << 30, []),
        ("max_type_res_iterations", "0", 0, 1 << 20, []),
        ("log_size", "1000000", 1, 1 << 30, []),
        ("on_stack_limit", "32", 0, 512, []),
        ("perf_rb_pages", "0", 0, 1 << 20, []),
        ("str_trunc_trailer", "..", 0, 0, []),
        ("stack_mode", "bpftrace", 0, 0, ["bpftrace", "perf", "raw", "build_id"]),
        ("missing_probes", "error", 0, 0, ["error", "warn", "ignore"]),
        ("cache_user_symbols", "PER_PID", 0, 0, []),
        ("license", "GPL", 0, 0, ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"]),
        ("cpp_demangle", "1", 0, 1, []),
        ("lazy_symbolication", "1", 0, 1, []),
        ("print_maps_on_exit", "1", 0, 1, []),
        ("show_debug_info", "1", 0, 1, []),
        ("use_blazesym", "1", 0, 1, []),
        ("unstable_import", "warn", 0, 0, []),
        ("unstable_tseries", "warn", 0, 0, []),
        ("unstable_addr", "warn", 0, 0, []),
        ("unstable_map_decl", "warn", 0, 0, []),
        ("unstable_macro", "warn", 0, 0, []),
        ("unstable_dw_ustack", "warn", 0, 0, []),
        ("unstable_import_statement", "warn", 0, 0, []),
    ];

    private readonly Dictionary<string, string> _values = s_known.ToDictionary(row => row.Name, row => row.Default, StringComparer.Ordinal);

    public Settings(Script script, TraceOptions options, List<Diagnostic> diagnostics)
    {
        foreach (ConfigItem item in script.Items.OfType<ConfigItem>())
            foreach ((string name, TextSpan span, Token value) in item.Entries)
                if (Set(Normal(name), value.Kind == TokenKind.Identifier && value.Text is "true" or "false" ? (value.Text == "true" ? "1" : "0") : value.Text) is DiagnosticInfo wrong)
                    diagnostics.Add(wrong.AtWithHint(span, Nearest.To(Normal(name), s_known.Select(row => row.Name)) is { } near ? $"did you mean {near}?" : null, name, value.Text));
        foreach ((string name, string value) in options.Settings)
            Set(Normal(name), value);
    }

    public IEnumerable<(string Name, string Value)> All => s_known.Select(row => (row.Name, _values[row.Name])).Where(row => row.Item2 != s_known.First(known => known.Name == row.Name).Default || row.Name is "max_strlen" or "print_maps_on_exit" or "str_trunc_trailer");

    public string this[string name] => _values[name];

    public int Number(string name) => int.Parse(_values[name], CultureInfo.InvariantCulture);

    private static string Normal(string name)
    {
        string lower = name.ToLowerInvariant();
        lower = lower.StartsWith("bpftrace_", StringComparison.Ordinal) ? lower["bpftrace_".Length..] : lower;
        return lower is "strlen" ? "max_strlen" : lower is "map_keys_max" ? "max_map_keys" : lower is "no_cpp_demangle" ? "cpp_demangle" : lower;
    }

    private DiagnosticInfo? Set(string name, string value)
    {
        if (!_values.ContainsKey(name))
            return DiagnosticTable.TraceUnknownSetting;
        (_, _, long least, long most, string[] words) = s_known.First(row => row.Name == name);
        if (most > 0)
        {
            if (Lexer.Value(value) is not { Ok: true } number || number.Value > (ulong)most || (long)number.Value < least)
                return DiagnosticTable.TraceBadSetting;
            value = number.Value.ToString(CultureInfo.InvariantCulture);
        }
        else if (words.Length > 0 && !words.Contains(value))
            return DiagnosticTable.TraceBadSetting;
        _values[name] = value;
        return null;
    }
}
