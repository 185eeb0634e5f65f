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
                return metadata.TryGet(number, out a);
        }
    }
}
