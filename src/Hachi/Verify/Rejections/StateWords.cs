using System.Globalization;
using System.Numerics;
using System.Text;

namespace Hachi.Verify.Rejections;

/// <summary>Says in plain words what the verifier writes of a register.</summary>
internal static class StateWords
{
    private static readonly Dictionary<string, string> s_kinds = new(StringComparer.Ordinal)
    {
        ["ctx"] = "the context",
        ["fp"] = "an address on the stack",
        ["map_ptr"] = "a map",
        ["map_value"] = "the value of a map",
        ["map_key"] = "the key of a map",
        ["pkt"] = "a place in the packet",
        ["pkt_end"] = "the end of the packet",
        ["pkt_meta"] = "a place in the packet's metadata",
        ["ringbuf_mem"] = "a record of a ring buffer",
        ["mem"] = "memory",
        ["rdonly_mem"] = "read-only memory",
        ["alloc_mem"] = "allocated memory",
        ["buf"] = "a buffer of the kernel's",
        ["rdonly_buf"] = "a read-only buffer of the kernel's",
        ["sock"] = "a socket",
        ["sock_common"] = "a socket",
        ["tcp_sock"] = "a TCP socket",
        ["xdp_sock"] = "an XDP socket",
        ["func"] = "a function of the program",
        ["flow_keys"] = "the flow keys",
        ["tp_buffer"] = "a tracepoint's buffer",
        ["dynptr_ptr"] = "a dynamic pointer",
        ["dynptr"] = "a dynamic pointer",
        ["arena"] = "memory of an arena",
    };

    /// <summary>The state in words.</summary>
    public static string Of(string state)
    {
        if (state.Length == 0)
            return "nothing known";
        ReadOnlySpan<char> text = state;
        if (text[0] == 'P' && text.Length > 1 && (char.IsAsciiDigit(text[1]) || text[1] is '-' or 's'))
            text = text[1..]; // precise
        if (IsNumber(text))
            return $"the number {text}";
        int open = text.IndexOf('(');
        ReadOnlySpan<char> kind = open < 0 ? text : text[..open];
        List<(string Name, string Value)> fields = open < 0 ? [] : Fields(text[(open + 1)..].TrimEnd(')').ToString());
        if (kind.SequenceEqual("scalar") || kind.SequenceEqual("inv"))
            return Number(fields);
        if (kind.StartsWith("inv") && IsNumber(kind[3..]))
            return $"the number {kind[3..]}";
        if (kind.StartsWith("fp") && kind.Length > 2 && IsNumber(kind[2..]))
            return $"the address {kind} on the stack";
        return Pointer(kind.ToString(), fields);
    }

    /// <summary>A kind as it stands in a list of expected kinds (<c>fp</c>, <c>map_value</c>, <c>trusted_ptr_</c>).</summary>
    public static string Kind(string kind)
    {
        string bare = kind.EndsWith("_or_null", StringComparison.Ordinal) ? kind[..^8] : kind;
        string suffix = bare.Length == kind.Length ? "" : ", or null";
        if (bare is "scalar" or "inv")
            return "a number" + suffix;
        if (s_kinds.TryGetValue(bare, out string? words))
            return words + suffix;
        int at = bare.IndexOf("ptr_", StringComparison.Ordinal);
        if (at < 0)
            return bare + suffix;
        string trust = bare.StartsWith("untrusted", StringComparison.Ordinal) ? ", not vouched for" : "";
        return at + 4 == bare.Length ? "a kernel object" + suffix : $"a kernel's {bare[(at + 4)..]}{trust}{suffix}";
    }

