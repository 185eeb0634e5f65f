using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Hachi.Captures.Sample;

/// <summary>
/// Writes headers into one reused buffer, at given places. Whoever composes a frame writes the payload first and the headers around it after, so that
/// lengths and checksums are right when they are written.
/// </summary>
internal sealed class FrameBuilder
{
    internal const int EthernetBytes = 14, Ipv4Bytes = 20, Ipv6Bytes = 40, UdpBytes = 8, TcpBytes = 20;
    internal const int CapacityBytes = 4096;

    private readonly byte[] _bytes = new byte[CapacityBytes];
    private readonly byte[] _noise = new byte[16 * 1024];

    internal FrameBuilder(ulong seed)
    {
        var random = new SampleRandom(seed);
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(_noise.AsSpan());
        for (int i = 0; i < words.Length; i++)
            words[i] = BitConverter.IsLittleEndian ? random.Next() : BinaryPrimitives.ReverseEndianness(random.Next());
    }

    internal Span<byte> Bytes => _bytes;

    internal Span<byte> At(int at) => _bytes.AsSpan(at);

    internal void Put8(int at, int value) => _bytes[at] = (byte)value;

    internal void Put16(int at, int value) => BinaryPrimitives.WriteUInt16BigEndian(_bytes.AsSpan(at), (ushort)value);

    internal void Put32(int at, uint value) => BinaryPrimitives.WriteUInt32BigEndian(_bytes.AsSpan(at), value);

    /// <summary>Random-looking bytes: a piece of a table, chosen by the caller's number.</summary>
    internal void Noise(int at, int length, int choice) => _noise.AsSpan(choice & 0x1fff, length).CopyTo(_bytes.AsSpan(at));

    /// <summary>A locally administered address of a host; the number 0xffffff is broadcast.</summary>
    internal void Mac(int at, uint host)
    {
        if (host == 0xffffff)
        {
            _bytes.AsSpan(at, 6).Fill(0xff);
            return;
        }

        Put16(at, 0x0200);
        Put32(at + 2, 0x5e000000 | host);
    }

    internal int Ethernet(int at, uint destination, uint source, int type)
    {
        Mac(at, destination);
        Mac(at + 6, source);
        Put16(at + 12, type);
        return at + EthernetBytes;
    }

    internal void Ipv4(int at, int headerBytes, int payloadBytes, int protocol, uint source, uint destination, int id, int fragment, int ttl)
    {
        Put8(at, 0x40 | (headerBytes / 4));
        Put8(at + 1, 0);
        Put16(at + 2, headerBytes + payloadBytes);
        Put16(at + 4, id);
        Put16(at + 6, fragment);
        Put8(at + 8, ttl);
        Put8(at + 9, protocol);
        Put16(at + 10, 0);
        Put32(at + 12, source);
        Put32(at + 16, destination);
        Put16(at + 10, Checksum(_bytes.AsSpan(at, headerBytes), 0));
    }

    /// <summary>Addresses are 2001:db8:0:N::H with N and H from the two halves of a number.</summary>
    internal void Ipv6(int at, int payloadBytes, int nextHeader, uint source, uint destination, int hops)
    {
        Put32(at, 0x60000000 | (source & 0xffff));
        Put16(at + 4, payloadBytes);
        Put8(at + 6, nextHeader);
        Put8(at + 7, hops);
        Ipv6Address(at + 8, source);
        Ipv6Address(at + 24, destination);
    }

    internal void Ipv6Address(int at, uint host)
    {
        Put32(at, 0x20010db8);
        Put32(at + 4, host >> 16);
        Put32(at + 8, 0);
        Put32(at + 12, host & 0xffff);
    }

    internal void Udp(int at, int payloadBytes, int sourcePort, int destinationPort, uint pseudo)
    {
        Put16(at, sourcePort);
        Put16(at + 2, destinationPort);
        Put16(at + 4, UdpBytes + payloadBytes);
        Put16(at + 6, 0);
        if (pseudo == 0)
            return; // a tunnel: no checksum, as RFC 7348 wants it
        int sum = Checksum(_bytes.AsSpan(at, UdpBytes + payloadBytes), pseudo);
        Put16(at + 6, sum == 0 ? 0xffff : sum);
    }

    /// <summary>Sum of an IPv4 pseudo-header, for <see cref="Checksum"/>.</summary>
    internal static uint Pseudo4(uint source, uint destination, int protocol, int length) =>
        (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) + (uint)protocol + (uint)length;

    /// <summary>The same of IPv6, of addresses as <see cref="Ipv6Address"/> makes them.</summary>
    internal static uint Pseudo6(uint source, uint destination, int protocol, int length) =>
        (2 * (0x2001u + 0x0db8u)) + (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) + (uint)protocol + (uint)length;

    /// <summary>The Internet checksum (RFC 1071) over bytes and an initial sum.</summary>
    internal static int Checksum(ReadOnlySpan<byte> bytes, uint initial)
    {
        ulong sum = initial;
        while (bytes.Length >= 8)
        {
            ulong word = BinaryPrimitives.ReadUInt64BigEndian(bytes);
            sum += (word >> 32) + (uint)word;
            bytes = bytes[8..];
        }

        while (bytes.Length >= 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
            bytes = bytes[2..];
        }

        if (bytes.Length == 1)
            sum += (uint)bytes[0] << 8;
        while (sum >> 16 != 0)
            sum = (sum & 0xffff) + (sum >> 16);
        return (int)(ushort)~sum;
    }

    /// <summary>The checksum of SCTP (RFC 9260): CRC-32C, low byte first.</summary>
    internal static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        uint crc = 0xffffffff;
        foreach (byte b in bytes)
            crc = System.Numerics.BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
