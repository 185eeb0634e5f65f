using System.Globalization;

namespace Hachi.Lang.Trace.Types;

/// <summary>Where an argument of a statically defined probe is (SystemTap's notes): <c>-4@%edi</c>, <c>8@$5</c>, <c>8@-16(%rbp,%rax,8)</c>. x86-64.</summary>
/// <param name="SizeBytes">Its bytes.</param>
/// <param name="IsSigned">Whether it has a sign.</param>
/// <param name="Base">Offset in pt_regs of the register it is in, or that it is reached through; -1 for none.</param>
/// <param name="Index">Offset of a register that is scaled and added; -1 for none.</param>
/// <param name="Scale">What it is scaled by.</param>
/// <param name="Number">Its value, or what is added to the address.</param>
/// <param name="IsMemory">Whether it lies in memory.</param>
internal readonly record struct UsdtArgument(int SizeBytes, bool IsSigned, int Base, int Index, int Scale, long Number, bool IsMemory)
{
    private static readonly (string Names, int Offset)[] s_registers =
    [
        ("r15 r15d r15w r15b", 0), ("r14 r14d r14w r14b", 8), ("r13 r13d r13w r13b", 16), ("r12 r12d r12w r12b", 24), ("rbp ebp bp bpl", 32), ("rbx ebx bx bl", 40), ("r11 r11d r11w r11b", 48),
        ("r10 r10d r10w r10b", 56), ("r9 r9d r9w r9b", 64), ("r8 r8d r8w r8b", 72), ("rax eax ax al", 80), ("rcx ecx cx cl", 88), ("rdx edx dx dl", 96), ("rsi esi si sil", 104), ("rdi edi di dil", 112),
        ("rip", 128), ("rsp esp sp spl", 152),
    ];

    /// <summary>The arguments of a note; one that cannot be read is null.</summary>
    public static List<UsdtArgument?> Parse(string note) => [.. note.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(One)];

    private static UsdtArgument? One(string text)
    {
        int at = text.IndexOf('@', StringComparison.Ordinal);
        int size = 8;
        if (at > 0 && !int.TryParse(text.AsSpan(0, at), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out size))
            return null;
        string place = text[(at + 1)..];
        bool isSigned = size < 0;
        size = Math.Abs(size);
        if (size is not (1 or 2 or 4 or 8) || place.Length < 2)
            return null;
        if (place[0] == '$')
            return Integer(place[1..]) is long value ? new(size, isSigned, -1, -1, 1, value, false) : null;
        if (place[0] == '%')
            return Register(place) is int register and >= 0 ? new(size, isSigned, register, -1, 1, 0, false) : null;
        int open = place.IndexOf('(', StringComparison.Ordinal);
        if (open < 0 || !place.EndsWith(')') || (open > 0 && Integer(place[..open]) is null))
            return null;
        string[] parts = place[(open + 1)..^1].Split(',');
        int first = Register(parts[0]), second = parts.Length > 1 ? Register(parts[1]) : -1;
        int scale = parts.Length > 2 && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given : 1;
        return first < 0 || parts.Length > 3 || (parts.Length > 1 && second < 0) ? null : new(size, isSigned, first, second, scale, open > 0 ? Integer(place[..open])!.Value : 0, true);
    }

    private static long? Integer(string text)
    {
        bool isNegative = text.StartsWith('-');
        string digits = isNegative ? text[1..] : text;
        bool isHex = digits.StartsWith("0x", StringComparison.Ordinal);
        return ulong.TryParse(isHex ? digits.AsSpan(2) : digits, isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? (isNegative ? unchecked(-(long)value) : (long)value) : null;
    }

    private static int Register(string text)
    {
        string name = text.Trim().TrimStart('%');
        foreach ((string names, int offset) in s_registers)
            if (names.Split(' ').Contains(name))
                return offset;
        return -1;
    }
}