    private static string Pointer(string kind, List<(string Name, string Value)> fields)
    {
        var words = new StringBuilder(Kind(kind));
        string? value = Find(fields, "vs"), size = Find(fields, "sz") ?? Find(fields, "mem_size"), off = Find(fields, "off"), range = Find(fields, "r");
        if (value is not null && kind.StartsWith("map_value", StringComparison.Ordinal))
            words.Append(CultureInfo.InvariantCulture, $" ({value} bytes)");
        else if (size is not null)
            words.Append(CultureInfo.InvariantCulture, $" ({size} bytes)");
        if (off is not null and not "0")
            words.Append(CultureInfo.InvariantCulture, $", offset {off}");
        if (Find(fields, "umax") is { } most && !IsNegative(Find(fields, "smin")))
            words.Append(CultureInfo.InvariantCulture, $" + up to {Plain(most)}");
        if (range is not null && kind == "pkt")
            words.Append(range == "0" ? ", no bytes proven" : $", {range} bytes proven");
        return words.ToString();
    }

    private static string Number(List<(string Name, string Value)> fields)
    {
        string? umin = Find(fields, "umin"), umax = Find(fields, "umax"), smin = Find(fields, "smin"), smax = Find(fields, "smax");
        string multiple = Multiple(Find(fields, "var_off"));
        if (umax is not null && !IsNegative(smin))
            return $"a number from {Plain(umin ?? "0")} to {Plain(umax)}{multiple}";
        if (smin is not null && smax is not null)
            return $"a number from {Signed(smin)} to {Signed(smax)}{multiple}";
        if (smax is not null)
            return $"a number of at most {Signed(smax)}, which may be negative{multiple}";
        if (smin is not null || umin is not null)
            return $"a number from {(umin is null ? Signed(smin!) : Plain(umin))} up{multiple}";
        return multiple.Length > 0 ? $"a number{multiple}" : "any number";
    }

    // var_off=(value; mask): bits of the mask are unknown.
    private static string Multiple(string? bits)
    {
        if (bits is null || bits.IndexOf(';') is var at && at < 0 || !bits.StartsWith("(0x0;", StringComparison.Ordinal))
            return "";
        return Unsigned(bits.AsSpan(at + 1).Trim(" )")) is { } mask and not 0 && BitOperations.TrailingZeroCount(mask) is > 0 and < 32 and var zeros
            ? $", a multiple of {1L << zeros}"
            : "";
    }

    // "smin=smin32=0,smax=umax=8,var_off=(0x0; 0xf)"; older kernels: "umax_value=8".
    private static List<(string Name, string Value)> Fields(string text)
    {
        const int FieldsMax = 40;
        var fields = new List<(string, string)>();
        for (int at = 0; at < text.Length && fields.Count < FieldsMax;)
        {
            int end = at, depth = 0;
            for (; end < text.Length && (text[end] != ',' || depth > 0); end++)
                depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
            string[] parts = text[at..end].Split('=');
            for (int i = 0; i + 1 < parts.Length; i++)
                fields.Add((parts[i].Replace("_value", "", StringComparison.Ordinal), parts[^1]));
            at = end + 1;
        }
        return fields;
    }

    private static string? Find(List<(string Name, string Value)> fields, string name)
    {
        foreach ((string each, string value) in fields)
            if (each == name)
                return value;
        return null;
    }

    // Hexadecimal numbers that a person reads more easily in decimal.
    private static string Plain(string number) =>
        number.StartsWith("0x", StringComparison.Ordinal) && Unsigned(number) is { } value and <= uint.MaxValue ? value.ToString(CultureInfo.InvariantCulture) : number;

    private static string Signed(string number) =>
        Unsigned(number) is { } value ? ((long)value).ToString(CultureInfo.InvariantCulture) : number;

    private static bool IsNegative(string? number) => number is ['-', ..] || (number is not null && Unsigned(number) > long.MaxValue);

    private static ulong? Unsigned(ReadOnlySpan<char> text)
    {
        if (text.StartsWith("0x"))
            return ulong.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong hex) ? hex : null;
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : null;
    }

    private static bool IsNumber(ReadOnlySpan<char> text)
    {
        if (text.StartsWith("-"))
            text = text[1..];
        return Unsigned(text) is not null;
    }
}
