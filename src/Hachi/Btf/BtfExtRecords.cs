namespace Hachi.Btf;

/// <summary>What a compiler asks the loader to fill in, once it knows the kernel's types (linux/bpf.h, <c>enum bpf_core_relo_kind</c>).</summary>
public enum CoreRelocationKind : byte
{
    /// <summary>Bytes in front of a field.</summary>
    FieldByteOffset,

    /// <summary>Bytes of a field.</summary>
    FieldByteSize,

    /// <summary>1 where there is the field, otherwise 0.</summary>
    FieldExists,

    /// <summary>1 where the field has a sign, otherwise 0.</summary>
    FieldSigned,

    /// <summary>By how much to shift the 64 bits that hold a field to the left, so that what is above it goes.</summary>
    FieldLshiftU64,

    /// <summary>By how much to shift it to the right then, so that it stands at the lowest bit.</summary>
    FieldRshiftU64,

    /// <summary>Id of a type in the object.</summary>
    TypeIdLocal,

    /// <summary>Id of a type in the kernel.</summary>
    TypeIdTarget,

    /// <summary>1 where there is a type of that name and shape, otherwise 0.</summary>
    TypeExists,

    /// <summary>Bytes of a type.</summary>
    TypeSize,

    /// <summary>1 where an enumeration has the value, otherwise 0.</summary>
    EnumvalExists,

    /// <summary>A value of an enumeration.</summary>
    EnumvalValue,

    /// <summary>1 where there is a type whose members are those of the object's, otherwise 0.</summary>
    TypeMatches,
}

/// <summary>Something of .BTF.ext that stands at an instruction.</summary>
internal interface IAtSlot
{
    /// <summary>The instruction.</summary>
    int Slot { get; }
}

/// <summary>The type of a function (linux/btf.h, <c>struct bpf_func_info</c>).</summary>
/// <param name="Slot">Its first slot.</param>
/// <param name="Type">Its type, of kind <see cref="BtfKind.Func"/>.</param>
public readonly record struct FuncInfo(int Slot, uint Type) : IAtSlot;

/// <summary>Where instructions come from (linux/bpf.h, <c>struct bpf_line_info</c>). Texts are offsets among the strings of the object's BTF, as the kernel wants them.</summary>
/// <param name="Slot">The first slot that the line made.</param>
/// <param name="FileName">The name of the source file.</param>
/// <param name="Text">The line's text.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Column">The column, from 1; 0 when it is not known.</param>
public readonly record struct LineInfo(int Slot, uint FileName, uint Text, int Line, int Column) : IAtSlot
{
    /// <summary>Line and column as one word, the kernel's <c>line_col</c>.</summary>
    public uint LineColumn => (uint)Line << 10 | (uint)Column & 0x3ff;
}

/// <summary>An instruction that waits for the kernel's types (linux/bpf.h, <c>struct bpf_core_relo</c>).</summary>
/// <param name="Slot">The instruction.</param>
/// <param name="Kind">What it wants to know.</param>
/// <param name="Type">Of which type of the object.</param>
/// <param name="Access">Of what in it: offset of a text such as <c>0:1:3</c> among the strings of the object's BTF.</param>
public readonly record struct CoreRelocation(int Slot, CoreRelocationKind Kind, uint Type, uint Access) : IAtSlot;
