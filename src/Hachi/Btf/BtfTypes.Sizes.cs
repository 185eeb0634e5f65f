namespace Hachi.Btf;

// Sizes and places.
public sealed partial class BtfTypes
{
    // Members looked at in one walk into structures within structures: hostile types would branch without end.
    private const int MembersVisitedMax = 65_536;

    /// <summary>Bytes of a type; null where it has none, or more than 4 GiB.</summary>
    public uint? SizeOf(uint id)
    {
        ulong factor = 1;
        for (int depth = 0; depth < DepthMax; depth++)
        {
            id = Resolve(id);
            BtfType type = this[id];
            switch (type.Kind)
            {
                case BtfKind.Array:
                    (id, uint count, _) = ArrayOf(id);
                    factor *= count;
                    if (factor > uint.MaxValue)
                        return null;
                    continue;
                case BtfKind.Var:
                    id = type.SizeOrType;
                    continue;
                case BtfKind.Ptr:
                    return Total(8);
                case BtfKind.Int or BtfKind.Struct or BtfKind.Union or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Float or BtfKind.Datasec:
                    return Total(type.SizeOrType);
                default:
                    return null;
            }
        }
        return null;

        uint? Total(uint size) => size * factor <= uint.MaxValue ? (uint)(size * factor) : null;
    }

    /// <summary>Alignment of a type in bytes; 1 for a packed structure, null where it has none.</summary>
    public uint? AlignOf(uint id)
    {
        int budget = MembersVisitedMax;
        return AlignOf(id, 0, ref budget);
    }

    private uint? AlignOf(uint id, int depth, ref int budget)
    {
        for (; depth < DepthMax && budget > 0; depth++)
        {
            id = Resolve(id);
            BtfType type = this[id];
            switch (type.Kind)
            {
                case BtfKind.Array:
                    id = ArrayOf(id).Element;
                    continue;
                case BtfKind.Var:
                    id = type.SizeOrType;
                    continue;
                case BtfKind.Ptr:
                    return 8;
                case BtfKind.Int or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Float:
                    return Math.Clamp(type.SizeOrType, 1, 16);
                case BtfKind.Struct or BtfKind.Union:
                    return AlignOfComposite(id, type, depth + 1, ref budget);
                default:
                    return null;
            }
        }
        return null;
    }

    // Packed is what has a member, or a size, that does not fit the alignment.
    private uint? AlignOfComposite(uint id, in BtfType type, int depth, ref int budget)
    {
        uint most = 1;
        for (int i = 0; i < type.Count; i++)
        {
            budget--;
            BtfRawMember member = RawMember(id, type, i);
            if (AlignOf(member.Type, depth, ref budget) is not { } align)
                return null;
            if (member.BitSize == 0 && member.BitOffset % (8 * align) != 0)
                return 1;
            most = Math.Max(most, align);
        }
        return type.SizeOrType % most == 0 ? most : 1;
    }

    /// <summary>The member of that name of a structure or union, those of anonymous members within it included; its offset is counted from the outermost.</summary>
    /// <param name="id">The structure or union, perhaps behind typedefs and qualifiers.</param>
    /// <param name="name">The member's name.</param>
    /// <param name="member">The member.</param>
    public bool TryFindMember(uint id, string name, out BtfMember member)
    {
        ArgumentNullException.ThrowIfNull(name);
        int budget = MembersVisitedMax;
        byte[] wanted = System.Text.Encoding.UTF8.GetBytes(name);
        if (wanted.Length > 0 && FindMember(Resolve(id), wanted, 0, 0, ref budget) is { } found)
        {
            member = new BtfMember(name, found.Type, found.BitOffset, found.BitSize);
            return true;
        }
        member = default;
        return false;
    }

    private BtfRawMember? FindMember(uint id, ReadOnlySpan<byte> name, uint bits, int depth, ref int budget)
    {
        BtfType type = this[id];
        if (!type.IsComposite || depth >= DepthMax)
            return null;
        for (int i = 0; i < type.Count && budget-- > 0; i++)
        {
            BtfRawMember member = RawMember(id, type, i);
            member = member with { BitOffset = member.BitOffset + bits };
            if (member.NameOffset == 0)
            {
                if (FindMember(Resolve(member.Type), name, member.BitOffset, depth + 1, ref budget) is { } inner)
                    return inner;
            }
            else if (BytesAt(member.NameOffset).SequenceEqual(name))
                return member;
        }
        return null;
    }
}
