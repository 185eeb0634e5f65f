using System.Globalization;
using Hachi.Lang.Trace.Syntax;
using Hachi.Object.Plan;

namespace Hachi.Lang.Trace.Types;

/// <summary>An attach point, understood.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Target">Category, module, file, unit; may have wildcards.</param>
/// <param name="Function">Function or event; may have wildcards.</param>
/// <param name="Number">Offset, rate, period, count, address.</param>
/// <param name="Length">Bytes of a watchpoint.</param>
internal sealed record ProbeTarget(ProbeKind Kind, string Target, string Function, ulong Number, int Length = 0)
{
    public bool HasWildcard => ProbeTable.HasWildcard(Target) || ProbeTable.HasWildcard(Function);

    /// <summary>The probe as it is shown.</summary>
    public string Text
    {
        get
        {
            string name = ProbeTable.Of(Kind).Name;
            string number = Number.ToString(CultureInfo.InvariantCulture);
            string offset = Number > 0 && Function.Length > 0 ? "+" + number : "";
            return Kind switch
            {
                ProbeKind.Begin or ProbeKind.End => name,
                ProbeKind.Signal => $"{name}:signal:{Function}",
                ProbeKind.Test or ProbeKind.Bench => $"{name}:{Function}",
                ProbeKind.Profile or ProbeKind.Interval => $"{name}:{Target}:{number}",
                ProbeKind.Software or ProbeKind.Hardware => $"{name}:{Function}:{number}",
                ProbeKind.Watchpoint => string.Create(CultureInfo.InvariantCulture, $"{name}:0x{Number:x}:{Length}:{Target}"),
                ProbeKind.Iterator => Target.Length > 0 ? $"{name}:{Function}:{Target}" : $"{name}:{Function}",
                _ => $"{name}{(Target.Length > 0 ? ":" + Target : "")}:{(Function.Length > 0 ? Function : number)}{offset}",
            };
        }
    }

    /// <summary>Understands an attach point; null, with what is wrong, when it cannot be one.</summary>
    public static ProbeTarget? Parse(AttachPoint point, ProbeInfo info, out string reason)
    {
        List<string> parts = point.Parts;
        reason = $"it is written {info.Form}";
        switch (info.Kind)
        {
            case ProbeKind.Begin or ProbeKind.End:
                return parts.Count == 1 ? new(info.Kind, "", "", 0) : null;
            case ProbeKind.Signal:
                return parts is [_, "signal", { Length: > 0 }] ? new(info.Kind, "signal", parts[2], 0) : null;
            case ProbeKind.Test or ProbeKind.Bench:
                return parts.Count == 2 ? new(info.Kind, "", parts[1], 0) : null;
            case ProbeKind.Tracepoint:
                return parts.Count == 3 && parts[1].Length > 0 && parts[2].Length > 0 ? new(info.Kind, parts[1], parts[2], 0) : null;
            case ProbeKind.RawTracepoint or ProbeKind.Fentry or ProbeKind.Fexit or ProbeKind.Kprobe or ProbeKind.Kretprobe:
                return KernelFunction(info, parts);
            case ProbeKind.Uprobe or ProbeKind.Uretprobe:
                return User(info, parts, ref reason);
            case ProbeKind.Usdt:
                return parts.Count switch
                {
                    2 => new(info.Kind, parts[1], "*", 0),
                    3 => new(info.Kind, parts[1], parts[2].Length > 0 ? parts[2] : "*", 0),
                    4 => new(info.Kind, parts[1], (parts[2].Length > 0 ? parts[2] : "*") + ":" + parts[3], 0),
                    _ => null,
                };
            case ProbeKind.Profile or ProbeKind.Interval:
                return Clock(info, parts, ref reason);
            case ProbeKind.Software or ProbeKind.Hardware:
                return Event(info, parts, ref reason);
            case ProbeKind.Watchpoint:
                return Watch(parts, ref reason);
            default:
                return parts.Count is 2 or 3 && parts[1].Length > 0 ? new(info.Kind, parts.Count == 3 ? parts[2] : "", parts[1], 0) : null;
        }
    }

