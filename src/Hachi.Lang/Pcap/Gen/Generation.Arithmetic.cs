using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>Relations between numbers, accessors and arithmetic. Each value takes one of libpcap's 16 words of memory; more is an error there, so here.</summary>
internal sealed partial class Generation
{
    private Test Relation(RelationNode node)
    {
        Arith left = Value(node.Left, out Test? leftCheck);
        Arith right = Value(node.Right, out Test? rightCheck);
        _span = node.Span;
        FreeRegister();
        FreeRegister();
        Test test = node.Op switch
        {
            RelationOp.Eq => Compare(TestOp.Eq, TestField.Relation, left, right),
            RelationOp.Ne => Not(Compare(TestOp.Eq, TestField.Relation, left, right)),
            RelationOp.Gt => Compare(TestOp.Gt, TestField.Relation, left, right),
            RelationOp.Ge => Compare(TestOp.Ge, TestField.Relation, left, right),
            RelationOp.Lt => Not(Compare(TestOp.Ge, TestField.Relation, left, right)),
            _ => Not(Compare(TestOp.Gt, TestField.Relation, left, right)),
        };
        Test? checks = Both(leftCheck, rightCheck);
        return checks is null ? test : And(checks, test);
    }

    private static Test? Both(Test? first, Test? second) => first is null ? second : second is null ? first : And(first, second);

    /// <summary>A number, and the test that its accessors need first (is it TCP, is it the first fragment), or null.</summary>
    private Arith Value(ValueNode node, out Test? check)
    {
        check = null;
        switch (node)
        {
            case NumberNode number:
                _span = node.Span;
                TakeRegister();
                return Const(number.Value);
            case LengthNode:
                _span = node.Span;
                TakeRegister();
                return new Arith(ArithOp.Length, 0, null, null, _span);
            case AccessorNode accessor:
                return Access(accessor, out check);
            case NegateNode negate:
                Arith operand = Value(negate.Operand, out check);
                return new Arith(ArithOp.Neg, 0, operand, null, node.Span);
            default:
                return BinaryValue((BinaryNode)node, out check);
        }
    }

    private Arith BinaryValue(BinaryNode node, out Test? check)
    {
        Arith left = Value(node.Left, out check);
        // libpcap's gen_arth keeps the left side's check and forgets that of the right.
        Arith right = Value(node.Right, out _);
        _span = node.Span;
        if (FirstConstant(node.Right) is { } constant)
        {
            if (node.Op == ArithOp.Div && constant == 0)
                Fail(DiagnosticTable.FilterDivisionByZero, node.Right.Span);
            else if (node.Op == ArithOp.Mod && constant == 0)
                Fail(DiagnosticTable.FilterModulusByZero, node.Right.Span);
            else if (node.Op is ArithOp.Lsh or ArithOp.Rsh && constant > 31)
                Fail(DiagnosticTable.FilterShift, node.Right.Span);
        }

        FreeRegister();
        return Binary(node.Op, left, right);
    }

    /// <summary>The constant with which the code of a value begins: libpcap's check for zero looks at the first statement only, which for an accessor is its offset.</summary>
    private static uint? FirstConstant(ValueNode node)
    {
        while (true)
        {
            switch (node)
            {
                case NumberNode number:
                    return number.Value;
                case AccessorNode accessor:
                    node = accessor.Offset;
                    break;
                case NegateNode negate:
                    node = negate.Operand;
                    break;
                case BinaryNode binary:
                    node = binary.Left;
                    break;
                default:
                    return null;
            }
        }
    }

    private Arith Access(AccessorNode node, out Test? check)
    {
        Arith index = Value(node.Offset, out check);
        _span = node.Span;
        TakeRegister();
        FreeRegister();
        if (node.Size is not (1 or 2 or 4))
            Fail(DiagnosticTable.FilterLoadSize, node.SizeSpan);
        int size = (int)node.Size;
        FilterProtocol proto = node.Proto;
        switch (proto)
        {
            case FilterProtocol.Radio:
                if (_at.Link is not (LinkLayouts.Avs or LinkLayouts.Radiotap or LinkLayouts.Prism))
                    Fail(DiagnosticTable.FilterNoRadio, node.ProtoSpan);
                return Load(size, 0, index);
            case FilterProtocol.Link:
                return LoadBehind(ref _at.LinkHeader, 0, size, index);
            case FilterProtocol.Ip:
            case FilterProtocol.Arp:
            case FilterProtocol.Rarp:
            case FilterProtocol.Atalk:
            case FilterProtocol.Decnet:
            case FilterProtocol.Sca:
            case FilterProtocol.Lat:
            case FilterProtocol.Moprc:
            case FilterProtocol.Mopdl:
            case FilterProtocol.Ip6:
                Arith network = LoadBehind(ref _at.Payload, _at.Network, size, index);
                check = Both(check, Abbreviation(proto));
                return network;
            case FilterProtocol.Sctp:
            case FilterProtocol.Tcp:
            case FilterProtocol.Udp:
            case FilterProtocol.Icmp:
            case FilterProtocol.Igmp:
            case FilterProtocol.Igrp:
            case FilterProtocol.Pim:
            case FilterProtocol.Vrrp:
            case FilterProtocol.Carp:
                Arith header = Ipv4HeaderLength();
                Arith transport = Load(size, _at.Payload.Constant + _at.Network, Binary(ArithOp.Add, index, header));
                Test first = And(Equal(TestField.IpProtocol, Base.Network, 9, 1, TransportNumber(proto)), FirstFragment());
                first = check is null ? first : And(check, first);
                check = And(LinkProtocol(EtherIpv4), first);
                return transport;
            case FilterProtocol.Icmp6:
                Test ipv6 = LinkProtocol(EtherIpv6);
                ipv6 = check is null ? ipv6 : And(check, ipv6);
                check = And(ipv6, Equal(TestField.Ip6NextHeader, Base.Network, 6, 1, IpIcmp6));
                return LoadBehind(ref _at.Payload, _at.Network + 40, size, index);
            default:
                Fail(DiagnosticTable.FilterNoIndex, node.ProtoSpan, QualifierWords.Of(proto));
                return index;
        }
    }

    private static uint TransportNumber(FilterProtocol proto) => proto switch
    {
        FilterProtocol.Sctp => IpSctp,
        FilterProtocol.Tcp => IpTcp,
        FilterProtocol.Udp => IpUdp,
        FilterProtocol.Icmp => IpIcmp,
        FilterProtocol.Igmp => IpIgmp,
        FilterProtocol.Igrp => IpIgrp,
        FilterProtocol.Pim => IpPim,
        _ => IpVrrp,
    };

    /// <summary>A load at an index into a header. The index is evaluated first, as in libpcap.</summary>
    private Arith LoadBehind(ref Offset header, uint offset, int size, Arith index)
    {
        Arith? variable = VariablePart(ref header);
        return Load(size, header.Constant + offset, variable is null ? index : Binary(ArithOp.Add, index, variable));
    }
}
