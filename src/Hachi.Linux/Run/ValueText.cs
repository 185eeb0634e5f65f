using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Linux.Run;

/// <summary>Values as people read them, and as JSON.</summary>
internal sealed class ValueText(Names names, TextRules rules, Func<ulong, DateTime> clock)
{
    /// <summary>The time of day that so many nanoseconds after the machine's start were.</summary>
    public DateTime TimeOf(ulong nanoseconds) => clock(nanoseconds);

    /// <summary>A value as text.</summary>
    public string Text(ReadOnlySpan<byte> bytes, PlanType type)
    {
        long number = ValueReader.Number(bytes, type);
        switch (type.Kind)
        {
            case PlanKind.Bool: return number != 0 ? "true" : "false";
            case PlanKind.Int or PlanKind.Count or PlanKind.Sum: return type.IsSigned || type.Kind == PlanKind.Count ? number.ToString(CultureInfo.InvariantCulture) : ((ulong)number).ToString(CultureInfo.InvariantCulture);
            case PlanKind.Enum: return Enumerator(number, type);
            case PlanKind.String: return Escaper.Escape(ValueReader.Text(bytes, type, rules), keepLines: true);
            case PlanKind.Buffer: return ValueReader.Escaped(ValueReader.Buffer(bytes, type));
            case PlanKind.Pointer: return "0x" + number.ToString("x", CultureInfo.InvariantCulture);
            case PlanKind.KernelStack or PlanKind.UserStack: return names.Stack(number, type);
            case PlanKind.KernelSymbol: return names.Kernel((ulong)number, false);
            case PlanKind.UserSymbol: return names.User(ValueReader.Word(bytes), (int)ValueReader.Word(bytes, 8), false);
            case PlanKind.UserName: return names.UserName((uint)number);
            case PlanKind.Address: return Address(bytes);
            case PlanKind.Mac: return string.Join(':', bytes[..6].ToArray().Select(b => b.ToString("X2", CultureInfo.InvariantCulture)));
            case PlanKind.Time: return TimeText.Format(type.Text, clock(ValueReader.Word(bytes)), ValueReader.Word(bytes));
            case PlanKind.CgroupPath: return names.Group((ulong)number, type.Text);
            case PlanKind.Error: return Names.Error(number);
            case PlanKind.Signal when type.Text == "syscall": return SyscallTable.Of(SeccompArchitecture.X86_64).Find((int)number)?.Name ?? string.Create(CultureInfo.InvariantCulture, $"unknown_{number}");
            case PlanKind.Signal: return Names.Signal(number);
            case PlanKind.Probe: return names.Probe(number);
            case PlanKind.Array: return "[" + string.Join(',', Elements(bytes, type)) + "]";
            case PlanKind.Struct: return "{ " + string.Join(", ", Members(bytes, type)) + " }";
            case PlanKind.Tuple: return type.Text == "record" ? "{ " + string.Join(", ", Members(bytes, type)) + " }" : "(" + string.Join(", ", Parts(bytes, type)) + ")";
            default: return number.ToString(CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Writes a string if it is whole, and of letters that need no care; false, and nothing is written, otherwise.</summary>
    public bool TryWritePlain(Utf8Writer output, ReadOnlySpan<byte> bytes, PlanType type)
    {
        bytes = bytes[..Math.Min(bytes.Length, type.SizeBytes)];
        int end = bytes.IndexOf((byte)0);
        if (end < 0 || end == bytes.Length - 1 && type.SizeBytes == rules.LongestBytes || bytes[..end].ContainsAnyExceptInRange((byte)' ', (byte)'~'))
            return false;
        output.Write(bytes[..end]);
        return true;
    }

    /// <summary>A key: the parts of a tuple without their parentheses.</summary>
    public string Key(ReadOnlySpan<byte> bytes, PlanType type) => type is { Kind: PlanKind.Tuple, Text: "" } ? string.Join(", ", Parts(bytes, type)) : Text(bytes, type);

    public static string Enumerator(long number, PlanType type)
    {
        foreach ((string name, long value) in type.Values)
            if (value == number)
                return name;
        return number.ToString(CultureInfo.InvariantCulture);
    }

    private List<string> Elements(ReadOnlySpan<byte> bytes, PlanType type)
    {
        var all = new List<string>();
        PlanType element = type.Members[0].Type;
        for (int i = 0; i < type.Numbers[0] && (i + 1) * element.SizeBytes <= bytes.Length; i++)
            all.Add(Text(bytes[(i * element.SizeBytes)..], element));
        return all;
    }

    private List<string> Parts(ReadOnlySpan<byte> bytes, PlanType type)
    {
        var all = new List<string>();
        foreach (PlanMember member in type.Members)
            all.Add(Member(bytes, member));
        return all;
    }

    private List<string> Members(ReadOnlySpan<byte> bytes, PlanType type)
    {
        var all = new List<string>();
        foreach (PlanMember member in type.Members)
            all.Add($".{member.Name} = {Member(bytes, member)}");
        return all;
    }

    private string Member(ReadOnlySpan<byte> bytes, PlanMember member)
    {
        if (member.Offset > bytes.Length)
            return "";
        if (member.Bits == 0)
            return Text(bytes[member.Offset..], member.Type);
        ulong word = (ulong)ValueReader.Number(bytes[member.Offset..], member.Type with { IsSigned = false });
        long value = (long)(word << (64 - member.Shift - member.Bits)) >> (64 - member.Bits);
        return member.Type.IsSigned ? value.ToString(CultureInfo.InvariantCulture) : ((ulong)value & (ulong.MaxValue >> (64 - member.Bits))).ToString(CultureInfo.InvariantCulture);
    }

    private static string Address(ReadOnlySpan<byte> bytes)
    {
        const int Inet6 = 10;
        if (bytes.Length < 20)
            return "";
        return new IPAddress(BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Inet6 ? bytes.Slice(4, 16) : bytes.Slice(4, 4)).ToString();
    }

    /// <summary>A value as JSON.</summary>
    public string Json(ReadOnlySpan<byte> bytes, PlanType type)
    {
        switch (type.Kind)
        {
            case PlanKind.Bool or PlanKind.Int or PlanKind.Count or PlanKind.Sum:
                return Text(bytes, type);
            case PlanKind.Array:
                PlanType element = type.Members[0].Type;
                var items = new List<string>();
                for (int i = 0; i < type.Numbers[0]; i++)
                    items.Add(Json(bytes[(i * element.SizeBytes)..], element));
                return "[" + string.Join(',', items) + "]";
            case PlanKind.Tuple or PlanKind.Struct:
                var parts = new List<string>();
                bool isNamed = type.Kind == PlanKind.Struct || type.Text == "record";
                foreach (PlanMember member in type.Members)
                {
                    string value = member.Bits > 0 ? Member(bytes, member) : Json(bytes[member.Offset..], member.Type);
                    parts.Add(isNamed ? $"{Quote(member.Name)}: {value}" : value);
                }
                return isNamed ? "{" + string.Join(", ", parts) + "}" : "[" + string.Join(',', parts) + "]";
            default:
                return Quote(Text(bytes, type));
        }
    }

    /// <summary>A text as JSON.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\t' => "\\t",
                '\r' => "\\r",
                < ' ' or '\x7f' or (>= '\x80' and < '\xa0') => "\\u" + ((int)c).ToString("x4", CultureInfo.InvariantCulture),
                _ => c.ToString(),
            });
        return quoted.Append('"').ToString();
    }
}
