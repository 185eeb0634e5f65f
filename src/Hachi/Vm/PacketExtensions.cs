using Hachi.Captures;
using Hachi.Isa;

namespace Hachi.Vm;

/// <summary>The Linux packet extensions: what an absolute load at <see cref="Extension.Base"/> and beyond puts into A.</summary>
internal static class PacketExtensions
{
    /// <summary>Reads an extension. False when there is none of that number; then no kernel would attach the program.</summary>
    /// <param name="number">Address of the load, at least <see cref="Extension.Base"/>.</param>
    /// <param name="a">The accumulator, which some extensions also take as an argument.</param>
    /// <param name="x">The index register.</param>
    /// <param name="packet">The captured bytes.</param>
    /// <param name="metadata">What is recorded about the packet.</param>
    public static bool TryRead(uint number, ref uint a, uint x, ReadOnlySpan<byte> packet, in PacketMetadata metadata)
    {
        switch (number)
        {
            case Extension.Nla:
                a = NetlinkAttributes.Find(packet, a, x);
                return true;
            case Extension.NlaNest:
                a = NetlinkAttributes.FindNested(packet, a, x);
                return true;
            case Extension.AluXorX:
                a ^= x;
                return true;
            case Extension.PayOff:
                a = PayloadOffset.Find(packet, metadata);
                return true;
            default:
                return TryField(number, metadata, out a);
        }
    }

    private static bool TryField(uint number, in PacketMetadata metadata, out uint value)
    {
        switch (number)
        {
            case Extension.Proto: value = metadata.Protocol; return true;
            case Extension.PktType: value = metadata.PacketType; return true;
            case Extension.IfIndex: value = metadata.InterfaceIndex; return true;
            case Extension.Mark: value = metadata.Mark; return true;
            case Extension.Queue: value = metadata.Queue; return true;
            case Extension.HaType: value = metadata.HardwareType; return true;
            case Extension.RxHash: value = metadata.RxHash; return true;
            case Extension.Cpu: value = metadata.Cpu; return true;
            case Extension.VlanTci: value = metadata.VlanTci; return true;
            case Extension.VlanAvail: value = metadata.VlanPresent; return true;
            case Extension.VlanTpid: value = metadata.VlanTpid; return true;
            case Extension.Random: value = metadata.Random; return true;
            default: value = 0; return false;
        }
    }
}
