namespace Hachi.Lang.Trace.Types;

/// <summary>When a function does its work.</summary>
internal enum CallTime : byte
{
    /// <summary>In the program.</summary>
    Sync,

    /// <summary>Later, in the tracer.</summary>
    Async,

    /// <summary>When the script is compiled.</summary>
    Compile,
}

/// <summary>A function of the language.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Args">
/// Its arguments, a letter each: i integer, s string, f format (a literal), l literal string, n literal integer, m map, p pointer or integer, t any, T type or any; ? what follows may be missing, * the last may be repeated.
/// </param>
/// <param name="Time">When it works.</param>
/// <param name="IsUnsafe">Whether it needs --unsafe.</param>
/// <param name="Since">The version of bpftrace that brought it, as far as scripts may care.</param>
internal sealed record FunctionInfo(string Name, string Args, CallTime Time = CallTime.Sync, bool IsUnsafe = false, string Since = "0.17")
{
    public int ArgsMin { get; } = Args.Contains('?') ? Args.IndexOf('?') : Args.Replace("*", "", StringComparison.Ordinal).Length - (Args.EndsWith('*') ? 1 : 0);

    public int ArgsMax { get; } = Args.EndsWith('*') ? int.MaxValue : Args.Replace("?", "", StringComparison.Ordinal).Length;

    /// <summary>The letter of an argument.</summary>
    public char Letter(int index)
    {
        string letters = Args.Replace("?", "", StringComparison.Ordinal).Replace("*", "", StringComparison.Ordinal);
        return letters.Length == 0 ? 't' : letters[Math.Min(index, letters.Length - 1)];
    }
}

/// <summary>The functions, each once.</summary>
internal static class FunctionTable
{
    private static readonly Dictionary<string, FunctionInfo> s_all = Rows().ToDictionary(row => row.Name, StringComparer.Ordinal);

    /// <summary>Functions that make aggregations: they stand alone on the right of an assignment to a map.</summary>
    public static readonly Dictionary<string, TypeKind> Aggregations = new(StringComparer.Ordinal)
    {
        ["count"] = TypeKind.Count,
        ["sum"] = TypeKind.Sum,
        ["avg"] = TypeKind.Average,
        ["min"] = TypeKind.Min,
        ["max"] = TypeKind.Max,
        ["stats"] = TypeKind.Stats,
        ["hist"] = TypeKind.Histogram,
        ["lhist"] = TypeKind.LinearHistogram,
        ["tseries"] = TypeKind.TimeSeries,
    };

    public static IEnumerable<FunctionInfo> All => s_all.Values;

    public static FunctionInfo? Find(string name) => s_all.GetValueOrDefault(name.StartsWith("__builtin_", StringComparison.Ordinal) ? name["__builtin_".Length..] : name);

    private static FunctionInfo[] Rows() =>
    [
        new("count", ""), new("sum", "i"), new("avg", "i"), new("min", "i"), new("max", "i"), new("stats", "i"),
        new("hist", "i?n"), new("lhist", "innn"), new("tseries", "inn?l", Since: "0.23"),
        new("printf", "ft*", CallTime.Async), new("errorf", "ft*", CallTime.Async, Since: "0.24"), new("warnf", "ft*", CallTime.Async, Since: "0.24"), new("debugf", "ft*", Since: "0.23"),
        new("print", "t?ii", CallTime.Async), new("clear", "m", CallTime.Async), new("zero", "m", CallTime.Async), new("exit", "?i", CallTime.Async),
        new("time", "?f", CallTime.Async), new("strftime", "fi", CallTime.Async), new("cat", "ft*", CallTime.Async), new("system", "ft*", CallTime.Async, IsUnsafe: true),
        new("join", "p?l", CallTime.Async), new("delete", "t?t"), new("has_key", "mt", Since: "0.21"), new("len", "t"),
        new("str", "p?i"), new("buf", "t?i"), new("kstr", "p?i"), new("ustr", "p?i"), new("strlen", "s"), new("strncmp", "ssi"), new("strcmp", "ss", Since: "0.24"), new("strcontains", "ss", Since: "0.21"),
        new("strstr", "ss", Since: "0.24"), new("strcap", "t", Since: "0.24"), new("default_str_length", "", CallTime.Compile, Since: "0.24"), new("globmatch", "sl", Since: "0.25"), new("memcmp", "tti", Since: "0.24"), new("str_concat", "ss", Since: "0.25"), new("find", "mtt", Since: "0.24"),
        new("ksym", "p", CallTime.Async), new("usym", "p", CallTime.Async), new("kaddr", "l", CallTime.Compile), new("uaddr", "l", CallTime.Compile), new("percpu_kaddr", "l?i"), new("reg", "l"),
        new("kstack", "?tt"), new("ustack", "?tt"), new("dw_ustack", "?tt", Since: "0.26"), new("ntop", "t?t"), new("pton", "l", CallTime.Compile), new("macaddr", "t"),
        new("cgroupid", "l", CallTime.Compile), new("cgroup_path", "i?l", CallTime.Async), new("path", "t?n"), new("bswap", "i"), new("skboutput", "ltii"), new("socket_cookie", "t"),
        new("signal", "t", IsUnsafe: true), new("signal_thread", "t", IsUnsafe: true, Since: "0.26"), new("override", "i", IsUnsafe: true), new("write_user", "pti", IsUnsafe: true, Since: "0.26"),
        new("nsecs", "?t"), new("pid", "?t"), new("tid", "?t"), new("ppid", "?p"), new("pcomm", "p", Since: "0.25"), new("leader_comm", "p", Since: "0.26"), new("leader_tid", "p", Since: "0.26"), new("rand", ""), new("comm", "i", Since: "0.26"), new("syscall_name", "i", Since: "0.24"), new("strerror", "i", CallTime.Async), new("signal_name", "i", CallTime.Async),
        new("kptr", "p"), new("uptr", "p"), new("unwatch", "p", CallTime.Async), new("getopt", "l?tl", CallTime.Compile, Since: "0.24"), new("assert", "tl", Since: "0.24"), new("config", "", CallTime.Compile),
        new("static_assert", "tl", CallTime.Compile, Since: "0.24"), new("fail", "ft*", CallTime.Compile, Since: "0.24"), new("is_err", "t", Since: "0.24"), new("container_of", "ptt", Since: "0.25"),
        new("is_str", "T", CallTime.Compile), new("is_ptr", "T", CallTime.Compile), new("is_integer", "T", CallTime.Compile), new("is_unsigned_integer", "T", CallTime.Compile), new("is_array", "T", CallTime.Compile),
        new("is_literal", "T", CallTime.Compile), new("kfunc_exist", "l", CallTime.Compile), new("kfunc_allowed", "l", CallTime.Compile),
    ];
}
