using System.Numerics;
using Hachi.Captures;
using Hachi.Isa;

namespace Hachi.Verify;

/// <summary>A packet with everything that a filter may look at.</summary>
/// <param name="Data">The captured bytes.</param>
/// <param name="WireLength">Length on the wire.</param>
/// <param name="Metadata">What the extensions read.</param>
public sealed record WitnessPacket(byte[] Data, uint WireLength, PacketMetadata Metadata);

/// <summary>
/// Looks for a packet for which a function of the diagram holds. Bits that stand for expressions may have been chosen as no packet can have them: then the
/// packet is another one, and what was overlooked becomes a fact that the next search knows.
/// </summary>
public sealed class PacketWitness
{
    private const int BytesMax = 1 << 20;

    private readonly SymbolicValues _values;
    private readonly DecisionDiagram _diagram;
    private readonly Dictionary<int, bool> _bits = [];
    private readonly Dictionary<uint, (byte Value, BitRun Run)> _bytes = [];
    private int _lemma;
    private bool _isPossible;

    /// <summary>Looks in this world of values.</summary>
    public PacketWitness(SymbolicValues values)
    {
        _values = values;
        _diagram = values.Diagram;
    }

    /// <summary>
    /// Makes a packet that <paramref name="wanted"/> may hold for (false: there is none, or it is too long to be made), and takes from
    /// <paramref name="wanted"/> what has turned out to be impossible.
    /// </summary>
    /// <param name="wanted">A function of the diagram; <see cref="DecisionDiagram.False"/> afterwards when it holds for no packet.</param>
    /// <param name="packet">A packet. When <paramref name="wanted"/> has not changed, it holds for this one.</param>
    public bool TryFind(ref int wanted, out WitnessPacket? packet)
    {
        packet = null;
        wanted = _diagram.And(wanted, _values.Axioms);
        if (wanted == DecisionDiagram.False || _diagram.IsExhausted)
            return false;
        _bits.Clear();
        _bytes.Clear();
        for (int at = wanted; at > DecisionDiagram.True;)
        {
            bool high = _diagram.Low(at) == DecisionDiagram.False;
            _bits[_diagram.Level(at)] = high;
            at = high ? _diagram.High(at) : _diagram.Low(at);
        }
        _lemma = DecisionDiagram.True;
        _isPossible = true;
        uint length = Value(_values.CapturedLength());
        if (length > BytesMax)
            return false;
        WitnessPacket made = Make(length);
        wanted = _diagram.And(wanted, _lemma);
        packet = made;
        return true;
    }

    /// <summary>Whether the packet just made is exactly what the diagram said, with nothing put right.</summary>
    public bool IsAsDescribed => _isPossible;

    private WitnessPacket Make(uint length)
    {
        byte[] data = new byte[length];
        uint wireLength = length;
        PacketMetadata metadata = default;
        for (int i = 0; i < _values.Runs.Count; i++)
        {
            BitRun run = _values.Runs[i];
            uint described = Value(_values.Word(run.Level, run.Count));
            switch (run.Source)
            {
                case BitSource.PacketByte:
                    PlaceByte(run, (byte)described, data);
                    break;
                case BitSource.WireLength:
                    wireLength = described;
                    break;
                case BitSource.Extension:
                    metadata.TrySet(run.Offset, described);
                    break;
                case BitSource.Room:
                    CheckRoom(run, described, length);
                    break;
                case BitSource.Opaque:
                    uint truth = Evaluate(run.Value!);
                    if (truth != described)
                        Learn(run, truth, Inputs(run.Value!));
                    break;
                case BitSource.Greater:
                    bool isGreater = Value(run.Value!) > Value(run.Other!);
                    if (isGreater != (described != 0))
                        Learn(run, isGreater ? 1u : 0, [run.Value!, run.Other!]);
                    break;
            }
        }
        return new WitnessPacket(data, wireLength, metadata);
    }

