using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Numbers;

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
}
