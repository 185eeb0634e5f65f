using System.Collections.Immutable;

namespace Hachi.Uapi;

/// <summary>What a field of a context leads to.</summary>
public enum ContextFieldKind : byte
{
    /// <summary>Nowhere: it is a number.</summary>
    Number,

    /// <summary>The first byte of the packet.</summary>
    Packet,

    /// <summary>The byte behind the packet.</summary>
    PacketEnd,

    /// <summary>The metadata in front of the packet.</summary>
    PacketMeta,

    /// <summary>Something of the kernel.</summary>
    Pointer,
}

/// <summary>A field of a context.</summary>
/// <param name="Name">The kernel's name.</param>
/// <param name="Offset">Bytes in front of it.</param>
/// <param name="ElementBytes">Bytes of the field, or of each element of an array.</param>
/// <param name="Count">Elements; 1 where it is no array.</param>
/// <param name="Kind">What it leads to.</param>
public readonly record struct ContextField(string Name, int Offset, int ElementBytes, int Count, ContextFieldKind Kind = ContextFieldKind.Number)
{
    /// <summary>Bytes of the whole field.</summary>
    public int SizeBytes => ElementBytes * Count;
}

/// <summary>The layout of what r1 points to when a program starts, or of a structure that helpers fill.</summary>
/// <param name="Name">The kernel's name of the structure.</param>
/// <param name="SizeBytes">Its bytes.</param>
/// <param name="Fields">Its fields, by offset.</param>
public sealed record ContextLayout(string Name, int SizeBytes, ImmutableArray<ContextField> Fields)
{
    /// <summary>The field of that name, or null.</summary>
    public ContextField? Find(ReadOnlySpan<char> name)
    {
        foreach (ContextField field in Fields)
            if (name.SequenceEqual(field.Name))
                return field;
        return null;
    }
}

/// <summary>All context layouts; of the UAPI's structures, as the kernel's verifier lets programs see them.</summary>
public static partial class ContextLayouts;
