namespace Hachi.Vm;

/// <summary>The loop behind <c>protochain</c>, as libpcap's generated code runs it, with the interpreter's limit on backward jumps.</summary>
internal static class HeaderChain
{
    private const uint HopByHop = 0, Routing = 43, Fragment = 44, Authentication = 51, NoNext = 59, Destination = 60;

    /// <summary>Whether the chain that starts with the IP header at <paramref name="start"/> holds a protocol: 1 yes, 0 no, -1 a load lay outside (or the walk does not end).</summary>
    public static int Find(ReadOnlySpan<byte> packet, long start, uint protocol, uint version)
    {
        if (!TryLoad(packet, start + (version == 4 ? 9 : 6), out uint next))
            return -1;
        uint at = 40;
        if (version == 4)
        {
            if (!TryLoad(packet, start, out uint first))
                return -1;
            at = 4 * (first & 0xf);
        }
        for (int fuel = ClassicInterpreter.DefaultFuel; fuel >= 0; fuel--)
        {
            if (next == protocol || next == NoNext)
                break;
            bool isOption = version == 6 && next is HopByHop or Destination or Routing or Fragment;
            if (!(version == 6 && isOption) && next != Authentication)
                break;
            if (!TryLoad(packet, start + at, out uint following) || !TryLoad(packet, start + at + 1, out uint length))
                return -1;
            // The length of an authentication header replaces the position instead of advancing it: so does libpcap's code.
            at = next == Authentication ? (length + 2) * 4 : at + (length + 1) * 8;
            next = following;
            if (fuel == 0)
                return -1;
        }
        return next == protocol ? 1 : 0;
    }

    private static bool TryLoad(ReadOnlySpan<byte> packet, long at, out uint value)
    {
        bool inside = at >= 0 && at < packet.Length;
        value = inside ? packet[(int)at] : 0u;
        return inside;
    }
}
