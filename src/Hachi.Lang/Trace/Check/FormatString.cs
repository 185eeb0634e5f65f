using Hachi.Lang.Trace.Types;

namespace Hachi.Lang.Trace.Check;

/// <summary>A conversion of a format.</summary>
/// <param name="Conversion">Its letters: <c>d</c>, <c>s</c>, <c>rx</c>.</param>
/// <param name="Arguments">How many arguments it takes: 1, and 1 for each star.</param>
internal readonly record struct FormatPart(string Conversion, int Arguments);

/// <summary>Formats of <c>printf</c>, as far as types need them.</summary>
internal static class FormatString
{
    /// <summary>The conversions of a format; null, with what is wrong.</summary>
    public static List<FormatPart>? Parse(string format, out string wrong)
    {
        var parts = new List<FormatPart>();
        wrong = "";
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
                continue;
            int start = i++;
            int stars = 0;
            while (i < format.Length && (format[i] is '-' or '+' or ' ' or '#' or '.' or '*' || char.IsAsciiDigit(format[i])))
                stars += format[i++] == '*' ? 1 : 0;
            while (i < format.Length && format[i] is 'h' or 'l' or 'j' or 'z' or 't')
                i++;
            if (i >= format.Length)
            {
                wrong = $"'{format[start..]}' is no conversion";
                return null;
            }
            if (format[i] == '%' && i == start + 1)
                continue;
            if (format[i] == 'r')
            {
                string kind = i + 1 < format.Length && format[i + 1] is 'x' or 'h' ? format.Substring(i, 2) : "r";
                parts.Add(new FormatPart(kind, 1 + stars));
                i += kind.Length - 1;
            }
            else if (format[i] is 'd' or 'u' or 'i' or 'x' or 'X' or 'o' or 'p' or 'c' or 's')
                parts.Add(new FormatPart(format[i].ToString(), 1 + stars));
            else
            {
                bool isFlags = format[i] == 'g' && i + 1 < format.Length && format[i + 1] == 'r';
                wrong = isFlags ? "'%gr' (flags of an allocation by name) is not done here: %x prints the number" : $"'{format[start..(i + 1)]}' is no conversion";
                return null;
            }
        }
        return parts;
    }

    /// <summary>Whether a conversion prints values of a type.</summary>
    public static bool Prints(string conversion, TraceType type) => conversion switch
    {
        "s" => type.Kind is TypeKind.String or TypeKind.KernelStack or TypeKind.UserStack or TypeKind.KernelSymbol or TypeKind.UserSymbol or TypeKind.UserName or TypeKind.Address or TypeKind.Mac or TypeKind.Time or TypeKind.CgroupPath
            or TypeKind.Error or TypeKind.Signal or TypeKind.Probe or TypeKind.Buffer or TypeKind.Bool || (type.IsInteger && type.Enum is not null),
        "r" or "rx" or "rh" => type.Kind is TypeKind.Buffer or TypeKind.String or TypeKind.Array,
        "c" => type.IsNumeric,
        _ => type.IsNumeric || type.Kind is TypeKind.Pointer or TypeKind.UserName or TypeKind.KernelSymbol or TypeKind.UserSymbol or TypeKind.Error or TypeKind.Signal,
    };
}
