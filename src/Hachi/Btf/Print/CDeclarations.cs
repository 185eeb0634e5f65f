using System.Globalization;
using System.Text;

namespace Hachi.Btf.Print;

/// <summary>Writes declarations in C: names of types, members, bodies of structures and enumerations.</summary>
internal sealed class CDeclarations(BtfTypes types, CNames names)
{
    private const int DepthMax = 64;

    // Members written in all: those there are, and some twice. Hostile types hold each other without a name and without end.
    private long _budget = 10_000 + 4L * types.Section.Length / 12;

    private readonly CLayout _layout = new(types);

    /// <summary>A declaration without its semicolon: <c>const struct file *f</c>.</summary>
    /// <param name="id">The type.</param>
    /// <param name="name">What is declared; empty for a type alone.</param>
    /// <param name="indent">How deep the bodies of anonymous types stand.</param>
    public string Declare(uint id, string name, int indent = 0) => Declare(id, name, "", indent, 0);

    /// <summary>The body of a structure or union, with its attribute: <c>{ … }</c>.</summary>
    public string Body(uint id, int indent) => Body(id, indent, 0);

    /// <summary>The body of an enumeration, with its attribute.</summary>
    public string Values(uint id, int indent)
    {
        BtfType type = types[id];
        string tabs = new('\t', indent);
        var text = new StringBuilder("{\n");
        foreach (BtfEnumerator value in types.ValuesOf(id))
        {
            text.Append(tabs).Append('\t').Append(names.Value(value.Name)).Append(" = ");
            // The smallest number of all cannot be written: its digits alone are too large.
            string number = type.Flag ? (value.Value == long.MinValue ? "(-9223372036854775807LL - 1)" : value.Value.ToString(CultureInfo.InvariantCulture)) : ((ulong)value.Value).ToString(CultureInfo.InvariantCulture);
            bool isLong = type.Kind == BtfKind.Enum64 && !number.StartsWith('(');
            text.Append(number).Append(isLong ? type.Flag ? "LL" : "ULL" : "").Append(",\n");
        }
        string mode = type.SizeOrType switch { 1 => "byte", 2 => "HI", 8 => "DI", _ => "" };
        return text.Append(tabs).Append('}').Append(mode.Length > 0 ? $" __attribute__((mode({mode})))" : "").ToString();
    }

    // From the inside to the outside: `name`, `*name`, `(*name)(int)`, `int (*name)(int)`.
    private string Declare(uint id, string inner, string qualifiers, int indent, int depth)
    {
        for (; depth < DepthMax; depth++)
        {
            BtfType type = types[id];
            switch (type.Kind)
            {
                case BtfKind.Const or BtfKind.Volatile or BtfKind.Restrict:
                    string word = type.Kind.ToString().ToLowerInvariant();
                    qualifiers = qualifiers.Contains(word, StringComparison.Ordinal) ? qualifiers : qualifiers + word + " ";
                    id = type.SizeOrType;
                    continue;
                case BtfKind.TypeTag:
                    id = type.SizeOrType;
                    continue;
                case BtfKind.Ptr:
                    string pointer = "*" + qualifiers + inner;
                    bool isWrapped = types[Bare(type.SizeOrType)].Kind is BtfKind.Array or BtfKind.FuncProto;
                    (id, inner, qualifiers) = (type.SizeOrType, isWrapped ? $"({pointer})" : pointer, "");
                    continue;
                case BtfKind.Array:
                    (id, inner) = (types.ArrayOf(id).Element, $"{inner}[{types.ArrayOf(id).Count}]");
                    continue;
                case BtfKind.FuncProto:
                    inner += Parameters(id, indent, depth + 1);
                    (id, qualifiers) = (type.SizeOrType, "");
                    continue;
                default:
                    // Only pointers are restricted.
                    string plain = qualifiers.Replace("restrict ", "", StringComparison.Ordinal);
                    string text = plain + Named(id, type, indent, depth + 1);
                    return inner.Length == 0 ? text : inner[0] == '[' ? text + inner : text + " " + inner;
            }
        }
        return "void *" + inner;
    }

