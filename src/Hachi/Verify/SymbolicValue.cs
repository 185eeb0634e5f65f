namespace Hachi.Verify;

/// <summary>
/// A 32-bit word that a program computes from a packet nobody has seen: a constant plus multiples of atoms, modulo 2^32. An atom is what cannot be taken
/// apart that way: bytes of the packet, a length, an extension, a bitwise operation, a product. Equal values (as far as can be seen) are one object.
/// </summary>
public sealed class SymbolicValue
{
    internal SymbolicValue(int id) => Id = id;

    /// <summary>Number of the value, in the order in which values were first met.</summary>
    public int Id { get; }

    /// <summary>Whether it is a constant: <see cref="Constant"/>.</summary>
    public bool IsConstant => Terms.Length == 0;

    /// <summary>The constant part.</summary>
    public uint Constant { get; internal init; }

    /// <summary>An upper bound.</summary>
    public uint Max { get; internal set; }

    /// <summary>Multiples of atoms, by number of the atom.</summary>
    internal (uint Factor, SymbolicValue Atom)[] Terms { get; set; } = [];

    /// <summary>The bits, each a function in the diagram; null while nobody has asked for those of a value that they do not tell exactly.</summary>
    internal int[]? Bits { get; set; }

    /// <summary>Whether <see cref="Bits"/> say all there is to say, without a bit that stands for the value of an expression.</summary>
    internal bool IsExact { get; init; }

    /// <summary>Atoms that no bits describe: the operation, as in a classic instruction.</summary>
    internal int Operation { get; init; }

    /// <summary>Its operands.</summary>
    internal SymbolicValue? A { get; init; }

    /// <summary>The second one.</summary>
    internal SymbolicValue? B { get; init; }

    /// <summary>On how many bits of the packet an exact value depends; -1 until it is counted.</summary>
    internal int SupportCount { get; set; } = -1;
}

/// <summary>What a run of bits in the diagram stands for.</summary>
internal enum BitSource : byte
{
    /// <summary>A byte of the packet, at Value + Offset (Value null: at Offset).</summary>
    PacketByte,

    /// <summary>Length of the packet on the wire.</summary>
    WireLength,

    /// <summary>A Linux extension; Offset is its number.</summary>
    Extension,

    /// <summary>The captured length.</summary>
    CapturedLength,

    /// <summary>Captured bytes from address Value on, 0 if there are none.</summary>
    Room,

    /// <summary>The word Value, of which nothing is known but its operands.</summary>
    Opaque,

    /// <summary>One bit: whether Value > Other.</summary>
    Greater,
}

/// <summary>A run of consecutive bits, most significant first.</summary>
internal readonly record struct BitRun(BitSource Source, int Level, int Count, SymbolicValue? Value = null, SymbolicValue? Other = null, uint Offset = 0);
