using Hachi.Isa;
using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>vlan, mpls, pppoed, pppoes: they test for a header and move everything to their right behind it.</summary>
internal sealed partial class Generation
{
    private Test Encapsulate(EncapsulationNode node) => node.Kind switch
    {
        Encapsulation.Vlan => Vlan(node),
        Encapsulation.Mpls => Mpls(node),
        Encapsulation.Pppoed => LinkProtocol(EtherPppoeDiscovery),
        Encapsulation.Pppoes => PppoeSession(node),
        _ => Tunnel(node.Kind == Encapsulation.Geneve, node.Id, node.IdSpan),
    };

    /// <summary>Puts a link-layer header in front of those that are known; libpcap keeps two.</summary>
    private void PushLinkHeader(int link, Offset header)
    {
        _at.OuterLink = _at.Link;
        _at.OuterLinkHeader = _at.LinkHeader;
        _at.Link = link;
        _at.Layout = LinkLayouts.Find(link)!;
        _at.LinkHeader = header;
        _at.IsTunnel = false;
    }

    private Test Vlan(EncapsulationNode node)
    {
        if (_at.MplsDepth > 0)
            return Fail(DiagnosticTable.FilterVlanAfterMpls, default);
        if (!_at.Layout.HasVlan)
            return FailOnLink("vlan");
        // A live capture has the tag of the outermost header beside the packet, if the driver took it off.
        bool isBeside = _options.Live && _at.Link == LinkLayouts.Ethernet && _at.VlanDepth == 0 && !_at.LinkHeader.IsVariable
            && _at.LinkHeader.Constant == LinkLayouts.Find(_link.Dlt)!.Header;
        Test test = isBeside ? VlanBeside(node) : VlanInPacket(node);
        _at.VlanDepth++;
        return test;
    }

    private Test VlanType()
    {
        Test customer = LinkProtocol(EtherVlan);
        Test provider = Or(customer, LinkProtocol(EtherVlanProvider));
        return Or(provider, LinkProtocol(EtherVlanQinQ));
    }

    private Test VlanInPacket(EncapsulationNode node)
    {
        Test test = VlanType();
        if (node.Id is { } id)
        {
            if (!CheckMax("VLAN tag", id, 0xfff, node.IdSpan))
                return False();
            test = And(test, Masked(TestField.VlanId, Base.Network, 0, 2, id, 0xfff));
        }

        _at.Payload.Constant += 4;
        _at.Type.Constant += 4;
        return test;
    }

    /// <summary>
    /// The tag is beside the packet, or in it; in that case, and as soon as it is looked for there, the payload and the type move by 4.
    /// </summary>
    private Test VlanBeside(EncapsulationNode node)
    {
        Test present = Compare(TestOp.Eq, TestField.VlanPresent, Extension(Isa.Extension.VlanAvail), 1);
        Test type = VlanType();
        Arith? tag = null;
        if (node.Id is { } id)
        {
            if (!CheckMax("VLAN tag", id, 0xfff, node.IdSpan))
                return False();
            tag = Load(Base.Network, 0, 2);
        }

        Step payload = MoveByTag(ref _at.Payload), linkType = MoveByTag(ref _at.Type);
        Test test = Or(present, With([payload, linkType], type));
        if (tag is null)
            return test;
        int value = _variables++;
        Step choose = Choose(
            Compare(TestOp.Eq, TestField.VlanPresent, Extension(Isa.Extension.VlanAvail), 1),
            [Assign(value, Extension(Isa.Extension.VlanTci))],
            [Assign(value, tag)]);
        Test isId = Compare(TestOp.Eq, TestField.VlanId, Binary(ArithOp.And, Variable(value), Const(0xfff)), node.Id!.Value);
        return And(test, With([choose], isId));
    }

    private Step MoveByTag(ref Offset offset)
    {
        offset.IsVariable = true;
        if (offset.Variable < 0)
            offset.Variable = NewVariable();
        return Assign(offset.Variable, Binary(ArithOp.Add, Variable(offset.Variable), Const(4)));
    }

    private Test Mpls(EncapsulationNode node)
    {
        Test test;
        if (_at.MplsDepth > 0)
            test = Masked(TestField.MplsBottom, Base.MplsLabel, 2, 1, 0, 1);
        else if (_at.Layout.MplsProtocol == 0)
            return FailOnLink("mpls");
        else
            test = LinkProtocol(_at.Layout.MplsProtocol);
        if (node.Id is { } label)
        {
            if (!CheckMax("MPLS label", label, 0xfffff, node.IdSpan))
                return False();
            test = And(test, Masked(TestField.MplsLabel, Base.Network, 0, 4, label << 12, 0xfffff000));
        }

        _at.NetworkNoSnap += 4;
        _at.Network += 4;
        _at.MplsDepth++;
        return test;
    }

    private Test PppoeSession(EncapsulationNode node)
    {
        const uint pppoeHeaderBytes = 6;
        Test test = LinkProtocol(EtherPppoeSession);
        if (node.Id is { } session)
        {
            if (!CheckMax("PPPoE session number", session, 0xffff, node.IdSpan))
                return False();
            test = And(test, Equal(TestField.PppoeSession, Base.Network, 2, 2, session));
        }

        Offset payload = _at.Payload;
        PushLinkHeader(LinkLayouts.Ppp, new Offset(payload.Constant + _at.Network + pppoeHeaderBytes, payload.IsVariable, payload.Variable));
        _at.Type = _at.LinkHeader;
        _at.Payload.Constant = _at.LinkHeader.Constant + 2;
        _at.Network = 0;
        _at.NetworkNoSnap = 0;
        return test;
    }
}
