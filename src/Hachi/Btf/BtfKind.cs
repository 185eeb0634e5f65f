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
/// <param name="Count">Members, values, parameters or variables that follow.</param>
/// <param name="Flag">The kind's flag: bit fields in a structure, signed values of an enumeration.</param>
/// <param name="SizeOrType">Bytes of it, or the type that it refers to.</param>
/// <param name="Tail">Offset in the section of what follows.</param>
public readonly record struct BtfType(BtfKind Kind, uint NameOffset, int Count, bool Flag, uint SizeOrType, int Tail);

/// <summary>A member of a structure or union, or a variable of a section.</summary>
/// <param name="Name">Its name; empty for an anonymous one.</param>
/// <param name="Type">Its type.</param>
/// <param name="BitOffset">Bits in front of it.</param>
/// <param name="BitSize">Bits of a bit field; otherwise 0.</param>
public readonly record struct BtfMember(string Name, uint Type, uint BitOffset, uint BitSize);

/// <summary>A variable of a data section.</summary>
/// <param name="Var">The variable, a type of kind <see cref="BtfKind.Var"/>.</param>
/// <param name="Offset">Bytes in front of it.</param>
/// <param name="SizeBytes">Bytes of it.</param>
/// <param name="At">Offset of this record in the section .BTF.</param>
public readonly record struct BtfVariable(uint Var, uint Offset, uint SizeBytes, int At);
