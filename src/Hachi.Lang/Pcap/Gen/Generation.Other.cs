using System.Text;
using Hachi.Isa;
using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>The smaller primitives: broadcast and multicast, length, byte, direction, interface, llc, pf's log.</summary>
internal sealed partial class Generation
{
    private const ulong MacBroadcast = 0xffffffffffff;

    private Test Broadcast(CastNode node)
    {
        switch (node.Proto)
        {
            case FilterProtocol.Default:
            case FilterProtocol.Link:
                return _at.Layout.Mac == MacRule.Mac8
                    ? Mac8Host(_at.Layout.Mac8Broadcast, FilterDirection.Dst, null, "broadcast")
                    : MacHost(MacBroadcast, FilterDirection.Dst, null, "broadcast");
            case FilterProtocol.Ip:
                if (_options.NetMask == FilterOptions.NetMaskUnknown)
                    return Fail(DiagnosticTable.FilterNetMask, default);
                Test link = LinkProtocol(EtherIpv4);
                uint hostBits = ~_options.NetMask;
                Test zeros = Masked(TestField.DestinationAddress, Base.Network, 16, 4, 0, hostBits);
                return And(link, Or(zeros, Masked(TestField.DestinationAddress, Base.Network, 16, 4, hostBits, hostBits)));
            default:
                return Fail(DiagnosticTable.FilterQualifier, node.ProtoSpan, QualifierWords.Of(node.Proto), "broadcast");
        }
    }

    private Test Multicast(CastNode node)
    {
        LinkLayout layout = _at.Layout;
        switch (node.Proto)
        {
            case FilterProtocol.Default:
            case FilterProtocol.Link:
                if (!layout.HasMulticast)
                    return FailOnLink("multicast");
                if (layout.Mac == MacRule.Mac8)
                    return Mac8Host(layout.Mac8Broadcast, FilterDirection.Dst, null, "multicast");
                if (layout.Mac == MacRule.Wlan)
                    return WlanDestination(0, group: true);
                Test? outer = layout.Protocol == ProtocolRule.Ethernet ? OuterHeaderCheck() : null;
                Test test = MacMulticast(layout.MacDestination);
                return outer is null ? test : And(outer, test);
            case FilterProtocol.Ip:
                Test link = LinkProtocol(EtherIpv4);
                return And(link, Masked(TestField.DestinationAddress, Base.Network, 16, 1, 0xe0, 0xf0));
            case FilterProtocol.Ip6:
                link = LinkProtocol(EtherIpv6);
                return And(link, Equal(TestField.DestinationAddress6, Base.Network, 24, 1, 255));
            default:
                return Fail(DiagnosticTable.FilterQualifier, node.ProtoSpan, QualifierWords.Of(node.Proto), "multicast");
        }
    }

    private Test LengthTest(LengthTestNode node)
    {
        var length = new Arith(ArithOp.Length, 0, null, null, _span);
        return node.IsGreater
            ? Compare(TestOp.Ge, TestField.Length, length, node.Value)
            : Not(Compare(TestOp.Gt, TestField.Length, length, node.Value));
    }

    private Test ByteTest(ByteNode node)
    {
        if (!CheckMax("byte argument", node.Value, 0xff, node.ValueSpan))
            return False();
        Arith load = Load(Base.LinkHeader, node.Index, 1);
        return node.Op switch
        {
            ByteOp.Eq => Compare(TestOp.Eq, TestField.Byte, load, node.Value),
            ByteOp.Lt => Not(Compare(TestOp.Ge, TestField.Byte, load, node.Value)),
            ByteOp.Gt => Compare(TestOp.Gt, TestField.Byte, load, node.Value),
            ByteOp.And => Not(Compare(TestOp.Eq, TestField.Byte, Binary(ArithOp.And, load, Const(node.Value)), 0)),
            _ => Not(Compare(TestOp.Eq, TestField.Byte, Binary(ArithOp.Or, load, Const(node.Value)), 0)),
        };
    }

