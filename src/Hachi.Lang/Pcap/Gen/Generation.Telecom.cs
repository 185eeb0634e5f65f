using System.Buffers.Binary;
using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>SunATM and SS7.</summary>
internal sealed partial class Generation
{
    private const uint AtmVpiOffset = 1, AtmVciOffset = 2, AtmPayloadOffset = 4, AtmLane = 1, AtmLlc = 2;

    private Test AtmPrototype(uint type) => Masked(TestField.AtmProtocol, Base.LinkHeader, 0, 1, type, 0x0f);

    private Test AtmVpi(uint value) => Equal(TestField.AtmVpi, Base.LinkHeader, AtmVpiOffset, 1, value);

    private Test AtmVci(uint value) => Equal(TestField.AtmVci, Base.LinkHeader, AtmVciOffset, 2, value);

    private bool CheckAtm(string keyword)
    {
        if (_at.Link == LinkLayouts.SunAtm)
            return true;
        Fail(DiagnosticTable.FilterOnlyOn, default, keyword, "SUNATM");
        return false;
    }

    private Test AtmField(bool isVci, RelationOp op, uint value, TextSpan valueSpan)
    {
        if (!CheckAtm(isVci ? "vci" : "vpi") || !CheckMax(isVci ? "VCI" : "VPI", value, isVci ? 0xffffu : 0xffu, valueSpan))
            return False();
        Arith field = isVci ? Load(Base.LinkHeader, AtmVciOffset, 2) : Load(Base.LinkHeader, AtmVpiOffset, 1);
        return Related(isVci ? TestField.AtmVci : TestField.AtmVpi, op, field, value);
    }

    private Test Related(TestField field, RelationOp op, Arith a, uint value) => op switch
    {
        RelationOp.Eq => Compare(TestOp.Eq, field, a, value),
        RelationOp.Ne => Not(Compare(TestOp.Eq, field, a, value)),
        RelationOp.Gt => Compare(TestOp.Gt, field, a, value),
        RelationOp.Ge => Compare(TestOp.Ge, field, a, value),
        RelationOp.Lt => Not(Compare(TestOp.Ge, field, a, value)),
        _ => Not(Compare(TestOp.Gt, field, a, value)),
    };

    private Test AtmType(AtmType type)
    {
        if (!CheckAtm(type.ToString().ToLowerInvariant()))
            return False();
        switch (type)
        {
            case Syntax.AtmType.Metac:
                return AtmCircuit(1);
            case Syntax.AtmType.Bcc:
                return AtmCircuit(2);
            case Syntax.AtmType.Oamf4sc:
                return AtmCircuit(3);
            case Syntax.AtmType.Oamf4ec:
                return AtmCircuit(4);
            case Syntax.AtmType.Sc:
                return AtmCircuit(5);
            case Syntax.AtmType.Ilmic:
                return AtmCircuit(16);
            case Syntax.AtmType.Oam:
            case Syntax.AtmType.Oamf4:
                Test vpi = AtmVpi(0);
                Test segment = AtmVci(3);
                return And(vpi, Or(segment, AtmVci(4)));
            case Syntax.AtmType.ConnectMsg:
                return And(AtmCircuit(5), AtmMessages([0x05, 0x02, 0x07, 0x0f, 0x4d, 0x5a]));
            case Syntax.AtmType.MetaConnect:
                return And(AtmCircuit(1), AtmMessages([0x05, 0x02, 0x07, 0x4d, 0x5a]));
            default:
                return LaneEmulation();
        }
    }

    private Test AtmCircuit(uint vci)
    {
        Test vpi = AtmVpi(0);
        return And(vpi, AtmVci(vci));
    }

    /// <summary>Q.2931 messages, by type; of more than two the later are tested first, as libpcap chains them.</summary>
    private Test AtmMessages(ReadOnlySpan<byte> types)
    {
        Test test = Or(AtmMessage(types[0]), AtmMessage(types[1]));
        foreach (byte type in types[2..])
            test = Or(AtmMessage(type), test);
        return test;
    }

