using System.Globalization;
using System.Text;

namespace Hachi.Btf.Print;

/// <summary>Types as they are, a line each, as <c>bpftool btf dump file FILE format raw</c> prints them.</summary>
public static class BtfRawText
{
    private static readonly string[] s_linkage = ["static", "global", "extern"];

    /// <summary>All types, those of <see cref="BtfTypes.Base"/> left out.</summary>
    public static string Print(BtfTypes types)
    {
        ArgumentNullException.ThrowIfNull(types);
        var text = new StringBuilder();
        for (uint id = types.FirstId; id < types.Count; id++)
            Print(text, types, id);
        return text.ToString();
    }

    /// <summary>One type: its line, and one for each member, value, parameter or variable, behind a tabulator.</summary>
    public static void Print(StringBuilder text, BtfTypes types, uint id)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(types);
        BtfType type = types[id];
        text.Append(CultureInfo.InvariantCulture, $"[{id}] {KindName(type.Kind)} '{Name(types.NameOf(id))}'");
        switch (type.Kind)
        {
            case BtfKind.Int:
                BtfInt number = types.IntOf(id);
                string encoding = number.IsSigned ? "SIGNED" : number.IsChar ? "CHAR" : number.IsBool ? "BOOL" : "(none)";
                Append($" size={type.SizeOrType} bits_offset={number.BitOffset} nr_bits={number.Bits} encoding={encoding}");
                break;
            case BtfKind.Array:
                BtfArray array = types.ArrayOf(id);
                Append($" type_id={array.Element} index_type_id={array.Index} nr_elems={array.Count}");
                break;
            case BtfKind.Struct or BtfKind.Union:
                Append($" size={type.SizeOrType} vlen={type.Count}");
                foreach (BtfMember member in types.MembersOf(id))
                    Append($"\n\t'{Name(member.Name)}' type_id={member.Type} bits_offset={member.BitOffset}{(member.BitSize > 0 ? $" bitfield_size={member.BitSize}" : "")}");
                break;
            case BtfKind.Enum or BtfKind.Enum64:
                AppendEnumeration(text, types, id, type);
                break;
            case BtfKind.Fwd:
                Append($" fwd_kind={(type.Flag ? "union" : "struct")}");
                break;
            case BtfKind.Func:
                Append($" type_id={type.SizeOrType} linkage={Linkage(type.Count)}");
                break;
            case BtfKind.FuncProto:
                Append($" ret_type_id={type.SizeOrType} vlen={type.Count}");
                foreach (BtfParameter parameter in types.ParametersOf(id))
                    Append($"\n\t'{Name(parameter.Name)}' type_id={parameter.Type}");
                break;
            case BtfKind.Var:
                Append($" type_id={type.SizeOrType}, linkage={Linkage(types.ExtraOf(id))}");
                break;
            case BtfKind.Datasec:
                Append($" size={type.SizeOrType} vlen={type.Count}");
                foreach (BtfVariable variable in types.VariablesOf(id))
                    Append($"\n\ttype_id={variable.Var} offset={variable.Offset} size={variable.SizeBytes} ({KindName(types[variable.Var].Kind)} '{Name(types.NameOf(variable.Var))}')");
                break;
            case BtfKind.Float:
                Append($" size={type.SizeOrType}");
                break;
            case BtfKind.DeclTag:
                Append($" type_id={type.SizeOrType} component_idx={types.ExtraOf(id)}");
                break;
            default:
                Append($" type_id={type.SizeOrType}");
                break;
        }
        text.Append('\n');

        void Append(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture));
    }

    private static void AppendEnumeration(StringBuilder text, BtfTypes types, uint id, in BtfType type)
    {
        text.Append(CultureInfo.InvariantCulture, $" encoding={(type.Flag ? "SIGNED" : "UNSIGNED")} size={type.SizeOrType} vlen={type.Count}");
        string suffix = type.Kind == BtfKind.Enum ? "" : type.Flag ? "LL" : "ULL";
        foreach (BtfEnumerator value in types.ValuesOf(id))
        {
            text.Append("\n\t'").Append(Name(value.Name)).Append("' val=");
            _ = type.Flag ? text.Append(value.Value.ToString(CultureInfo.InvariantCulture)) : text.Append(((ulong)value.Value).ToString(CultureInfo.InvariantCulture));
            text.Append(suffix);
        }
    }

    private static string Name(string name) => name.Length > 0 ? name : "(anon)";

    private static string Linkage(int linkage) => (uint)linkage < s_linkage.Length ? s_linkage[linkage] : "(unknown)";

    private static string KindName(BtfKind kind) => kind switch
    {
        BtfKind.Void => "UNKNOWN",
        BtfKind.FuncProto => "FUNC_PROTO",
        BtfKind.DeclTag => "DECL_TAG",
        BtfKind.TypeTag => "TYPE_TAG",
        _ => kind.ToString().ToUpperInvariant(),
    };
}
