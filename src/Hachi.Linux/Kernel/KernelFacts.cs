using System.Collections.Immutable;
using System.Globalization;
using Hachi.Btf;
using Hachi.Object.Plan;

namespace Hachi.Linux.Kernel;

/// <summary>What the running kernel tells front ends: types, tracepoints, what can be probed. Everything is read when it is first asked for.</summary>
/// <param name="traceable">A file that lists the functions that can be traced, instead of the kernel's own list; null for that.</param>
public sealed class KernelFacts(string? traceable = null) : IKernelFacts
{
    private readonly Dictionary<(string, string), TracepointFormat?> _tracepoints = [];
    private KernelBtf? _btf;
    private bool _btfTried;

    /// <inheritdoc/>
    public BtfTypes? Types => Btf?.Types;

    /// <inheritdoc/>
    public int Processors => Kernel.Processors.Possible;

    /// <inheritdoc/>
    public uint Version { get; } = (uint)((Environment.OSVersion.Version.Major << 16) | (Environment.OSVersion.Version.Minor << 8) | Math.Clamp(Environment.OSVersion.Version.Build, 0, 255));

    private static string? Tracing => TraceFs.Root;

    private KernelBtf? Btf
    {
        get
        {
            if (!_btfTried)
                (_btfTried, _btf) = (true, RunningTypes.Open(out _));
            return _btf;
        }
    }

    /// <inheritdoc/>
    public BtfTypes? ModuleTypes(string module) => Btf?.Module(module);

    /// <inheritdoc/>
    public TracepointFormat? Tracepoint(string category, string name)
    {
        if (!_tracepoints.TryGetValue((category, name), out TracepointFormat? format))
            _tracepoints[(category, name)] = format = IsPlain(category) && IsPlain(name) && Read($"{Tracing}/events/{category}/{name}/format") is string text ? ParseFormat(text) : null;
        return format;
    }

