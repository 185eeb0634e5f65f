using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Hachi.Btf;

namespace Hachi.Object.Relocate;

/// <summary>The bytes of the map <c>.kconfig</c>: the options that programs read, each as its variable's type wants it.</summary>
internal sealed class ConfigurationData(ExternFacts facts)
{
    private const uint TextBytesMax = 4096;
    private const string Tristate = "libbpf_tristate";

    /// <summary>The bytes so far.</summary>
    public List<byte> Bytes { get; } = [];

    /// <summary>Adds an option; says what is wrong, or null.</summary>
    public string? TryAdd(BtfTypes types, ExternSpec each, out int offset)
    {
        offset = 0;
        uint id = types.Resolve(types[each.BtfType].SizeOrType);
        if (types.SizeOf(id) is not (> 0 and <= TextBytesMax and var size))
            return "its type has no size that an option can have";
        byte[] value = new byte[size];
        string? text = TextOf(each.Name);
        if (text is null && !each.IsWeak)
            return "this kernel's configuration does not have it";
        string? wrong = text is null ? null : Fill(types, id, text, value);
        int align = (int)Math.Clamp(types.AlignOf(id) ?? 1, 1, 8);
        while (Bytes.Count % align != 0)
            Bytes.Add(0);
        offset = Bytes.Count;
        Bytes.AddRange(value);
        return wrong;
    }

    private string? TextOf(string name)
    {
        if (name == "LINUX_KERNEL_VERSION")
            return facts.KernelVersion.ToString(CultureInfo.InvariantCulture);
        if (facts.Virtual.TryGetValue(name, out ulong number))
            return number.ToString(CultureInfo.InvariantCulture);
        return facts.Configuration.GetValueOrDefault(name);
    }

    private static string? Fill(BtfTypes types, uint id, string text, Span<byte> value)
    {
        BtfType type = types[id];
        BtfInt number = types.IntOf(id);
        bool isLetter = text is "y" or "n" or "m";
        bool isText = type.Kind == BtfKind.Array && value.Length == types.ArrayOf(id).Count && types[types.Resolve(types.ArrayOf(id).Element)].Kind == BtfKind.Int;
        if (isText)
        {
            if (text is not ['"', .., '"'])
                return $"it is {text}, no text";
            byte[] bytes = Encoding.UTF8.GetBytes(text[1..^1]);
            // The last byte stays 0.
            bytes.AsSpan(0, Math.Min(bytes.Length, value.Length - 1)).CopyTo(value);
            return null;
        }
        if (type.IsEnum && types.NameOf(id) == Tristate && isLetter)
            return Write(value, text switch { "y" => 2u, "m" => 1, _ => 0 });
        if (type.Kind != BtfKind.Int || value.Length > 8)
            return "its type is none that an option can have";
        if (number.IsBool)
            return text is "m" ? "it is m, which a truth value cannot say" : text is "y" or "n" or "1" or "0" ? Write(value, text is "y" or "1" ? 1u : 0) : $"it is {text}, no truth value";
        if (isLetter)
            return value.Length == 1 ? Write(value, text[0]) : $"it is {text}, no number";
        return Parse(text) is not { } parsed ? $"it is {text}, no number"
            : Fits(parsed, value.Length * 8, number.IsSigned) ? Write(value, (ulong)(parsed & ulong.MaxValue)) : $"it is {text}, which does not fit {value.Length * 8} bits";
    }

    private static Int128? Parse(string text)
    {
        ReadOnlySpan<char> digits = text.AsSpan().TrimStart('-');
        bool isHex = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        if (!ulong.TryParse(isHex ? digits[2..] : digits, isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out ulong magnitude))
            return null;
        return text[0] == '-' ? -(Int128)magnitude : magnitude;
    }

    private static bool Fits(Int128 number, int bits, bool isSigned) =>
        isSigned ? number >= -(Int128.One << (bits - 1)) && number < Int128.One << (bits - 1) : number >= 0 && number < Int128.One << bits;

    private static string? Write(Span<byte> value, ulong number)
    {
        Span<byte> all = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(all, number);
        all[..value.Length].CopyTo(value);
        return null;
    }
}