    /// <summary>Two names of one byte: the one met first wins, and the other is made equal wherever the addresses are these.</summary>
    private void PlaceByte(BitRun run, byte described, byte[] data)
    {
        ulong address = (run.Value is null ? 0 : (ulong)Value(run.Value)) + run.Offset;
        if (address >= (ulong)data.Length)
            return;
        if (_bytes.TryGetValue((uint)address, out (byte Value, BitRun Run) other))
        {
            if (other.Value != described)
            {
                int same = DecisionDiagram.True;
                for (int i = 0; i < run.Count; i++)
                    same = _diagram.And(same, _diagram.Same(_diagram.Bit(run.Level + i), _diagram.Bit(other.Run.Level + i)));
                Know(_diagram.Implies(_diagram.And(Has(run.Value), Has(other.Run.Value)), same));
                Assign(run, other.Value);
            }
            return;
        }
        _bytes.Add((uint)address, (described, run));
        data[(int)address] = described;
    }

    private void CheckRoom(BitRun run, uint described, uint length)
    {
        uint address = Value(run.Value!);
        uint truth = address >= length ? 0 : length - address;
        if (truth == described)
            return;
        int[] captured = _values.CapturedLength(), room = _values.Word(run.Level, run.Count), addressBits = _values.Bits(run.Value!);
        if (described > truth)
        {
            // So much room behind an address as far as this needs a packet as long as both together.
            ulong needed = (ulong)described + address;
            int atLeast = _diagram.And(AtLeast(addressBits, address), AtLeast(room, described));
            Know(_diagram.Implies(atLeast, needed > int.MaxValue ? DecisionDiagram.False : AtLeast(captured, (uint)needed)));
        }
        else
        {
            int both = _diagram.And(_diagram.Not(AtLeast(addressBits, address + 1)), AtLeast(captured, length));
            Know(_diagram.Implies(both, AtLeast(room, truth)));
        }
        Assign(run, truth);
    }

    private int AtLeast(int[] bits, uint value) =>
        value == 0 ? DecisionDiagram.True : BitVectors.Greater(_diagram, bits, BitVectors.Constant(value), orEqual: true);

    private static IEnumerable<SymbolicValue> Inputs(SymbolicValue value) => value.A is null ? value.Terms.Select(term => term.Atom) : [value.A, value.B!];

    private void Learn(BitRun run, uint truth, IEnumerable<SymbolicValue> inputs)
    {
        int premise = DecisionDiagram.True;
        foreach (SymbolicValue input in inputs)
            premise = _diagram.And(premise, Has(input));
        Know(_diagram.Implies(premise, BitVectors.Equal(_diagram, _values.Word(run.Level, run.Count), BitVectors.Constant(truth))));
        Assign(run, truth);
    }

    private void Know(int fact)
    {
        _lemma = _diagram.And(_lemma, fact);
        _isPossible = false;
    }

    /// <summary>When a value is what it is in this packet.</summary>
    private int Has(SymbolicValue? value) =>
        value is null ? DecisionDiagram.True : BitVectors.Equal(_diagram, _values.Bits(value), BitVectors.Constant(Value(value)));

    private void Assign(BitRun run, uint value)
    {
        for (int i = 0; i < run.Count; i++)
            _bits[run.Level + i] = (value >> (run.Count - 1 - i) & 1) != 0;
    }

    private uint Value(SymbolicValue value) => Value(_values.Bits(value));

    private uint Value(int[] bits)
    {
        uint value = 0;
        for (int i = 0; i < bits.Length; i++)
        {
            int at = bits[i];
            while (at > DecisionDiagram.True)
                at = _bits.GetValueOrDefault(_diagram.Level(at)) ? _diagram.High(at) : _diagram.Low(at);
            value |= (uint)at << i;
        }
        return value;
    }

    /// <summary>What an expression gives for its operands as they are in this packet.</summary>
    private uint Evaluate(SymbolicValue value)
    {
        if (value.A is not null)
            return Semantics.ClassicAlu(value.Operation, Value(value.A), Value(value.B!), out uint result) ? result : 0;
        uint sum = value.Constant;
        foreach ((uint factor, SymbolicValue atom) in value.Terms)
            sum += factor * Value(atom);
        return sum;
    }
}
