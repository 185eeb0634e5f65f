namespace Hachi.Btf;

/// <summary>What a BTF type is (linux/btf.h, <c>BTF_KIND_*</c>).</summary>
public enum BtfKind : byte
{
#pragma warning disable CS1591 // the names are the kernel's
    Void, Int, Ptr, Array, Struct, Union, Enum, Fwd, Typedef, Volatile, Const, Restrict, Func, FuncProto, Var, Datasec, Float, DeclTag, TypeTag, Enum64,
#pragma warning restore CS1591
}

/// <summary>A BTF type as it lies in the file: 12 bytes, and what belongs to its kind behind them.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="NameOffset">Where its name begins among the strings; 0 for no name.</param>
/// <param name="Count">Members, values, parameters or variables that follow; of a function, its linkage (0 static, 1 global, 2 extern).</param>
/// <param name="Flag">The kind's flag: bit fields in a structure, signed values of an enumeration, a union announced in advance.</param>
/// <param name="SizeOrType">Bytes of it, or the type that it refers to.</param>
/// <param name="Tail">Offset in the section of what follows.</param>
public readonly record struct BtfType(BtfKind Kind, uint NameOffset, int Count, bool Flag, uint SizeOrType, int Tail)
{
    /// <summary>Whether it is a structure or union.</summary>
    public bool IsComposite => Kind is BtfKind.Struct or BtfKind.Union;

    /// <summary>Whether it is an enumeration, of 32 or 64 bits.</summary>
    public bool IsEnum => Kind is BtfKind.Enum or BtfKind.Enum64;

    /// <summary>Whether it only qualifies or tags another type.</summary>
    public bool IsModifier => Kind is BtfKind.Const or BtfKind.Volatile or BtfKind.Restrict or BtfKind.TypeTag;

    /// <summary>Whether <see cref="SizeOrType"/> is a type.</summary>
    public bool RefersToType => Kind is BtfKind.Ptr or BtfKind.Typedef or BtfKind.Func or BtfKind.FuncProto or BtfKind.Var or BtfKind.DeclTag || IsModifier;
}

/// <summary>What an integer is.</summary>
/// <param name="IsSigned">Whether it has a sign.</param>
/// <param name="IsChar">Whether it is a character.</param>
/// <param name="IsBool">Whether it is a truth value.</param>
/// <param name="BitOffset">Bits in front of it in its bytes; 0 in all that compilers of today make.</param>
/// <param name="Bits">Its bits.</param>
public readonly record struct BtfInt(bool IsSigned, bool IsChar, bool IsBool, int BitOffset, int Bits);

/// <summary>What an array is.</summary>
/// <param name="Element">Type of an element.</param>
/// <param name="Count">Elements.</param>
/// <param name="Index">Type of an index, which says nothing.</param>
public readonly record struct BtfArray(uint Element, uint Count, uint Index);

/// <summary>A member of a structure or union.</summary>
/// <param name="Name">Its name; empty for an anonymous one.</param>
/// <param name="Type">Its type.</param>
/// <param name="BitOffset">Bits in front of it.</param>
/// <param name="BitSize">Bits of a bit field; otherwise 0.</param>
public readonly record struct BtfMember(string Name, uint Type, uint BitOffset, uint BitSize);

/// <summary>A value of an enumeration.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">The value; one above 2^63 appears as its two's complement.</param>
public readonly record struct BtfEnumerator(string Name, long Value);

/// <summary>A parameter of a function's type.</summary>
/// <param name="Name">Its name, where it has one.</param>
/// <param name="Type">Its type; 0 (void) of the last one stands for "and any more".</param>
public readonly record struct BtfParameter(string Name, uint Type);

/// <summary>A variable of a data section.</summary>
/// <param name="Var">The variable, a type of kind <see cref="BtfKind.Var"/>.</param>
/// <param name="Offset">Bytes in front of it.</param>
/// <param name="SizeBytes">Bytes of it.</param>
/// <param name="At">Offset of this record in the section .BTF.</param>
public readonly record struct BtfVariable(uint Var, uint Offset, uint SizeBytes, int At);

/// <summary>A structure's member as it lies in the file, without its name's text.</summary>
internal readonly record struct BtfRawMember(uint NameOffset, uint Type, uint BitOffset, uint BitSize);
