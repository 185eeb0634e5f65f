namespace Hachi.Btf.Relocate;

/// <summary>
/// Whether a type of the object and one of the kernel can stand for each other. Three questions, from lax to strict: may a field of the one be read as the other; do they have the same shape without
/// looking into structures; do the object's members all stand in the kernel's.
/// </summary>
/// <param name="local">The object's types.</param>
/// <param name="target">The kernel's types.</param>
internal sealed class TypeCompare(BtfTypes local, BtfTypes target)
{
    // Pointers, arrays and functions' types within each other; libbpf and the kernel stop at the same depth.
    private const int DepthMax = 32;

    // Pairs of types looked at in one question: hostile ones would branch without end.
    private const int PairsMax = 100_000;

    private int _budget;

    /// <summary>Whether two types are of one kind; enumerations of 32 and 64 bits are.</summary>
    public static bool SameKind(in BtfType one, in BtfType other) => one.Kind == other.Kind || one.IsEnum && other.IsEnum;

    /// <summary>Whether names are the same without their flavours.</summary>
    public bool SameName(uint localName, uint targetName) =>
        BtfTypes.WithoutFlavour(local.BytesAt(localName)).SequenceEqual(BtfTypes.WithoutFlavour(target.BytesAt(targetName)));

    /// <summary>Whether a field of the one type may be read as the other: any integers, any pointers, any structures; enumerations of one name.</summary>
    public bool FieldsAgree(uint localId, uint targetId)
    {
        for (int depth = 0; depth < DepthMax; depth++)
        {
            (localId, targetId) = (local.Resolve(localId), target.Resolve(targetId));
            BtfType one = local[localId], other = target[targetId];
            if (one.IsComposite && other.IsComposite)
                return true;
            if (!SameKind(one, other))
                return false;
            switch (one.Kind)
            {
                case BtfKind.Ptr or BtfKind.Float:
                    return true;
                case BtfKind.Int:
                    return local.IntOf(localId).BitOffset == 0 && target.IntOf(targetId).BitOffset == 0;
                case BtfKind.Fwd or BtfKind.Enum or BtfKind.Enum64:
                    return local.BytesAt(one.NameOffset).IsEmpty || target.BytesAt(other.NameOffset).IsEmpty || SameName(one.NameOffset, other.NameOffset);
                case BtfKind.Array:
                    (localId, targetId) = (local.ArrayOf(localId).Element, target.ArrayOf(targetId).Element);
                    continue;
                default:
                    return false;
            }
        }
        return false;
    }

    /// <summary>Whether types have one shape: kinds along pointers, arrays and parameters. Names are not compared, structures not looked into.</summary>
    public bool Agree(uint localId, uint targetId)
    {
        _budget = PairsMax;
        return SameKind(local[localId], target[targetId]) && Agree(localId, targetId, DepthMax);
    }

    private bool Agree(uint localId, uint targetId, int depth)
    {
        for (; depth > 0 && _budget-- > 0; depth--)
        {
            (localId, targetId) = (local.Resolve(localId), target.Resolve(targetId));
            BtfType one = local[localId], other = target[targetId];
            if (!SameKind(one, other))
                return false;
            switch (one.Kind)
            {
                case BtfKind.Void or BtfKind.Struct or BtfKind.Union or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Fwd:
                    return true;
                case BtfKind.Int:
                    return local.IntOf(localId).BitOffset == 0 && target.IntOf(targetId).BitOffset == 0;
                case BtfKind.Ptr:
                    (localId, targetId) = (one.SizeOrType, other.SizeOrType);
                    continue;
                case BtfKind.Array:
                    (localId, targetId) = (local.ArrayOf(localId).Element, target.ArrayOf(targetId).Element);
                    continue;
                case BtfKind.FuncProto:
                    if (!ParametersAll(localId, targetId, (a, b) => Agree(a, b, depth - 1)))
                        return false;
                    (localId, targetId) = (one.SizeOrType, other.SizeOrType);
                    continue;
                default:
                    return false;
            }
        }
        return false;
    }

    /// <summary>Whether the object's type is what the kernel's is, or a part of it: names, sizes of integers, members and values that the object's has.</summary>
    public bool Match(uint localId, uint targetId)
    {
        _budget = PairsMax;
        return Match(localId, targetId, isBehindPointer: false, DepthMax);
    }

