namespace Hachi.Btf.Relocate;

/// <summary>What a relocation comes to in one set of types.</summary>
/// <param name="Value">The number that goes into the instruction.</param>
/// <param name="IsCertain">Whether the compiler must have written the same number for its own types; of bit fields it may choose.</param>
/// <param name="FieldBytes">Of an offset: bytes that an access to the field moves; otherwise 0.</param>
/// <param name="FieldType">Of an offset: the field's type.</param>
internal readonly record struct PathValue(ulong Value, bool IsCertain, uint FieldBytes = 0, uint FieldType = 0)
{
    private const int DepthMax = 32;

    /// <summary>Computes it; null when it cannot be had.</summary>
    /// <param name="path">The path in these types; null when there is none, which only questions for existence can answer.</param>
    /// <param name="kind">What is asked.</param>
    public static PathValue? Of(AccessPath? path, CoreRelocationKind kind)
    {
        switch (kind)
        {
            case CoreRelocationKind.FieldExists or CoreRelocationKind.TypeExists or CoreRelocationKind.TypeMatches or CoreRelocationKind.EnumvalExists:
                return new PathValue(path is null ? 0u : 1, IsCertain: true);
            // A type that is not there has no size and no id: 0 says so.
            case CoreRelocationKind.TypeIdLocal or CoreRelocationKind.TypeIdTarget:
                return new PathValue(path?.Root ?? 0, IsCertain: false);
            case CoreRelocationKind.TypeSize:
                return path is null ? new PathValue(0, IsCertain: true) : path.Types.SizeOf(path.Root) is { } size ? new PathValue(size, IsCertain: true) : null;
            case CoreRelocationKind.EnumvalValue:
                return path is null ? null : OfEnumerator(path);
            default:
                return path is null ? null : OfField(path, kind);
        }
    }

    private static PathValue OfEnumerator(AccessPath path)
    {
        AccessStep step = path.Steps[0];
        return new PathValue((ulong)path.Types.RawValue(step.Type, path.Types[step.Type], step.Index).Value, IsCertain: true);
    }

    private static PathValue? OfField(AccessPath path, CoreRelocationKind kind)
    {
        BtfTypes types = path.Types;
        AccessStep last = path.Steps[^1];
        if (!last.IsNamed)
        {
            // An element of an array has a place and a size, and nothing else is asked of it.
            uint? bytes = types.SizeOf(last.Type);
            return (kind, bytes) switch
            {
                (_, null) => null,
                (CoreRelocationKind.FieldByteOffset, { } size) => new PathValue((ulong)path.BitOffset / 8, IsCertain: true, size, last.Type),
                (CoreRelocationKind.FieldByteSize, { } size) => new PathValue(size, IsCertain: true),
                _ => null,
            };
        }
        BtfRawMember member = types.RawMember(last.Type, types[last.Type], last.Index);
        uint id = types.Resolve(member.Type);
        if (kind == CoreRelocationKind.FieldSigned)
        {
            bool isSigned = types[id].IsEnum ? types[id].Flag : types.IntOf(id).IsSigned;
            return new PathValue(isSigned ? 1u : 0, IsCertain: true);
        }
        if (Window(path, member, id) is not { } window)
            return null;
        bool isPlain = member.BitSize == 0;
        long bits = isPlain ? window.Bytes * 8 : member.BitSize;
        return kind switch
        {
            CoreRelocationKind.FieldByteOffset => Offset(types, id, window.Offset, isPlain),
            CoreRelocationKind.FieldByteSize => new PathValue((ulong)window.Bytes, isPlain),
            CoreRelocationKind.FieldLshiftU64 => new PathValue((ulong)(64 - (path.BitOffset + bits - window.Offset * 8)), isPlain),
            CoreRelocationKind.FieldRshiftU64 => new PathValue((ulong)(64 - bits), IsCertain: true),
            _ => null,
        };
    }

    // The bytes to load: the field's own, or for a bit field the smallest aligned integer, from its type's size on, that holds all its bits.
    private static (long Offset, long Bytes)? Window(AccessPath path, in BtfRawMember member, uint id)
    {
        if (member.BitSize == 0)
            return path.Types.SizeOf(id) is { } size ? (path.BitOffset / 8, size) : null;
        long bytes = path.Types[id].SizeOrType;
        if (bytes is < 1 or > 8)
            return null;
        while (true)
        {
            long offset = path.BitOffset / 8 / bytes * bytes;
            if (path.BitOffset + member.BitSize <= (offset + bytes) * 8)
                return (offset, bytes);
            if (bytes >= 8)
                return null;
            bytes *= 2;
        }
    }

    // Accesses to an array are accesses to its elements.
    private static PathValue Offset(BtfTypes types, uint id, long offset, bool isPlain)
    {
        if (!isPlain)
            return new PathValue((ulong)offset, IsCertain: false);
        uint element = id;
        for (int depth = 0; depth < DepthMax && types[element].Kind == BtfKind.Array; depth++)
            element = types.Resolve(types.ArrayOf(element).Element);
        return new PathValue((ulong)offset, IsCertain: true, types.SizeOf(element) ?? 0, id);
    }
}
