namespace Hachi.Btf.Print;

/// <summary>
/// Where C would put members. BTF tells their places and not how they came about: what a compiler would not do by itself needs padding, or the attribute <c>packed</c>. Types may say anything:
/// walks are bounded, and what cannot be laid out counts as packed.
/// </summary>
internal sealed class CLayout(BtfTypes types)
{
    private const int DepthMax = 64;

    private readonly Dictionary<uint, (uint Align, bool IsPacked)> _known = [];

    /// <summary>Whether a structure or union must be packed for its members to lie where they do.</summary>
    public bool IsPacked(uint id) => Of(id, 0).IsPacked;

    /// <summary>Alignment in bytes that C gives a type as it is printed.</summary>
    public uint AlignOf(uint id) => AlignOf(id, 0);

    /// <summary>The bit at which C puts the next member.</summary>
    /// <param name="member">The member.</param>
    /// <param name="bits">Bits in front of it that are taken.</param>
    /// <param name="isPacked">Whether the structure is packed.</param>
    public long Natural(in BtfMember member, long bits, bool isPacked) => Natural(member, bits, isPacked, 0);

    /// <summary>Bits that a member takes.</summary>
    public long BitsOf(in BtfMember member) => member.BitSize > 0 ? member.BitSize : (types.SizeOf(member.Type) ?? 0) * 8L;

    private long Natural(in BtfMember member, long bits, bool isPacked, int depth)
    {
        if (member.BitSize > 0)
        {
            long unit = (types.SizeOf(member.Type) ?? 4) * 8L;
            bool crosses = unit > 0 && bits / unit != (bits + member.BitSize - 1) / unit;
            return crosses && !isPacked ? (bits + unit - 1) / unit * unit : bits;
        }
        long align = isPacked ? 8 : AlignOf(member.Type, depth) * 8L;
        return (bits + align - 1) / align * align;
    }

    private uint AlignOf(uint id, int depth)
    {
        for (; depth < DepthMax; depth++)
        {
            id = types.Resolve(id);
            BtfType type = types[id];
            switch (type.Kind)
            {
                case BtfKind.Array:
                    id = types.ArrayOf(id).Element;
                    continue;
                case BtfKind.Struct or BtfKind.Union:
                    return Of(id, depth + 1).Align;
                case BtfKind.Ptr:
                    return 8;
                case BtfKind.Int or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Float:
                    return Math.Clamp(type.SizeOrType, 1, 16);
                default:
                    return 1;
            }
        }
        return 1;
    }

    private (uint Align, bool IsPacked) Of(uint id, int depth)
    {
        if (_known.TryGetValue(id, out (uint, bool) known))
            return known;
        if (depth >= DepthMax)
            return (1, true);
        _known[id] = (1, true); // for circles
        BtfType type = types[id];
        uint align = 1;
        bool isPacked = false;
        long bits = 0;
        foreach (BtfMember member in types.MembersOf(id))
        {
            align = Math.Max(align, AlignOf(member.Type, depth + 1));
            isPacked |= Natural(member, type.Kind == BtfKind.Union ? 0 : bits, isPacked: false, depth + 1) > member.BitOffset;
            bits = Math.Max(bits, member.BitOffset + BitsOf(member));
        }
        isPacked |= type.SizeOrType % align != 0;
        return _known[id] = isPacked ? (1, true) : (align, false);
    }
}
