using Hachi.Captures;

namespace Hachi.Vm.Jit;

/// <summary>What emitted code calls.</summary>
internal static unsafe class IlHelpers
{
    internal delegate uint ReadExtension(uint number, uint a, uint x, byte* packet, uint length, PacketMetadata* metadata);

    internal delegate int WalkChain(uint basis, uint offset, uint protocol, uint version, byte* packet, uint length);

    /// <summary>Reads a Linux packet extension; the emitter has made sure that there is one of that number.</summary>
    internal static uint Extension(uint number, uint a, uint x, byte* packet, uint length, PacketMetadata* metadata)
    {
        _ = PacketExtensions.TryRead(number, ref a, x, new ReadOnlySpan<byte>(packet, (int)length), *metadata);
        return a;
    }

    /// <summary>The walk over a chain of headers: 1 found, 0 not found, -1 reject.</summary>
    internal static int Chain(uint basis, uint offset, uint protocol, uint version, byte* packet, uint length) =>
        HeaderChain.Find(new ReadOnlySpan<byte>(packet, (int)length), (long)basis + offset, protocol, version);
}
