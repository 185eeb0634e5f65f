namespace Hachi.Btf;

// What follows a type: members, values, parameters, variables.
public sealed partial class BtfTypes
{
    /// <summary>What an integer is; nothing for other types.</summary>
    public BtfInt IntOf(uint id)
    {
        BtfType type = this[id];
        if (type.Kind != BtfKind.Int)
            return default;
        uint data = Of(id).Word(type.Tail), encoding = data >> 24 & 0xf;
        return new BtfInt((encoding & 1) != 0, (encoding & 2) != 0, (encoding & 4) != 0, (int)(data >> 16 & 0xff), (int)(data & 0xff));
    }

    /// <summary>Element type and number of elements of an array.</summary>
    public BtfArray ArrayOf(uint id)
    {
        BtfType type = this[id];
        BtfTypes part = Of(id);
        return type.Kind == BtfKind.Array ? new BtfArray(part.Word(type.Tail), part.Word(type.Tail + 8), part.Word(type.Tail + 4)) : default;
    }

    /// <summary>The members of a structure or union.</summary>
    public IReadOnlyList<BtfMember> MembersOf(uint id)
    {
        BtfType type = this[id];
        if (!type.IsComposite)
            return [];
        var members = new BtfMember[type.Count];
        for (int i = 0; i < members.Length; i++)
        {
            BtfRawMember raw = RawMember(id, type, i);
            members[i] = new BtfMember(StringAt(raw.NameOffset), raw.Type, raw.BitOffset, raw.BitSize);
        }
        return members;
    }

    /// <summary>One member, without its name's text.</summary>
    internal BtfRawMember RawMember(uint id, in BtfType type, int index)
    {
        BtfTypes part = Of(id);
        int at = type.Tail + index * 12;
        uint offset = part.Word(at + 8);
        return new BtfRawMember(part.Word(at), part.Word(at + 4), type.Flag ? offset & 0xffffff : offset, type.Flag ? offset >> 24 : 0);
    }

    /// <summary>The parameters of a function's type (<see cref="BtfKind.FuncProto"/>), or of a function.</summary>
    public IReadOnlyList<BtfParameter> ParametersOf(uint id)
    {
        BtfType type = this[id];
        if (type.Kind == BtfKind.Func)
            type = this[id = type.SizeOrType];
        if (type.Kind != BtfKind.FuncProto)
            return [];
        BtfTypes part = Of(id);
        var parameters = new BtfParameter[type.Count];
        for (int i = 0, at = type.Tail; i < parameters.Length; i++, at += 8)
            parameters[i] = new BtfParameter(StringAt(part.Word(at)), part.Word(at + 4));
        return parameters;
    }

    /// <summary>The variables of a data section.</summary>
    public IReadOnlyList<BtfVariable> VariablesOf(uint id)
    {
        BtfType type = this[id];
        if (type.Kind != BtfKind.Datasec)
            return [];
        BtfTypes part = Of(id);
        var variables = new BtfVariable[type.Count];
        for (int i = 0, at = type.Tail; i < variables.Length; i++, at += 12)
            variables[i] = new BtfVariable(part.Word(at), part.Word(at + 4), part.Word(at + 8), at);
        return variables;
    }

    /// <summary>The values of an enumeration.</summary>
    public IReadOnlyList<BtfEnumerator> ValuesOf(uint id)
    {
        BtfType type = this[id];
        if (!type.IsEnum)
            return [];
        var values = new BtfEnumerator[type.Count];
        for (int i = 0; i < values.Length; i++)
        {
            (uint name, long value) = RawValue(id, type, i);
            values[i] = new BtfEnumerator(StringAt(name), value);
        }
        return values;
    }

    /// <summary>One value, without its name's text.</summary>
    internal (uint NameOffset, long Value) RawValue(uint id, in BtfType type, int index)
    {
        BtfTypes part = Of(id);
        if (type.Kind == BtfKind.Enum64)
        {
            int wide = type.Tail + index * 12;
            return (part.Word(wide), (long)((ulong)part.Word(wide + 8) << 32 | part.Word(wide + 4)));
        }
        int at = type.Tail + index * 8;
        uint value = part.Word(at + 4);
        return (part.Word(at), type.Flag ? (int)value : value);
    }

    /// <summary>Of a variable its linkage (0 static, 1 global, 2 extern); of a tag the member or parameter that it stands at, -1 for the type itself.</summary>
    public int ExtraOf(uint id) => this[id] is { Kind: BtfKind.Var or BtfKind.DeclTag } type ? (int)Of(id).Word(type.Tail) : 0;
}
