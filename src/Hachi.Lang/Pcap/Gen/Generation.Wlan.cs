using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>802.11: which of up to four addresses is source or destination depends on the type and direction of the frame.</summary>
internal sealed partial class Generation
{
    private Test WlanDataFrame() => Masked(TestField.WlanType, Base.LinkHeader, 0, 1, WlanData, WlanTypeMask);

    private Test WlanType(WlanTypeNode node) =>
        _at.Layout.Mac == MacRule.Wlan
            ? Masked(node.Mask == WlanTypeMask ? TestField.WlanType : TestField.WlanSubtype, Base.LinkHeader, 0, 1, node.Value, node.Mask)
            : FailOnLink("type/subtype");

    private Test WlanDirection(WlanDirectionNode node) =>
        _at.Layout.Mac == MacRule.Wlan
            ? Masked(TestField.WlanDirection, Base.LinkHeader, 1, 1, node.Value, WlanBothDs)
            : FailOnLink("dir");

    private Test WlanBit(TestField field, uint offset, uint bit) => BitSet(field, Base.LinkHeader, offset, 1, bit);

    private Test WlanHost(ulong address, FilterDirection dir)
    {
        switch (dir)
        {
            case FilterDirection.Src:
                return WlanSource(address);
            case FilterDirection.Dst:
                return WlanDestination(address, group: false);
            case FilterDirection.And:
                Test source = WlanSource(address);
                return And(source, WlanDestination(address, group: false));
            case FilterDirection.Default:
            case FilterDirection.Or:
                source = WlanSource(address);
                return Or(source, WlanDestination(address, group: false));
            case FilterDirection.Addr1:
                return WlanAddress(4, address);
            case FilterDirection.Addr2:
                return And(WlanHasTransmitter(), WlanAddress(10, address));
            case FilterDirection.Addr3:
                return And(WlanIsNot(WlanControl, WlanTypeMask), WlanAddress(16, address));
            case FilterDirection.Addr4:
                return And(Masked(TestField.WlanDirection, Base.LinkHeader, 1, 1, WlanBothDs, WlanBothDs), WlanAddress(24, address));
            case FilterDirection.Ra:
                return And(WlanBit(TestField.WlanDataBit, 0, WlanData), WlanAddress(4, address));
            default:
                Test carrier = And(WlanBit(TestField.WlanDataBit, 0, WlanData), WlanHasTransmitter());
                return And(carrier, WlanAddress(10, address));
        }
    }

    private Test WlanAddress(uint offset, ulong address) => Mac(TestField.WlanAddress, TestField.WlanAddressLow, offset, address);

    private Test WlanIsNot(uint value, uint mask) =>
        Not(Masked(mask == WlanTypeMask ? TestField.WlanType : TestField.WlanSubtype, Base.LinkHeader, 0, 1, value, mask));

    /// <summary>All frames but the control frames CTS and ACK.</summary>
    private Test WlanHasTransmitter()
    {
        Test notControl = WlanIsNot(WlanControl, WlanTypeMask);
        Test notCts = WlanIsNot(WlanCts, WlanSubtypeMask);
        return Or(notControl, And(notCts, WlanIsNot(WlanAck, WlanSubtypeMask)));
    }

    /// <summary>Management frames and data frames have a source: the third address From DS, the fourth when To DS as well, otherwise the second.</summary>
    private Test WlanSource(ulong address)
    {
        Test bridged = And(WlanBit(TestField.WlanToDs, 1, WlanToDs), WlanAddress(24, address));
        Test distributed = And(Not(WlanBit(TestField.WlanToDs, 1, WlanToDs)), WlanAddress(16, address));
        Test fromDs = And(WlanBit(TestField.WlanFromDs, 1, WlanFromDs), Or(distributed, bridged));
        Test direct = And(Not(WlanBit(TestField.WlanFromDs, 1, WlanFromDs)), WlanAddress(10, address));
        Test data = And(WlanBit(TestField.WlanDataBit, 0, WlanData), Or(direct, fromDs));
        Test management = And(Not(WlanBit(TestField.WlanDataBit, 0, WlanData)), WlanAddress(10, address));
        return And(Not(WlanBit(TestField.WlanControlBit, 0, WlanControl)), Or(management, data));
    }

    /// <summary>The destination: the third address To DS, otherwise the first; or only whether it is a group address.</summary>
    private Test WlanDestination(ulong address, bool group)
    {
        Test toDs = And(WlanBit(TestField.WlanToDs, 1, WlanToDs), WlanDestinationAt(16, address, group));
        Test other = And(Not(WlanBit(TestField.WlanToDs, 1, WlanToDs)), WlanDestinationAt(4, address, group));
        Test data = And(WlanBit(TestField.WlanDataBit, 0, WlanData), Or(other, toDs));
        Test management = And(Not(WlanBit(TestField.WlanDataBit, 0, WlanData)), WlanDestinationAt(4, address, group));
        return And(Not(WlanBit(TestField.WlanControlBit, 0, WlanControl)), Or(management, data));
    }

    private Test WlanDestinationAt(uint offset, ulong address, bool group) => group ? MacMulticast(offset) : WlanAddress(offset, address);

    private Test MacMulticast(uint offset) => BitSet(TestField.MacMulticast, Base.LinkHeader, offset, 1, 1);

    // What a program computes first: the lengths of headers that vary, if a test asked for them.