    private uint Bare(uint id)
    {
        for (int depth = 0; depth < DepthMax && types[id].IsModifier; depth++)
            id = types[id].SizeOrType;
        return id;
    }

    private string Parameters(uint id, int indent, int depth)
    {
        IReadOnlyList<BtfParameter> parameters = types.ParametersOf(id);
        if (parameters.Count == 0)
            return "(void)";
        var parts = new List<string>();
        for (int i = 0; i < parameters.Count; i++)
            parts.Add(parameters[i].Type == 0 && i == parameters.Count - 1 ? "..." : Declare(parameters[i].Type, "", "", indent, depth));
        return parts is ["..."] ? "()" : $"({string.Join(", ", parts)})";
    }

    private string Named(uint id, in BtfType type, int indent, int depth) => type.Kind switch
    {
        BtfKind.Struct or BtfKind.Union when type.NameOffset == 0 => $"{(type.Kind == BtfKind.Struct ? "struct" : "union")} {Body(id, indent, depth)}",
        BtfKind.Enum or BtfKind.Enum64 when type.NameOffset == 0 => $"enum {Values(id, indent)}",
        BtfKind.Struct => "struct " + names.Of(id),
        BtfKind.Union => "union " + names.Of(id),
        BtfKind.Enum or BtfKind.Enum64 => "enum " + names.Of(id),
        BtfKind.Fwd => (type.Flag ? "union " : "struct ") + names.Of(id),
        BtfKind.Typedef or BtfKind.Int or BtfKind.Float => names.Of(id),
        _ => "void",
    };

    private string Body(uint id, int indent, int depth)
    {
        BtfType type = types[id];
        _budget -= type.Count;
        if (depth >= DepthMax || _budget < 0)
            return "{ }";
        string tabs = new('\t', indent);
        bool isPacked = _layout.IsPacked(id), isUnion = type.Kind == BtfKind.Union;
        var text = new StringBuilder("{\n");
        long bits = 0;
        foreach (BtfMember member in types.MembersOf(id))
        {
            if (!isUnion && _layout.Natural(member, bits, isPacked) != member.BitOffset)
                bits = Pad(text, tabs, bits, member.BitOffset);
            text.Append(tabs).Append('\t').Append(Declare(member.Type, CNames.Identifier(member.Name), "", indent + 1, depth + 1));
            if (member.BitSize > 0)
                text.Append(CultureInfo.InvariantCulture, $": {member.BitSize}");
            text.Append(";\n");
            bits = isUnion ? Math.Max(bits, _layout.BitsOf(member)) : member.BitOffset + _layout.BitsOf(member);
        }
        long align = (isPacked ? 1 : _layout.AlignOf(id)) * 8L, size = type.SizeOrType * 8L;
        if (isUnion && (bits + align - 1) / align * align < size)
            text.Append(CultureInfo.InvariantCulture, $"{tabs}\tunsigned char __size[{type.SizeOrType}];\n");
        else if ((bits + align - 1) / align * align < size)
            _ = Pad(text, tabs, bits, size);
        return text.Append(tabs).Append(isPacked ? "} __attribute__((packed))" : "}").ToString();
    }

    // Bit fields without a name take room and change no alignment.
    private static long Pad(StringBuilder text, string tabs, long from, long to)
    {
        const int LinesMax = 64, Unit = 64;
        if (to - from > LinesMax * Unit)
        {
            long bytes = (from + 7) / 8;
            text.Append(CultureInfo.InvariantCulture, $"{tabs}\tunsigned char __pad{bytes}[{to / 8 - bytes}];\n");
            from = to / 8 * 8;
        }
        while (from < to)
        {
            long width = Math.Min(to - from, Unit - from % Unit);
            text.Append(CultureInfo.InvariantCulture, $"{tabs}\tlong: {width};\n");
            from += width;
        }
        return to;
    }
}
