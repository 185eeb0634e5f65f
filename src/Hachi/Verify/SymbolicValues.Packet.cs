using System.Numerics;

namespace Hachi.Verify;

// Where bits come from: the packet, its lengths, the extensions, and words that stand for expressions.
public sealed partial class SymbolicValues
{
    /// <summary>Bits of the packet and of expressions that a proof may have to do with; how many meet in one function, the diagram bounds by its stack.</summary>
    private const int LevelsMax = 60_000;

    // Lengths are asked last: how long a packet must be depends on what is in it.
    private const int RoomLevel = 1 << 20, LengthLevel = 1 << 24;

    private const int LengthBits = 31;

    private readonly Dictionary<(int Base, uint Offset), int> _bytes = [];
    private readonly Dictionary<uint, SymbolicValue> _extensions = [];
    private readonly Dictionary<int, int[]> _rooms = [];
    private readonly List<BitRun> _runs = [];
    private SymbolicValue? _wireLength;
    private int[]? _capturedLength;
    private int _levels;
    private int _roomLevels = RoomLevel;

    /// <summary>Whether a proof would need more bits than are allowed; results are meaningless then.</summary>
    public bool IsExhausted => _levels > LevelsMax;

    /// <summary>What every bit stands for, in the order in which they were met: what one depends on comes before it.</summary>
    internal IReadOnlyList<BitRun> Runs => _runs;

    /// <summary>What holds of bits that stand for expressions, whatever the packet.</summary>
    internal int Axioms { get; private set; } = DecisionDiagram.True;

    /// <summary>The diagram whose functions tell when something holds.</summary>
    public DecisionDiagram Diagram => _diagram;

    /// <summary>Length of the packet on the wire.</summary>
    public SymbolicValue WireLength => _wireLength ??= FromBits(Word(NewRun(BitSource.WireLength, BitVectors.Width), BitVectors.Width));

    /// <summary>A Linux packet extension that depends on nothing but the packet: a number of <see cref="Isa.Extension"/>.</summary>
    public SymbolicValue Extension(uint number)
    {
        if (!_extensions.TryGetValue(number, out SymbolicValue? value))
        {
            value = FromBits(Word(NewRun(BitSource.Extension, BitVectors.Width, offset: number), BitVectors.Width));
            _extensions.Add(number, value);
        }
        return value;
    }

    /// <summary>A big-endian load at <paramref name="address"/> + <paramref name="offset"/>; the sum does not wrap round.</summary>
    /// <param name="address">The variable part; <see cref="Zero"/> for an absolute load.</param>
    /// <param name="offset">The constant part.</param>
    /// <param name="size">1, 2 or 4 bytes.</param>
    /// <param name="fails">When it lies outside the captured bytes, as a function of the diagram.</param>
    public SymbolicValue Load(SymbolicValue address, uint offset, int size, out int fails)
    {
        ulong at = offset;
        if (IsPlainSum(address))
        {
            at += address.Constant;
            address = Sum(address, 1, Constant(address.Constant), uint.MaxValue);
        }
        if (at + (uint)size > int.MaxValue)
        {
            fails = DecisionDiagram.True;
            return Zero;
        }
        fails = _diagram.Not(Reaches(address, (uint)at + (uint)size));
        var bits = new int[BitVectors.Width];
        for (int i = 0; i < size; i++)
        {
            int level = Byte(address, (uint)at + (uint)i);
            for (int bit = 0; bit < 8; bit++)
                bits[(8 * (size - 1 - i)) + 7 - bit] = _diagram.Bit(level + bit);
        }
        return FromBits(bits);
    }

    private int Byte(SymbolicValue address, uint offset)
    {
        if (!_bytes.TryGetValue((address.Id, offset), out int level))
        {
            level = NewRun(BitSource.PacketByte, 8, address.IsConstant ? null : address, offset: offset);
            _bytes.Add((address.Id, offset), level);
        }
        return level;
    }

    /// <summary>When the packet has at least this many bytes from an address on.</summary>
    private int Reaches(SymbolicValue address, uint bytes)
    {
        if (address.IsExact && Support(address) <= LengthSupportMax && (ulong)address.Max + bytes <= int.MaxValue)
            return BitVectors.Greater(_diagram, CapturedLength(), Bits(Sum(address, 1, Constant(bytes), 1)), orEqual: true);
        return BitVectors.Greater(_diagram, Room(address), BitVectors.Constant(bytes), orEqual: true);
    }

