namespace Hachi.Btf.Relocate;

/// <summary>Follows a path of the object's types in a type of the kernel's.</summary>
internal static class PathMatch
{
    private const int DepthMax = 32, MembersVisitedMax = 65_536;

    /// <summary>The same path from a candidate; null when it does not lead there.</summary>
    public static AccessPath? Follow(AccessPath path, CoreRelocationKind kind, BtfTypes target, uint candidate)
    {
        var compare = new TypeCompare(path.Types, target);
        var found = new AccessPath(target, candidate);
        bool isFound = kind switch
        {
            CoreRelocationKind.TypeIdTarget or CoreRelocationKind.TypeExists or CoreRelocationKind.TypeSize => compare.Agree(path.Root, candidate),
            CoreRelocationKind.TypeMatches => compare.Match(path.Root, candidate),
            CoreRelocationKind.EnumvalExists or CoreRelocationKind.EnumvalValue => FollowValue(path, compare, found),
            CoreRelocationKind.TypeIdLocal => false,
            _ => FollowField(path, compare, found),
        };
        return isFound ? found : null;
    }

    private static bool FollowValue(AccessPath path, TypeCompare compare, AccessPath found)
    {
        uint id = found.Types.Resolve(found.Root);
        BtfType type = found.Types[id];
        AccessStep step = path.Steps[0];
        int index = type.IsEnum ? compare.FindValue(path.Types.RawValue(step.Type, path.Types[step.Type], step.Index).NameOffset, id, type) : -1;
        found.Steps.Add(new AccessStep(id, index, IsNamed: true));
        return index >= 0;
    }

    private static bool FollowField(AccessPath path, TypeCompare compare, AccessPath found)
    {
        uint id = found.Root;
        for (int i = 0; i < path.Steps.Count; i++)
        {
            AccessStep step = path.Steps[i];
            id = found.Types.Resolve(id);
            if (step.IsNamed)
            {
                BtfRawMember member = path.Types.RawMember(step.Type, path.Types[step.Type], step.Index);
                int budget = MembersVisitedMax;
                if (FindMember(found, id, path.Types.BytesAt(member.NameOffset), found.BitOffset, 0, ref budget) is not { } next || !compare.FieldsAgree(member.Type, next))
                    return false;
                id = next;
            }
            else if (i == 0 ? !found.TryIndex(id, step.Index) : !found.TryElement(id, step.Index, out id))
                return false;
        }
        return true;
    }

    // By name, in anonymous members, too; the step goes to where the name stands. Gives the member's type.
    private static uint? FindMember(AccessPath found, uint id, ReadOnlySpan<byte> name, long bits, int depth, ref int budget)
    {
        BtfTypes types = found.Types;
        BtfType type = types[id];
        if (!type.IsComposite || depth >= DepthMax)
            return null;
        for (int i = 0; i < type.Count && budget-- > 0; i++)
        {
            BtfRawMember member = types.RawMember(id, type, i);
            if (member.NameOffset == 0)
            {
                if (FindMember(found, types.Resolve(member.Type), name, bits + member.BitOffset, depth + 1, ref budget) is { } inner)
                    return inner;
            }
            else if (types.BytesAt(member.NameOffset).SequenceEqual(name))
            {
                found.BitOffset = bits + member.BitOffset;
                found.Steps.Add(new AccessStep(id, i, IsNamed: true));
                return member.Type;
            }
        }
        return null;
    }
}