    private Test AtmMessage(uint type) => Equal(TestField.AtmMessage, Base.LinkHeader, AtmPayloadOffset + 5, 1, type);

    /// <summary>LANE: everything to the right is about the Ethernet frame inside.</summary>
    private Test LaneEmulation()
    {
        const uint laneHeaderBytes = 2;
        Test test = AtmPrototype(AtmLane);
        PushLinkHeader(LinkLayouts.Ethernet, new Offset(AtmPayloadOffset + laneHeaderBytes));
        LinkLayout ethernet = _at.Layout;
        _at.Type.Constant = _at.LinkHeader.Constant + ethernet.Type;
        _at.Payload.Constant = _at.LinkHeader.Constant + ethernet.Payload;
        _at.Network = ethernet.Network;
        _at.NetworkNoSnap = ethernet.NetworkNoSnap;
        return test;
    }

    private bool CheckSs7(string keyword, out Ss7Layout layout)
    {
        layout = _at.Layout.Ss7!;
        if (layout is not null)
            return true;
        Fail(DiagnosticTable.FilterOnlyOn, default, keyword, "SS7");
        return false;
    }

    private Test Mtp2(Mtp2Type type)
    {
        if (!CheckSs7(type.ToString().ToLowerInvariant(), out Ss7Layout layout))
            return False();
        bool isHsl = type >= Mtp2Type.Hfisu;
        return type switch
        {
            Mtp2Type.Fisu or Mtp2Type.Hfisu => Mtp2Length(layout, isHsl, TestOp.Eq, 0),
            Mtp2Type.Lssu or Mtp2Type.Hlssu => And(Mtp2Length(layout, isHsl, TestOp.Gt, 0), Not(Mtp2Length(layout, isHsl, TestOp.Gt, 2))),
            _ => Mtp2Length(layout, isHsl, TestOp.Gt, 2),
        };
    }

    private Test Mtp2Length(Ss7Layout layout, bool isHsl, TestOp op, uint value) =>
        isHsl
            ? Masked(TestField.Mtp2Length, Base.Packet, layout.LengthHsl, 2, value << 7, 0xff80, op)
            : Masked(TestField.Mtp2Length, Base.Packet, layout.Length, 1, value, 0x3f, op);

    /// <summary>MTP3's fields are little-endian bit fields: value and mask are turned round, not the field.</summary>
    private Test Mtp3(Mtp3FieldNode node)
    {
        string keyword = node.Field.ToString().ToLowerInvariant();
        if (!CheckSs7(keyword, out Ss7Layout layout))
            return False();
        bool isHsl = node.Field >= Mtp3Field.Hsio;
        uint shift = isHsl ? 3u : 0u;
        Mtp3Field field = isHsl ? node.Field - 4 : node.Field;
        uint max = field switch
        {
            Mtp3Field.Sio => 0xff,
            Mtp3Field.Sls => 0xf,
            _ => 0x3fff,
        };
        uint value = node.Value;
        if (!CheckMax(keyword, value, max, node.ValueSpan))
            return False();
        return field switch
        {
            Mtp3Field.Sio => Related(TestField.Mtp3Sio, node.Op, Load(1, layout.Sio + shift), value),
            Mtp3Field.Opc => Related(
                TestField.Mtp3Opc, node.Op, MaskedLoad(4, layout.Opc + shift, BinaryPrimitives.ReverseEndianness(max << 14)),
                BinaryPrimitives.ReverseEndianness(value << 14)),
            Mtp3Field.Dpc => Related(
                TestField.Mtp3Dpc, node.Op, MaskedLoad(2, layout.Dpc + shift, BinaryPrimitives.ReverseEndianness((ushort)max)),
                BinaryPrimitives.ReverseEndianness((ushort)value)),
            _ => Related(TestField.Mtp3Sls, node.Op, MaskedLoad(1, layout.Sls + shift, max << 4), value << 4),
        };
    }

    private Arith MaskedLoad(int size, uint offset, uint mask) => Binary(ArithOp.And, Load(size, offset), Const(mask));
}