    private bool Match(uint localId, uint targetId, bool isBehindPointer, int depth)
    {
        for (; depth > 0 && _budget-- > 0; depth--)
        {
            (localId, targetId) = (local.Resolve(localId), target.Resolve(targetId));
            BtfType one = local[localId], other = target[targetId];
            if (!SameName(one.NameOffset, other.NameOffset))
                return false;
            switch (one.Kind)
            {
                case BtfKind.Void:
                    return other.Kind == BtfKind.Void;
                case BtfKind.Fwd:
                    return other.Kind == BtfKind.Fwd ? one.Flag == other.Flag : isBehindPointer && other.Kind == (one.Flag ? BtfKind.Union : BtfKind.Struct);
                case BtfKind.Enum or BtfKind.Enum64:
                    return other.IsEnum && ValuesMatch(localId, one, targetId, other);
                case BtfKind.Struct or BtfKind.Union when isBehindPointer:
                    return one.Kind == other.Kind || other.Kind == BtfKind.Fwd && other.Flag == (one.Kind == BtfKind.Union);
                case BtfKind.Struct or BtfKind.Union:
                    return one.Kind == other.Kind && MembersMatch(localId, one, targetId, other, depth);
                case BtfKind.Int:
                    return other.Kind == BtfKind.Int && one.SizeOrType == other.SizeOrType && local.IntOf(localId).IsSigned == target.IntOf(targetId).IsSigned;
                case BtfKind.Ptr when other.Kind == BtfKind.Ptr:
                    (localId, targetId, isBehindPointer) = (one.SizeOrType, other.SizeOrType, true);
                    continue;
                case BtfKind.Array when other.Kind == BtfKind.Array && local.ArrayOf(localId).Count == target.ArrayOf(targetId).Count:
                    (localId, targetId, isBehindPointer) = (local.ArrayOf(localId).Element, target.ArrayOf(targetId).Element, false);
                    continue;
                case BtfKind.FuncProto when other.Kind == BtfKind.FuncProto:
                    if (!ParametersAll(localId, targetId, (a, b) => Match(a, b, isBehindPointer: false, depth - 1)))
                        return false;
                    (localId, targetId) = (one.SizeOrType, other.SizeOrType);
                    continue;
                default:
                    return false;
            }
        }
        return false;
    }

    // Each of the object's members has one of its name and type among the kernel's, wherever that stands.
    private bool MembersMatch(uint localId, in BtfType one, uint targetId, in BtfType other, int depth)
    {
        if (one.Count > other.Count)
            return false;
        for (int i = 0; i < one.Count; i++)
        {
            BtfRawMember member = local.RawMember(localId, one, i);
            bool isFound = false;
            for (int k = 0; k < other.Count && !isFound && _budget-- > 0; k++)
            {
                BtfRawMember there = target.RawMember(targetId, other, k);
                isFound = SameName(member.NameOffset, there.NameOffset) && Match(member.Type, there.Type, isBehindPointer: false, depth - 1);
            }
            if (!isFound)
                return false;
        }
        return true;
    }

    private bool ValuesMatch(uint localId, in BtfType one, uint targetId, in BtfType other)
    {
        if (one.Count > other.Count)
            return false;
        for (int i = 0; i < one.Count; i++)
            if (FindValue(local.RawValue(localId, one, i).NameOffset, targetId, other) < 0)
                return false;
        return true;
    }

    /// <summary>The value of the kernel's enumeration that has the name of one of the object's; -1 for none.</summary>
    public int FindValue(uint localName, uint targetId, in BtfType enumeration)
    {
        for (int i = 0; i < enumeration.Count; i++)
            if (SameName(localName, target.RawValue(targetId, enumeration, i).NameOffset))
                return i;
        return -1;
    }

    private bool ParametersAll(uint localId, uint targetId, Func<uint, uint, bool> isSame)
    {
        IReadOnlyList<BtfParameter> ours = local.ParametersOf(localId), theirs = target.ParametersOf(targetId);
        if (ours.Count != theirs.Count)
            return false;
        for (int i = 0; i < ours.Count; i++)
            if (!isSame(ours[i].Type, theirs[i].Type))
                return false;
        return true;
    }
}
