using Hachi.Captures;

namespace Hachi.Tests.Pcap.Gen;

/// <summary>Packets on which a listing takes as many of its branches as can be found.</summary>
internal static class Probes
{
    /// <summary>
    /// The captures' packets, and packets found by running the listing, looking at what a branch compared, and changing those bytes so that it goes the other
    /// way; a quarter of them cut short anywhere.
    /// </summary>
    public static List<(byte[] Data, PacketMetadata Metadata)> Of(Listing listing, Random random, int rounds, ref int reached)
    {
        var made = new List<(byte[] Data, PacketMetadata Metadata)>();
        foreach ((_, List<Packet> packets) in Corpus.Captures.Values)
            foreach (Packet packet in packets)
                made.Add((packet.Data, default));
        var queue = new List<(byte[] Data, PacketMetadata Metadata)> { (new byte[256], default), (Filled(random, 256), default) };
        var edges = new HashSet<(int, bool)>();
        var trace = new List<Taken>();
        for (int round = 0; round < rounds; round++)
        {
            (byte[] data, PacketMetadata metadata) = queue[random.Next(queue.Count)];
            data = (byte[])data.Clone();
            trace.Clear();
            listing.Run(data, (uint)data.Length, metadata, trace);
            if (trace.Count > 0)
                Turn(Choose(trace, edges, random), data, ref metadata, random);
            if (random.Next(4) == 0)
                data = data[..random.Next(data.Length + 1)];
            trace.Clear();
            listing.Run(data, (uint)data.Length, metadata, trace);
            made.Add((data, metadata));
            bool isNew = false;
            foreach (Taken taken in trace)
                isNew |= edges.Add((taken.Line, taken.IsTrue));
            if (isNew)
                queue.Add((data.Length < 256 ? [.. data, .. new byte[256 - data.Length]] : data, metadata));
        }

        reached += edges.Count;
        return made;
    }

    /// <summary>A branch whose other way is still unknown, mostly.</summary>
    private static Taken Choose(List<Taken> trace, HashSet<(int, bool)> edges, Random random)
    {
        int start = random.Next(trace.Count);
        for (int i = 0; i < trace.Count && random.Next(8) != 0; i++)
        {
            Taken taken = trace[(start + i) % trace.Count];
            if (!edges.Contains((taken.Line, !taken.IsTrue)))
                return taken;
        }

        return trace[start];
    }

    private static void Turn(Taken taken, byte[] data, ref PacketMetadata metadata, Random random)
    {
        metadata.VlanPresent = (uint)random.Next(2);
        metadata.PacketType = (uint)random.Next(6);
        metadata.InterfaceIndex = (uint)random.Next(9, 12);
        metadata.VlanTci = random.Next(2) == 0 ? taken.Value : (uint)random.Next(0x10000);
        if (taken.From is not { } from)
            return;
        uint value = taken.Op == "jset" ? taken.IsTrue ? 0 : taken.Value & (uint)random.Next() : taken.Value + (uint)(random.Next(8) == 0 ? random.Next(-1, 2) : 0);
        if (taken.Op is "jgt" or "jge" && random.Next(2) == 0)
            value += (uint)random.Next(-2, 3);
        Span<byte> bytes = data.AsSpan(from.Offset, from.Size);
        uint old = 0;
        foreach (byte b in bytes)
            old = (old << 8) | b;
        value = (value & from.Mask) | (old & ~from.Mask);
        for (int i = from.Size - 1; i >= 0; i--, value >>= 8)
            bytes[i] = (byte)value;
    }

    private static byte[] Filled(Random random, int length)
    {
        var data = new byte[length];
        random.NextBytes(data);
        return data;
    }
}