    private Test Finish(Test root)
    {
        LinkLayout outermost = LinkLayouts.Find(_link.Dlt)!;
        if (!outermost.IsHeaderVariable && !outermost.IsPayloadVariable)
            return root;
        _span = root.Span;
        // The payload's offset is computed from that of the link-layer header.
        if (_at.Payload.Variable >= 0 && _at.LinkHeader.IsVariable && _at.LinkHeader.Variable < 0)
            _at.LinkHeader.Variable = NewVariable();
        var steps = new List<Step>();
        switch (_link.Dlt)
        {
            case LinkLayouts.Prism:
                PrismLength(steps);
                break;
            case LinkLayouts.Avs:
                if (_at.LinkHeader.Variable >= 0)
                    steps.Add(Assign(_at.LinkHeader.Variable, Load(4, 4)));
                break;
            case LinkLayouts.Radiotap:
            case LinkLayouts.Ppi:
                // A little-endian length at offset 2.
                if (_at.LinkHeader.Variable >= 0)
                    steps.Add(Assign(_at.LinkHeader.Variable, Binary(ArithOp.Or, Binary(ArithOp.Lsh, Load(1, 3), Const(8)), Load(1, 2))));
                break;
            case LinkLayouts.PfLog:
                // The length in the first byte, rounded up to a multiple of 4.
                if (_at.Payload.Variable >= 0)
                    steps.Add(Assign(_at.Payload.Variable, Binary(ArithOp.And, Binary(ArithOp.Add, Load(1, 0), Const(3)), Const(0xfffffffc))));
                break;
        }

        if (_link.Dlt is LinkLayouts.Ieee80211 or LinkLayouts.Prism or LinkLayouts.Avs or LinkLayouts.Radiotap or LinkLayouts.Ppi && _at.Payload.Variable >= 0)
            WlanHeaderLength(steps);
        if (steps.Count > 0)
            root = With(steps, root);
        if (_at.Link != LinkLayouts.Ppi)
            return root;
        const uint wlanInPpi = 0x69000000; // DLT_IEEE802_11, little-endian
        return And(Equal(TestField.PpiLinkType, Base.Packet, 4, 4, wlanInPpi), root);
    }

    /// <summary>Prism headers have 144 bytes; some drivers write an AVS header instead, which begins with a cookie and says its length.</summary>
    private void PrismLength(List<Step> steps)
    {
        int variable = _at.LinkHeader.Variable;
        if (variable < 0)
            return;
        steps.Add(Choose(
            Compare(TestOp.Eq, TestField.AvsCookie, Binary(ArithOp.And, Load(4, 0), Const(0xfffff000)), 0x80211000),
            [Assign(variable, Load(4, 4))],
            [Assign(variable, Const(144))]));
    }

    /// <summary>24 bytes; data frames: 2 more with QoS, and with radiotap the padding that its flags tell of.</summary>
    private void WlanHeaderLength(List<Step> steps)
    {
        const uint plainBytes = 24, qosBytes = 2;
        int payload = _at.Payload.Variable;
        uint start = LinkLayouts.Find(_link.Dlt)!.Header;
        Arith? header = _at.LinkHeader.Variable >= 0 && LinkLayouts.Find(_link.Dlt)!.IsHeaderVariable ? Variable(_at.LinkHeader.Variable) : null;
        steps.Add(Assign(payload, header is null ? Const(start + plainBytes) : Binary(ArithOp.Add, header, Const(plainBytes))));
        int control = _variables++;
        steps.Add(Assign(control, header is null ? Load(1, start) : Load(1, 0, header)));
        Test data = And(
            Compare(TestOp.Set, TestField.WlanDataBit, Variable(control), WlanData),
            Not(Compare(TestOp.Set, TestField.WlanControlBit, Variable(control), WlanControl)));
        var then = new List<Step>
        {
            Choose(
                Compare(TestOp.Set, TestField.WlanQos, Variable(control), WlanQos),
                [Assign(payload, Binary(ArithOp.Add, Variable(payload), Const(qosBytes)))]),
        };
        if (_at.Link == LinkLayouts.Radiotap)
            then.Add(RadiotapPadding(payload));
        steps.Add(new Step(-1, null, data, then));
    }

    /// <summary>Looks at the first presence word only: the flags follow it, behind the 8 bytes of a time stamp if there is one.</summary>
    private Step RadiotapPadding(int payload)
    {
        const uint flagsPresent = 0x02000000, extended = 0x00000080, stampPresent = 0x01000000, padded = 0x20;
        int presence = _variables++;
        var test = And(
            With([Assign(presence, Load(4, 4))], Compare(TestOp.Set, TestField.RadiotapFlags, Variable(presence), flagsPresent)),
            Not(Compare(TestOp.Set, TestField.RadiotapExtended, Variable(presence), extended)));
        Step round = Assign(payload, Binary(ArithOp.And, Binary(ArithOp.Add, Variable(payload), Const(3)), Const(0xfffffffc)));
        return Choose(test, [Choose(
            Compare(TestOp.Set, TestField.RadiotapTsft, Variable(presence), stampPresent),
            [Choose(Compare(TestOp.Set, TestField.RadiotapPadding, Load(1, 16), padded), [round])],
            [Choose(Compare(TestOp.Set, TestField.RadiotapPadding, Load(1, 8), padded), [round])])]);
    }
}
