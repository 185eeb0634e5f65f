using System.Text;

namespace Hachi.Btf.Relocate;

/// <summary>What a relocation comes to.</summary>
/// <param name="Text">What it is about, such as <c>struct task_struct.pid</c>.</param>
/// <param name="Local">The number for the object's own types, which the compiler wrote.</param>
/// <param name="Target">The number for the kernel's.</param>
/// <param name="IsMissing">Whether the kernel has nothing that it could be a number of.</param>
/// <param name="IsResizable">Whether an access may be of the kernel's size instead of the object's.</param>
internal sealed record CoreAnswer(string Text, PathValue Local, PathValue Target, bool IsMissing, bool IsResizable)
{
    /// <summary>What is wrong; null when nothing is.</summary>
    public string? Wrong { get; init; }

    /// <summary>Whether what is wrong is that the kernel has several types which fit, and differ.</summary>
    public bool IsAmbiguous { get; init; }
}

/// <summary>
/// Finds out what relocations come to. For each of the object's types the kernel's types of its name are candidates; those that do not have what another candidate has, in any relocation of the
/// whole object, drop out; what is left must agree on every number.
/// </summary>
/// <param name="local">The object's types.</param>
/// <param name="targets">The kernel's types, then those of modules, which are looked at only for names that the kernel does not have.</param>
internal sealed class CoreResolver(BtfTypes local, IReadOnlyList<BtfTypes> targets)
{
    private readonly Dictionary<uint, List<(BtfTypes Types, uint Id)>> _candidates = [];
    private readonly Dictionary<(uint Type, CoreRelocationKind Kind, string Access), CoreAnswer> _answers = [];

    /// <summary>Narrows the candidates by all relocations there are; then <see cref="Resolve"/> may be asked.</summary>
    public void Narrow(IEnumerable<CoreRelocation> relocations)
    {
        var seen = new HashSet<(uint, CoreRelocationKind, uint)>();
        foreach (CoreRelocation relocation in relocations)
        {
            bool isNew = relocation.Kind != CoreRelocationKind.TypeIdLocal && seen.Add((relocation.Type, relocation.Kind, relocation.Access));
            if (!isNew || AccessPath.Parse(local, relocation, out _) is not { } path)
                continue;
            List<(BtfTypes Types, uint Id)> candidates = CandidatesOf(relocation.Type);
            if (candidates.Count < 2)
                continue;
            // When none has it, programs ask whether it is there, and all stay.
            List<(BtfTypes Types, uint Id)> fitting = candidates.FindAll(candidate => PathMatch.Follow(path, relocation.Kind, candidate.Types, candidate.Id) is not null);
            if (fitting.Count > 0)
                _candidates[relocation.Type] = fitting;
        }
    }

    /// <summary>What a relocation comes to.</summary>
    public CoreAnswer Resolve(in CoreRelocation relocation)
    {
        var key = (relocation.Type, relocation.Kind, local.StringAt(relocation.Access));
        return _answers.TryGetValue(key, out CoreAnswer? answer) ? answer : _answers[key] = Compute(relocation);
    }

    private CoreAnswer Compute(in CoreRelocation relocation)
    {
        if (AccessPath.Parse(local, relocation, out string reason) is not { } path)
            return new CoreAnswer("", default, default, IsMissing: false, IsResizable: false) { Wrong = reason };
        CoreRelocationKind kind = relocation.Kind;
        string text = path.ToString();
        if (PathValue.Of(path, kind) is not { } own)
            return new CoreAnswer(text, default, default, IsMissing: false, IsResizable: false) { Wrong = "this cannot be asked of it" };
        if (kind == CoreRelocationKind.TypeIdLocal)
            return new CoreAnswer(text, own, own, IsMissing: false, IsResizable: false);
        if (local[path.Root].NameOffset == 0)
            return new CoreAnswer(text, own, default, IsMissing: false, IsResizable: false) { Wrong = "a type without a name cannot be looked for in the kernel" };
        (AccessPath Path, PathValue Value)? found = null;
        foreach ((BtfTypes types, uint id) in CandidatesOf(path.Root))
        {
            if (PathMatch.Follow(path, kind, types, id) is not { } there)
                continue;
            if (PathValue.Of(there, kind) is not { } value)
                return new CoreAnswer(text, own, default, IsMissing: false, IsResizable: false) { Wrong = "in the kernel its bits lie in more than 8 bytes, or this cannot be asked of it" };
            found ??= (there, value);
            bool isSame = found.Value.Path.BitOffset == there.BitOffset && found.Value.Value.Value == value.Value;
            if (!isSame)
                return new CoreAnswer(text, own, default, IsMissing: false, IsResizable: false)
                {
                    Wrong = $"the kernel has several types of that name, and they differ in it (types {found.Value.Path.Root} and {id})",
                    IsAmbiguous = true,
                };
        }
        return (found is { } one ? one.Value : PathValue.Of(null, kind)) is { } target
            ? new CoreAnswer(text, own, target, IsMissing: false, IsResizable(own, found?.Path.Types, target))
            : new CoreAnswer(text, own, default, IsMissing: true, IsResizable: false);
    }

    // A pointer of 4 bytes read as one of 8, and an unsigned integer of another size, are still what they are.
    private bool IsResizable(in PathValue own, BtfTypes? types, in PathValue target)
    {
        if (types is null || own.FieldBytes == target.FieldBytes)
            return true;
        BtfType one = local[own.FieldType], other = types[target.FieldType];
        return one.Kind == BtfKind.Ptr && other.Kind == BtfKind.Ptr
            || one.Kind == BtfKind.Int && other.Kind == BtfKind.Int && !local.IntOf(own.FieldType).IsSigned && !types.IntOf(target.FieldType).IsSigned;
    }

    private List<(BtfTypes Types, uint Id)> CandidatesOf(uint type)
    {
        if (_candidates.TryGetValue(type, out List<(BtfTypes, uint)>? known))
            return known;
        var found = new List<(BtfTypes, uint)>();
        byte[] name = Encoding.UTF8.GetBytes(local.NameOf(type));
        bool isKernels = false;
        // The kernel's own types go before those of its modules.
        for (int i = 0; i < targets.Count && name.Length > 0 && !isKernels; i++)
        {
            foreach (uint id in targets[i].FindFlavours(name))
                if (id >= targets[i].FirstId && TypeCompare.SameKind(local[type], targets[i][id]))
                    found.Add((targets[i], id));
            isKernels = i == 0 && found.Count > 0;
        }
        return _candidates[type] = found;
    }
}
