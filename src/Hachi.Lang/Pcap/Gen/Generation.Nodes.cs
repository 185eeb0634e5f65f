using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>Makes nodes: constants, loads from a header, comparisons, connectives.</summary>
internal sealed partial class Generation
{
    private const uint AllBits = 0xffffffff;

    private Arith Const(uint value) => new(ArithOp.Const, value, null, null, _span);

    private Arith Binary(ArithOp op, Arith a, Arith b) => new(op, 0, a, b, _span);

    private Arith Variable(int variable) => new(ArithOp.Variable, (uint)variable, null, null, _span);

    private Arith Extension(uint number) => new(ArithOp.Extension, number, null, null, _span);

    /// <summary>The variable part of an offset, or null; its variable is chosen at the first use.</summary>
    private Arith? VariablePart(ref Offset offset)
    {
        if (!offset.IsVariable)
            return null;
        if (offset.Variable < 0)
            offset.Variable = NewVariable();
        return Variable(offset.Variable);
    }

    private static ArithOp LoadOp(int size) => size switch
    {
        1 => ArithOp.Load8,
        2 => ArithOp.Load16,
        _ => ArithOp.Load32,
    };

    private Arith Load(int size, uint offset, Arith? variable = null) => new(LoadOp(size), offset, variable, null, _span);

    private Arith Load(ref Offset from, uint offset, int size)
    {
        Arith? variable = VariablePart(ref from);
        return Load(size, from.Constant + offset, variable);
    }

    private Arith Load(Base from, uint offset, int size)
    {
        switch (from)
        {
            case Base.LinkHeader:
                return Load(ref _at.LinkHeader, offset, size);
            case Base.OuterLinkHeader:
                return Load(ref _at.OuterLinkHeader, offset, size);
            case Base.LinkType:
                return Load(ref _at.Type, offset, size);
            case Base.Llc:
                return Load(ref _at.Payload, offset, size);
            case Base.Network:
                return Load(ref _at.Payload, _at.Network + offset, size);
            case Base.NetworkNoSnap:
                return Load(ref _at.Payload, _at.NetworkNoSnap + offset, size);
            case Base.MplsLabel:
                return Load(ref _at.Payload, _at.Network - 4 + offset, size);
            case Base.TransportIpv4:
                Arith header = Ipv4HeaderLength();
                return Load(size, _at.Payload.Constant + _at.Network + offset, header);
            case Base.TransportIpv6:
                return Load(ref _at.Payload, _at.Network + 40 + offset, size);
            default:
                return Load(size, offset);
        }
    }

    /// <summary>4 * (version-and-length byte &amp; 0xf), and the variable part of the payload's offset.</summary>
    private Arith Ipv4HeaderLength()
    {
        Arith? variable = VariablePart(ref _at.Payload);
        Arith length = Binary(ArithOp.Lsh, Binary(ArithOp.And, Load(1, _at.Payload.Constant + _at.Network, variable), Const(0xf)), Const(2));
        return variable is null ? length : Binary(ArithOp.Add, length, variable);
    }

    private Test Compare(TestOp op, TestField field, Arith a, Arith b) => new(op, _span) { A = a, B = b, Field = field };

    private Test Compare(TestOp op, TestField field, Arith a, uint value) => Compare(op, field, a, Const(value));

    private Test Equal(TestField field, Base from, uint offset, int size, uint value) => Compare(TestOp.Eq, field, Load(from, offset, size), value);

    private Test NotEqual(TestField field, Base from, uint offset, int size, uint value) => Not(Equal(field, from, offset, size, value));

    private Test AtMost(TestField field, Base from, uint offset, int size, uint value) =>
        Not(Compare(TestOp.Gt, field, Load(from, offset, size), value));

    private Test AtLeast(TestField field, Base from, uint offset, int size, uint value) => Compare(TestOp.Ge, field, Load(from, offset, size), value);

    /// <summary>(field &amp; mask) op value; a mask of 0 leaves nothing to load.</summary>
    private Test Masked(TestField field, Base from, uint offset, int size, uint value, uint mask, TestOp op = TestOp.Eq)
    {
        if (mask == 0)
            return value == 0 ? True() : False();
        Arith load = Load(from, offset, size);
        return Compare(op, field, mask == AllBits ? load : Binary(ArithOp.And, load, Const(mask)), value);
    }

    /// <summary>Whether a bit of a field is set.</summary>
    private Test BitSet(TestField field, Base from, uint offset, int size, uint bits) => Compare(TestOp.Set, field, Load(from, offset, size), bits);

    /// <summary>Compares bytes, words from the end first, as libpcap does.</summary>
    private Test EqualBytes(TestField words, TestField rest, Base from, uint offset, ReadOnlySpan<byte> bytes)
    {
        Test? all = null;
        int left = bytes.Length;
        while (left > 0)
        {
            int size = left >= 4 ? 4 : left >= 2 ? 2 : 1;
            left -= size;
            uint value = 0;
            foreach (byte b in bytes.Slice(left, size))
                value = (value << 8) | b;
            Test part = Equal(size == 4 ? words : rest, from, offset + (uint)left, size, value);
            all = all is null ? part : And(all, part);
        }

        return all ?? True();
    }

    private Test True() => new(TestOp.True, _span);

    private Test False() => new(TestOp.False, _span);

    private static Test Not(Test test) => test.Op switch
    {
        TestOp.True => new Test(TestOp.False, test.Span),
        TestOp.False => new Test(TestOp.True, test.Span),
        TestOp.Not => test.Left!,
        _ => new Test(TestOp.Not, test.Span) { Left = test },
    };

    private static Test And(Test left, Test right)
    {
        if (left.Op == TestOp.False || right.Op == TestOp.True)
            return left;
        if (left.Op == TestOp.True || right.Op == TestOp.False)
            return right;
        return new Test(TestOp.And, Cover(left, right)) { Left = left, Right = right };
    }

    private static Test Or(Test left, Test right)
    {
        if (left.Op == TestOp.True || right.Op == TestOp.False)
            return left;
        if (left.Op == TestOp.False || right.Op == TestOp.True)
            return right;
        return new Test(TestOp.Or, Cover(left, right)) { Left = left, Right = right };
    }

    private static TextSpan Cover(Test left, Test right) => left.Span == right.Span ? left.Span : TextSpan.Cover(left.Span, right.Span);

    private Test With(IReadOnlyList<Step> steps, Test test) => new(TestOp.With, _span) { Steps = steps, Left = test };

    private static Step Assign(int variable, Arith value) => new(variable, value);

    private static Step Choose(Test condition, Step[] then, Step[]? otherwise = null) => new(-1, null, condition, then, otherwise);
}