    private Test Bound(bool isOutbound)
    {
        DirectionField field = _at.Layout.Direction;
        if (field.Size == 0)
        {
            if (!_options.Live)
                return Fail(DiagnosticTable.FilterNotLive, default, isOutbound ? "outbound" : "inbound", LinkName());
            const uint outgoing = 4;
            Test test = Compare(TestOp.Eq, TestField.PacketType, Extension(Isa.Extension.PktType), outgoing);
            return isOutbound ? test : Not(test);
        }

        if (!isOutbound && field.Inbound is null)
            return Not(Masked(TestField.Direction, Base.LinkHeader, field.Offset, field.Size, field.Outbound, field.Mask));
        return Masked(TestField.Direction, Base.LinkHeader, field.Offset, field.Size, isOutbound ? field.Outbound : field.Inbound!.Value, field.Mask);
    }

    private Test InterfaceIndex(uint index)
    {
        if (_at.Link == LinkLayouts.LinuxSll2)
            return Equal(TestField.InterfaceIndex, Base.LinkHeader, 4, 4, index);
        if (!_options.Live)
            return Fail(DiagnosticTable.FilterNotLive, default, "ifindex", LinkName());
        return Compare(TestOp.Eq, TestField.InterfaceIndex, Extension(Isa.Extension.IfIndex), index);
    }

    private Test Llc(LlcNode node)
    {
        Test? header = LlcHeader();
        if (header is null)
            return FailOnLink("llc");
        switch (node.Test)
        {
            case LlcTest.Any:
                return header;
            case LlcTest.I:
                return And(header, Not(BitSet(TestField.LlcControl, Base.Llc, 2, 1, 1)));
            case LlcTest.S:
                return And(header, LlcControl(1, 0x03));
            case LlcTest.U:
                return And(header, LlcControl(3, 0x03));
            case LlcTest.SSubtype:
                return And(header, LlcControl(node.Value | 1, 0x0f));
            default:
                return And(header, LlcControl(node.Value, 0xef));
        }
    }

    private Test LlcControl(uint value, uint mask) => Masked(TestField.LlcControl, Base.Llc, 2, 1, value, mask);

    private Test? LlcHeader()
    {
        switch (_at.Layout.Llc)
        {
            case LlcRule.EtherLength:
                Test isLength = IsLength();
                return And(isLength, NotEqual(TestField.NotRawIpx, Base.Llc, 0, 2, 0xffff));
            case LlcRule.SunAtm:
                Test llc = AtmPrototype(AtmLlc);
                _at.Link = _at.OuterLink;
                _at.Layout = LinkLayouts.Find(_at.Link)!;
                return llc;
            case LlcRule.Always:
                return True();
            case LlcRule.WlanData:
                return WlanDataFrame();
            default:
                return null;
        }
    }

    private Test PfLog(PfNode node)
    {
        string keyword = node.Field switch
        {
            PfField.IfName => "ifname",
            PfField.RuleSet => "ruleset",
            PfField.RuleNumber => "rnr",
            PfField.SubRuleNumber => "srnr",
            PfField.Reason => "reason",
            _ => "action",
        };
        if (_at.Link != LinkLayouts.PfLog)
            return Fail(DiagnosticTable.FilterOnlyOn, default, keyword, "PFLOG linktype");
        return node.Field switch
        {
            PfField.IfName => PfName(node, "ifname interface", TestField.PflogInterface, PfLogHeader.InterfaceName),
            PfField.RuleSet => PfName(node, "ruleset", TestField.PflogRuleset, PfLogHeader.RulesetName),
            PfField.RuleNumber => Equal(TestField.PflogRule, Base.LinkHeader, PfLogHeader.Rule, 4, node.Value),
            PfField.SubRuleNumber => Equal(TestField.PflogSubrule, Base.LinkHeader, PfLogHeader.Subrule, 4, node.Value),
            PfField.Reason => Equal(TestField.PflogReason, Base.LinkHeader, PfLogHeader.Reason, 1, node.Value),
            _ => Equal(TestField.PflogAction, Base.LinkHeader, PfLogHeader.Action, 1, node.Value),
        };
    }

    private Test PfName(PfNode node, string what, TestField field, uint offset)
    {
        byte[] name = Encoding.UTF8.GetBytes(node.Text);
        if (name.Length >= PfLogHeader.NameBytes)
            return Fail(DiagnosticTable.FilterNameLength, node.ValueSpan, what, PfLogHeader.NameBytes - 1);
        return EqualBytes(field, field, Base.LinkHeader, offset, name);
    }
}