    private static ProbeTarget? KernelFunction(ProbeInfo info, List<string> parts)
    {
        if (parts.Count is < 2 or > 4 || (parts.Count == 4 && parts[1] != "bpf") || parts[^1].Length == 0)
            return null;
        string target = parts.Count > 2 ? string.Join(':', parts.Skip(1).Take(parts.Count - 2)) : "";
        return Offset(parts[^1], out string name, out ulong offset) ? new(info.Kind, target, name, offset) : null;
    }

    private static ProbeTarget? User(ProbeInfo info, List<string> parts, ref string reason)
    {
        int language = parts.Count == 4 && parts[2] is "cpp" or "c" ? 1 : 0;
        if (parts.Count >= 2 && parts[1].Contains('@', StringComparison.Ordinal))
        {
            reason = "places in a source file need DWARF, which is not read yet: name a function, or an address";
            return null;
        }
        if (parts.Count != 3 + language || parts[1].Length == 0 || parts[^1].Length == 0)
            return null;
        return Offset(parts[^1], out string name, out ulong offset) ? new(info.Kind, parts[1], name, offset) : null;
    }

    // function, function+offset, or an address.
    private static bool Offset(string text, out string name, out ulong offset)
    {
        (name, offset) = (text, 0);
        if (char.IsAsciiDigit(text[0]) && Lexer.Value(text) is { Ok: true } address)
        {
            (name, offset) = ("", address.Value);
            return true;
        }
        int plus = text.LastIndexOf('+');
        if (plus <= 0 || Lexer.Value(text[(plus + 1)..]) is not { Ok: true } number || text.Contains('(', StringComparison.Ordinal))
            return plus < 0 || text.Contains('(', StringComparison.Ordinal);
        (name, offset) = (text[..plus], number.Value);
        return true;
    }

    private static ProbeTarget? Clock(ProbeInfo info, List<string> parts, ref string reason)
    {
        // Without a unit it is nanoseconds; the kernel's clocks are set in microseconds here.
        if (parts.Count == 2 && Lexer.Value(parts[1]) is { Ok: true, Value: > 0 } duration)
            return duration.Value % 1000 == 0 ? new(info.Kind, "us", "", duration.Value / 1000) : new(info.Kind, "us", "", Math.Max(1, duration.Value / 1000));
        if (parts.Count == 3 && parts[1] is "hz" or "s" or "ms" or "us" or "count" && Lexer.Value(parts[2]) is { Ok: true, Value: > 0 } number)
            return new(info.Kind, parts[1], "", number.Value);
        reason = $"it is written {info.Form}, with the unit hz, s, ms or us and a number above 0, or a duration ({info.Name}:100ms)";
        return null;
    }

    private static ProbeTarget? Event(ProbeInfo info, List<string> parts, ref string reason)
    {
        (string Name, string Alias, ulong Count)[] table = info.Kind == ProbeKind.Software ? ProbeTable.Software : ProbeTable.Hardware;
        reason = $"it is written {info.Form}, with one of the events {string.Join(", ", table.Select(row => row.Name))}";
        if (parts.Count is not (2 or 3))
            return null;
        foreach ((string name, string alias, ulong count) in table)
            if (parts[1] == name || (alias.Length > 0 && parts[1] == alias))
            {
                if (parts.Count == 2)
                    return new(info.Kind, "", parts[1], count);
                return Lexer.Value(parts[2]) is { Ok: true, Value: > 0 } number ? new(info.Kind, "", parts[1], number.Value) : null;
            }
        return null;
    }

    private static ProbeTarget? Watch(List<string> parts, ref string reason)
    {
        if (parts.Count != 4)
            return null;
        reason = "a watchpoint covers 1, 2, 4 or 8 bytes, with a mode of the letters r, w and x, each once";
        bool length = parts[2] is "1" or "2" or "4" or "8";
        bool mode = parts[3].Length is > 0 and <= 3 && parts[3].All(c => c is 'r' or 'w' or 'x') && parts[3].Distinct().Count() == parts[3].Length;
        if (Lexer.Value(parts[1]) is not { Ok: true } address)
        {
            reason = $"{parts[1]} is no address (functions and their arguments cannot be watched)";
            return null;
        }
        return length && mode ? new(ProbeKind.Watchpoint, string.Concat(parts[3].Order()), "", address.Value, int.Parse(parts[2], CultureInfo.InvariantCulture)) : null;
    }
}