    internal int[] CapturedLength()
    {
        if (_capturedLength is null)
        {
            _runs.Add(new BitRun(BitSource.CapturedLength, LengthLevel, LengthBits));
            _capturedLength = Word(LengthLevel, LengthBits);
        }
        return _capturedLength;
    }

    internal int[] Room(SymbolicValue address)
    {
        if (!_rooms.TryGetValue(address.Id, out int[]? room))
        {
            CapturedLength();
            Bits(address);
            room = Word(_roomLevels, LengthBits);
            _runs.Add(new BitRun(BitSource.Room, _roomLevels, LengthBits, address));
            _roomLevels += LengthBits;
            _levels += LengthBits;
            _rooms.Add(address.Id, room);
        }
        return room;
    }

    private int NewRun(BitSource source, int count, SymbolicValue? value = null, SymbolicValue? other = null, uint offset = 0)
    {
        int level = _levels;
        _levels += count;
        _runs.Add(new BitRun(source, level, count, value, other, offset));
        return level;
    }

    /// <summary>A word whose lowest bits are those of a run.</summary>
    internal int[] Word(int level, int count)
    {
        var bits = new int[BitVectors.Width];
        for (int i = 0; i < count; i++)
            bits[count - 1 - i] = _diagram.Bit(level + i);
        return bits;
    }

    /// <summary>The value of a word that its bits tell exactly.</summary>
    private SymbolicValue FromBits(int[] bits)
    {
        if (_byBits.TryGetValue(bits, out SymbolicValue? value))
            return value;
        if (BitVectors.TryConstant(bits) is { } constant)
            return Constant(constant);
        int zeros = 0;
        while (bits[zeros] == DecisionDiagram.False)
            zeros++;
        if (zeros > 0)
            return Sum(FromBits(BitVectors.Shift(bits, -zeros)), 1u << zeros, Zero, 0);
        value = new SymbolicValue(_count++) { Bits = bits, IsExact = true, Max = BitVectors.Max(bits) };
        value.Terms = [(1, value)];
        _byBits.Add(bits, value);
        return value;
    }

    /// <summary>
    /// The bits of a value. Those of an inexact one are made up: of a sum without its constant, sign and power of two, so that sums which differ
    /// in these only have bits in common.
    /// </summary>
    internal int[] Bits(SymbolicValue value)
    {
        if (value.Bits is not null)
            return value.Bits;
        if (value.Terms is [(1, var alone)] && value.Constant == 0)
            return alone.Bits = OpaqueBits(alone);
        uint sign = value.Terms[0].Factor > int.MaxValue ? uint.MaxValue : 1;
        int zeros = value.Terms.Min(term => BitOperations.TrailingZeroCount(term.Factor));
        SymbolicValue core = Linear(0, [.. value.Terms.Select(term => ((uint)((int)(term.Factor * sign) >> zeros), term.Atom))]);
        core.Bits ??= core == value || !(core.Terms is [(1, _)]) ? OpaqueBits(core) : Bits(core);
        if (core != value)
            value.Bits = BitVectors.Add(
                _diagram, BitVectors.Scale(_diagram, core.Bits, sign << zeros), BitVectors.Constant(value.Constant));
        return value.Bits!;
    }

    private int[] OpaqueBits(SymbolicValue value)
    {
        foreach (SymbolicValue operand in value.A is null ? value.Terms.Select(term => term.Atom) : [value.A, value.B!])
            Bits(operand);
        int count = BitVectors.Width - BitOperations.LeadingZeroCount(value.Max);
        int[] bits = Word(NewRun(BitSource.Opaque, count, value), count);
        if (value.Max != uint.MaxValue)
            Axioms = _diagram.And(Axioms, BitVectors.Greater(_diagram, BitVectors.Constant(value.Max), bits, orEqual: true));
        _byBits.TryAdd(bits, value);
        return bits;
    }

    private int Support(SymbolicValue value)
    {
        if (!value.IsExact)
            return int.MaxValue / 4;
        if (value.SupportCount < 0)
        {
            var levels = new HashSet<int>();
            BitVectors.AddSupport(_diagram, value.Bits!, levels);
            value.SupportCount = levels.Count;
        }
        return value.SupportCount;
    }
}
