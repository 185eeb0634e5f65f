using Hachi.Isa;
using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>Geneve and VXLAN: the inner headers are at offsets known only when the filter runs; and the two terms that forget them again.</summary>
internal sealed partial class Generation
{
    /// <summary>From the UDP header: its own bytes.</summary>
    private const uint UdpBytes = 8;

    /// <summary>The variables that say where the headers inside a tunnel are.</summary>
    private readonly record struct TunnelOffsets(int LinkHeader, int Type, int Payload);

    private Test Tunnel(bool isGeneve, uint? vni, TextSpan idSpan)
    {
        int start = _variables++;
        Test test = TunnelFound(isGeneve, vni, idSpan, start);
        if (_error is not null)
            return test;
        var inner = new TunnelOffsets(NewVariable(), NewVariable(), NewVariable());
        test = And(test, With(TunnelSteps(isGeneve, start, inner), True()));
        EnterTunnel(inner);
        return test;
    }

    /// <summary>Whether this is the tunnel, over IPv4 or IPv6; its start (less a constant) goes into a variable.</summary>
    private Test TunnelFound(bool isGeneve, uint? vni, TextSpan idSpan, int start)
    {
        if (vni is { } number && !CheckMax(isGeneve ? "Geneve VNI" : "VXLAN VNI", number, 0xffffff, idSpan))
            return False();
        Test ipv4 = TunnelOver(Base.TransportIpv4, isGeneve, vni);
        ipv4 = And(ipv4, With([Assign(start, Ipv4HeaderLength())], True()));
        Test ipv6 = TunnelOver(Base.TransportIpv6, isGeneve, vni);
        Arith? variable = VariablePart(ref _at.Payload);
        Arith length = variable is null ? Const(40) : Binary(ArithOp.Add, Const(40), variable);
        ipv6 = And(ipv6, With([Assign(start, length)], True()));
        return Or(ipv4, ipv6);
    }

    private Test TunnelOver(Base transport, bool isGeneve, uint? vni)
    {
        uint port = isGeneve ? GenevePort : VxlanPort;
        Test ports = PortPair(transport, port, port, FilterDirection.Dst);
        Test test = transport == Base.TransportIpv4 ? PortsOfIpv4((int)IpUdp, ports) : PortsOfIpv6((int)IpUdp, ports);
        test = And(test, isGeneve
            ? Masked(TestField.GeneveVersion, transport, UdpBytes, 1, 0, 0xc0)
            : Equal(TestField.VxlanFlags, transport, UdpBytes, 1, 0x08));
        if (vni is not { } number)
            return test;
        return And(test, Masked(isGeneve ? TestField.GeneveVni : TestField.VxlanVni, transport, UdpBytes + 4, 4, number << 8, 0xffffff00));
    }

    private Step[] TunnelSteps(bool isGeneve, int start, TunnelOffsets inner)
    {
        const uint headerBytes = 8, macBytes = 12, typeBytes = 2;
        uint before = _at.Payload.Constant + _at.Network + UdpBytes;
        Arith tunnel = Binary(ArithOp.Add, Variable(start), Const(before));
        if (!isGeneve)
        {
            return
            [
                Assign(inner.LinkHeader, Binary(ArithOp.Add, tunnel, Const(headerBytes))),
                Assign(inner.Type, Binary(ArithOp.Add, Variable(inner.LinkHeader), Const(macBytes))),
                Assign(inner.Payload, Binary(ArithOp.Add, Variable(inner.Type), Const(typeBytes))),
            ];
        }

        // Geneve: options of variable length; then Ethernet, or the protocol that its own type field names.
        Arith options = Binary(ArithOp.Mul, Binary(ArithOp.And, Load(1, before, Variable(start)), Const(0x3f)), Const(4));
        return
        [
            Assign(inner.Type, Binary(ArithOp.Add, tunnel, Const(2))),
            Assign(inner.LinkHeader, Binary(ArithOp.Add, Binary(ArithOp.Add, options, Const(headerBytes)), tunnel)),
            Choose(
                Compare(TestOp.Eq, TestField.TransparentEthernet, Load(2, before + 2, Variable(start)), EtherTransparent),
                [
                    Assign(inner.Type, Binary(ArithOp.Add, Variable(inner.LinkHeader), Const(macBytes))),
                    Assign(inner.Payload, Binary(ArithOp.Add, Variable(inner.Type), Const(typeBytes))),
                ],
                [Assign(inner.Payload, Variable(inner.LinkHeader))]),
        ];
    }

    private void EnterTunnel(TunnelOffsets inner)
    {
        PushLinkHeader(LinkLayouts.Ethernet, new Offset(0, true, inner.LinkHeader));
        _at.Type = new Offset(0, true, inner.Type);
        _at.Payload = new Offset(0, true, inner.Payload);
        _at.Network = 0;
        _at.IsTunnel = true;
    }

    /// <summary>Before a term whose offsets are forgotten after it: what it finds out about the outer ones must stay known.</summary>
    private Headers Remember()
    {
        VariablePart(ref _at.LinkHeader);
        VariablePart(ref _at.Payload);
        VariablePart(ref _at.Type);
        return _at;
    }

    /// <summary><c>inner TERM</c>: the term for the frame inside VXLAN or Geneve.</summary>
    private Test Inner(InnerNode node)
    {
        Headers outer = Remember();
        int start = _variables++;
        var inside = new TunnelOffsets(NewVariable(), NewVariable(), NewVariable());
        Test vxlan = TunnelFound(isGeneve: false, null, default, start);
        vxlan = And(vxlan, With(TunnelSteps(isGeneve: false, start, inside), True()));
        Test geneve = TunnelFound(isGeneve: true, null, default, start);
        geneve = And(geneve, With(TunnelSteps(isGeneve: true, start, inside), True()));
        EnterTunnel(inside);
        Test test = And(Or(vxlan, geneve), Node(node.Operand));
        _at = outer;
        return test;
    }

    /// <summary><c>anyvlan TERM</c>: the term as if up to two VLAN tags were not there.</summary>
    private Test AnyVlan(AnyVlanNode node)
    {
        if (_at.MplsDepth > 0)
            return Fail(DiagnosticTable.FilterVlanAfterMpls, default);
        if (!_at.Layout.HasVlan)
            return FailOnLink("anyvlan");
        Headers outer = Remember();
        int tags = _variables++;
        Test first = VlanType();
        _at.Type.Constant += 4;
        _at.Payload.Constant += 4;
        Test second = VlanType();
        _at = outer;
        Step skip = Choose(
            first,
            [Choose(second, [Assign(tags, Const(8))], [Assign(tags, Const(4))])],
            [Assign(tags, Const(0))]);
        var steps = new List<Step> { skip };
        Behind(ref _at.Payload, tags, steps);
        Behind(ref _at.Type, tags, steps);
        Test test = With(steps, Node(node.Operand));
        _at = outer;
        return test;
    }

    /// <summary>Gives an offset a variable part that is as many bytes further as <paramref name="bytes"/> says.</summary>
    private void Behind(ref Offset offset, int bytes, List<Step> steps)
    {
        if (!offset.IsVariable)
        {
            offset = new Offset(offset.Constant, true, bytes);
            return;
        }

        int moved = _variables++;
        steps.Add(Assign(moved, Binary(ArithOp.Add, Variable(offset.Variable), Variable(bytes))));
        offset = new Offset(offset.Constant, true, moved);
    }
}