    /// <inheritdoc/>
    public IReadOnlyList<(string Target, string Name)>? Expand(ProbeKind kind, string target, string name)
    {
        switch (kind)
        {
            case ProbeKind.Tracepoint when Tracing is not null:
                return [.. Folders($"{Tracing}/events", target).SelectMany(category => Folders($"{Tracing}/events/{category}", name).Select(each => (category, each)))];
            case ProbeKind.RawTracepoint when target.Length > 0 && !Matches(target, "vmlinux"):
                return HasWildcard(target) || ModuleTypes(target) is not null ? null : [];
            case ProbeKind.RawTracepoint when Tracing is not null:
                return [.. Folders($"{Tracing}/events", "*").SelectMany(category => Folders($"{Tracing}/events/{category}", name)).Where(each => Types?.Find(BtfKind.Typedef, "btf_trace_" + each) > 0).Distinct().Order(StringComparer.Ordinal).Select(each => ("", each))];
            case ProbeKind.Fentry or ProbeKind.Fexit when Types is not null && !HasWildcard(name) && (target.Length == 0 || target == "vmlinux"):
                return Types.Find(BtfKind.Func, name) > 0 ? [(target, name)] : [];
            case ProbeKind.Fentry or ProbeKind.Fexit when Types is not null && Functions(target, name) is { } traceable:
                return [.. traceable.Where(pair => Types.Find(BtfKind.Func, pair.Item2) > 0).Select(pair => (pair.Item1.Length > 0 ? pair.Item1 : "vmlinux", pair.Item2))];
            case ProbeKind.Kprobe or ProbeKind.Kretprobe:
                return Functions(target, name);
            default:
                return null;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Of files it knows nothing.</remarks>
    public IReadOnlyList<string>? ProbeArguments(string file, string name) => null;

    /// <inheritdoc/>
    public ulong? AddressOf(string? file, string symbol) => file is null ? Kallsyms.AddressOf(symbol) : null;

    /// <summary>The kernel's version as it names itself.</summary>
    public static string VersionText => Read("/proc/sys/kernel/osrelease")?.Trim() ?? "";

    /// <inheritdoc/>
    public (ulong Device, ulong Inode)? ProcessNamespace { get; } = ControlGroups.ProcessNamespace();

    /// <inheritdoc/>
    public ulong? ControlGroup(string path) => ControlGroups.Number(path);

    /// <inheritdoc/>
    public bool HasMultiProbes(ProbeKind kind) => kind switch
    {
        ProbeKind.Kprobe or ProbeKind.Kretprobe => Version >= 0x51200 && KernelConfig.Running?.Has("CONFIG_FPROBE") == true,
        ProbeKind.Uprobe or ProbeKind.Uretprobe => Version >= 0x60600,
        _ => false,
    };

    /// <summary>Reads the text of a file <c>format</c> of a tracepoint; null when it is none.</summary>
    public static TracepointFormat? ParseFormat(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int id = -1;
        var fields = ImmutableArray.CreateBuilder<TracepointField>();
        foreach (string line in text.Split('\n'))
        {
            string trimmed = line.Trim();
            if (trimmed.StartsWith("ID:", StringComparison.Ordinal))
                _ = int.TryParse(trimmed.AsSpan(3), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture, out id);
            else if (trimmed.StartsWith("field:", StringComparison.Ordinal) && ParseField(trimmed[6..]) is TracepointField field)
                fields.Add(field);
        }
        return id < 0 ? null : new TracepointFormat(id, fields.ToImmutable());
    }

    // `unsigned short common_type;	offset:0;	size:2;	signed:0;`
    private static TracepointField? ParseField(string line)
    {
        string[] parts = line.Split(';', StringSplitOptions.TrimEntries);
        if (parts.Length < 4)
            return null;
        string declaration = parts[0], suffix = "";
        int bracket = declaration.IndexOf('[', StringComparison.Ordinal);
        if (bracket >= 0 && !declaration.StartsWith("__data_loc", StringComparison.Ordinal) && !declaration.StartsWith("__rel_loc", StringComparison.Ordinal))
            (declaration, suffix) = (declaration[..bracket], declaration[bracket..]);
        int cut = declaration.LastIndexOfAny([' ', '*']) + 1;
        if (cut <= 0)
            return null;
        return new TracepointField(declaration[cut..], declaration[..cut].Trim() + suffix, Number(parts[1]), Number(parts[2]), Number(parts[3]) != 0);

        static int Number(string part) => int.TryParse(part.AsSpan(part.IndexOf(':', StringComparison.Ordinal) + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : 0;
    }

    /// <summary>Functions that can be probed; null when the kernel does not list them.</summary>
    private List<(string, string)>? Functions(string target, string name)
    {
        if ((traceable is null && Tracing is null) || Read(traceable ?? $"{Tracing}/available_filter_functions") is not string all)
            return null;
        var found = new List<(string, string)>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (ReadOnlySpan<char> line in all.AsSpan().EnumerateLines())
        {
            int space = line.IndexOfAny(' ', '\t');
            ReadOnlySpan<char> function = space < 0 ? line : line[..space];
            if (function.Length == 0 || function.StartsWith("__ftrace_invalid_address__") || !Matches(name, function))
                continue;
            // What the kernel needs while a probe runs is not among what a pattern means.
            if (HasWildcard(name) && (function.StartsWith("rcu_") || function.StartsWith("__rcu_")))
                continue;
            string module = space < 0 ? "vmlinux" : line[(space + 1)..].Trim().Trim("[]").ToString();
            if ((target.Length == 0 || Matches(target, module)) && seen.Add(function.ToString()))
                found.Add((HasWildcard(target) ? module : target, function.ToString()));
        }
        return found;
    }

    private static IEnumerable<string> Folders(string folder, string pattern)
    {
        if (!HasWildcard(pattern))
            return IsPlain(pattern) && Directory.Exists($"{folder}/{pattern}") ? [pattern] : [];
        try
        {
            return Directory.EnumerateDirectories(folder).Select(path => Path.GetFileName(path)).Where(name => Matches(pattern, name)).Order(StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static bool IsPlain(string name) => name.Length > 0 && !name.Contains('/') && name is not ("." or "..");

    private static bool HasWildcard(string text) => text.AsSpan().IndexOfAny('*', '?', '[') >= 0;

    private static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name) => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);

    private static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
