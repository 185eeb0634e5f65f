using System.Collections.Immutable;
using System.Reflection.Metadata;

namespace Hachi.Lang.CSharp;

/// <summary>What a type is to a BPF program.</summary>
internal enum ClrForm : byte
{
    Void,
    Integer,
    Pointer,
    Struct,

    /// <summary>Everything else: objects, floating point, type parameters that are not known.</summary>
    Other,
}

/// <summary>A type of metadata, as far as programs may use it.</summary>
/// <param name="Form">What it is.</param>
/// <param name="Name">Namespace and name, for messages and for types that the compiler knows.</param>
/// <param name="SizeBytes">Bytes of a value.</param>
/// <param name="AlignBytes">Alignment of a value.</param>
/// <param name="IsSigned">Whether an integer has a sign.</param>
internal sealed record ClrType(ClrForm Form, string Name, int SizeBytes = 0, int AlignBytes = 1, bool IsSigned = false)
{
    /// <summary>Type arguments; of a pointer, what it points to.</summary>
    public ImmutableArray<ClrType> Arguments { get; init; } = [];

    /// <summary>Its definition, where it is in the same assembly.</summary>
    public TypeDefinitionHandle Definition { get; init; }

    /// <summary>Offsets and types of a structure's fields, by definition.</summary>
    public ImmutableDictionary<FieldDefinitionHandle, (int Offset, ClrType Type)> Fields { get; init; } = ImmutableDictionary<FieldDefinitionHandle, (int, ClrType)>.Empty;

    /// <summary>Whether it is a structure that the compiler knows and keeps in registers.</summary>
    public bool IsKnown => Form == ClrForm.Struct && Name is CSharpNames.Packet or CSharpNames.Ref;

    public static ClrType Integer(string name, int size, bool isSigned) => new(ClrForm.Integer, name, size, size, isSigned);

    public static ClrType PointerTo(ClrType to) => new(ClrForm.Pointer, to.Name + "*", 8, 8) { Arguments = [to] };
}

/// <summary>Names of what the compiler knows.</summary>
internal static class CSharpNames
{
    public const string Space = "Hachi.Lang.CSharp.";
    public const string Packet = Space + "Packet", Ref = Space + "Ref`1", Xdp = Space + "XdpContext", Socket = Space + "SocketContext";
    public const string HashMap = Space + "HashMap`2", ArrayMap = Space + "ArrayMap`1";
    public const string XdpAttribute = Space + "XdpAttribute", SocketAttribute = Space + "SocketFilterAttribute", MapAttribute = Space + "MapAttribute";
}
