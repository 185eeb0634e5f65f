using System.Buffers.Binary;

namespace Hachi.Tests.Support;

/// <summary>
/// Ethernet frames with what filters look for: the addresses and ports of a <see cref="RandomFilterOptions"/>, options, fragments, extension headers,
/// tags, labels, tunnels, LLC; a part of them cut short anywhere.
/// </summary>
internal sealed class RandomPackets(Random random, RandomFilterOptions pool)
{
    private readonly byte[] _bytes = new byte[2048];
    private int _at;

    /// <summary>One frame.</summary>
    public byte[] Next()
    {
        _at = 0;
        Ethernet(2);
        int length = Math.Max(_at, 14);
        if (Chance(15))
            length = random.Next(length + 1);
        return _bytes.AsSpan(0, length).ToArray();
    }

    /// <summary>Writes frames as a pcap file for libpcap, and returns its path.</summary>
    public static string Save(IEnumerable<byte[]> packets)
    {
        string path = Path.Combine(Path.GetTempPath(), $"hachi-{Environment.ProcessId}-{Guid.NewGuid():N}.pcap");
        using FileStream file = File.Create(path);
        Span<byte> header = stackalloc byte[24];
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0xa1b2c3d4);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], 262144);
        BinaryPrimitives.WriteInt32LittleEndian(header[20..], LibpcapOracle.Ethernet);
        file.Write(header);
        foreach (byte[] packet in packets)
        {
            header[..16].Clear();
            BinaryPrimitives.WriteInt32LittleEndian(header[8..], packet.Length);
            BinaryPrimitives.WriteInt32LittleEndian(header[12..], packet.Length);
            file.Write(header[..16]);
            file.Write(packet);
        }
        return path;
    }

    private bool Chance(int percent) => random.Next(100) < percent;

    private T Pick<T>(T[] from) => from[random.Next(from.Length)];

    private void Put8(int value) => _bytes[_at++] = (byte)value;

    private void Put16(int value)
    {
        Put8(value >> 8);
        Put8(value);
    }

    private void Put32(uint value)
    {
        Put16((int)(value >> 16));
        Put16((int)(value & 0xffff));
    }

    private void Noise(int length)
    {
        random.NextBytes(_bytes.AsSpan(_at, length));
        _at += length;
    }

    private void Mac()
    {
        foreach (string part in Pick(pool.Mac).Split(':'))
            Put8(Convert.ToInt32(part, 16));
    }

    private void Ip4Address()
    {
        foreach (string part in Pick(pool.Ip4).Split('.'))
            Put8(int.Parse(part, System.Globalization.CultureInfo.InvariantCulture));
    }

    private void Ip6Address()
    {
        System.Net.IPAddress.Parse(Pick(pool.Ip6)).TryWriteBytes(_bytes.AsSpan(_at), out _);
        _at += 16;
    }

    private void Ethernet(int depth)
    {
        Mac();
        Mac();
        while (Chance(18))
        {
            Put16(Pick<int>([0x8100, 0x88a8, 0x9100]));
            Put16(Pick<int>([1, 10, 100, 200, 4095]) | (random.Next(8) << 13));
        }
        int kind = random.Next(100);
        if (kind < 8)
            Llc();
        else if (kind < 14)
            Arp();
        else if (kind < 19)
            Mpls(depth);
        else if (kind < 24)
            Pppoe(depth);
        else if (kind < 27)
        {
            Put16(Pick<int>([0x6003, 0x6004, 0x6001, 0x6002, 0x6007, 0x809b, 0x80f3, 0x88cc, 0x9000, 0x8137]));
            Noise(random.Next(60));
        }
        else
        {
            bool six = Chance(30);
            Put16(six ? 0x86dd : 0x0800);
            Ip(six, depth);
        }
    }

    private void Ip(bool six, int depth)
    {
        if (six)
            Ip6(depth);
        else
            Ip4(depth);
    }

    private void Llc()
    {
        Put16(random.Next(1501));
        Put16(Pick<int>([0xaaaa, 0xfefe, 0x4242, 0xe0e0, 0xf0f0, 0x0606, 0xffff, 0x0000]));
        Put8(Pick<int>([0x03, 0x63, 0x01, 0x05, 0x09, 0x0f, 0x6f, 0xe3, 0xaf, 0x87, 0x43, random.Next(256)]));
        Put8(Pick<int>([0x08, 0x00, 0x81, 0x82, 0x83]));
        Noise(2);
        Put16(Pick<int>([0x809b, 0x80f3, 0x0800]));
        Noise(random.Next(40));
    }

    private void Arp()
    {
        Put16(Chance(80) ? 0x0806 : 0x8035);
        Put32(0x00010800);
        Put32((uint)(0x06040000 | random.Next(1, 5)));
        Mac();
        Ip4Address();
        Mac();
        Ip4Address();
    }

    private void Mpls(int depth)
    {
        Put16(0x8847);
        bool more;
        do
        {
            more = Chance(40);
            Put32(((uint)Pick<int>([16, 100, 1000]) << 12) | (more ? 0u : 0x100) | 64);
        }
        while (more);
        Ip(Chance(40), depth);
    }

    private void Pppoe(int depth)
    {
        bool session = Chance(70);
        Put16(session ? 0x8864 : 0x8863);
        Put16(0x1100);
        Put16(random.Next(100));
        Put16(100);
        bool six = Chance(40);
        Put16(session ? (six ? 0x0057 : 0x0021) : random.Next(65536));
        Ip(six, depth);
    }

    private void Ip4(int depth)
    {
        int protocol = Pick<int>([6, 6, 6, 17, 17, 17, 17, 1, 2, 132, 103, 112, 50, 51, 9, 41, 4, 58]);
        int options = Chance(20) ? random.Next(1, 11) : 0;
        Put8(0x45 + options);
        Put8(random.Next(256));
        Put16(20 + 4 * options + random.Next(1400));
        Put16(random.Next(65536));
        Put16(Chance(12) ? random.Next(1, 0x2000) : Pick<int>([0, 0x4000, 0x2000]));
        Put8(64);
        Put8(protocol);
        Put16(random.Next(65536));
        Ip4Address();
        Ip4Address();
        Noise(4 * options);
        Transport(protocol, depth);
    }

    private void Ip6(int depth)
    {
        int protocol = Pick<int>([6, 6, 17, 17, 58, 132, 0, 44, 60, 43, 51, 59]);
        Put32(0x60000000);
        Put16(random.Next(1400));
        Put8(protocol);
        Put8(64);
        Ip6Address();
        Ip6Address();
        for (int i = 0; i < 3 && protocol is 0 or 44 or 60 or 43 or 51; i++)
        {
            int next = Pick<int>([6, 17, 58, 44, 60]);
            Put8(next);
            Put8(0);
            Noise(6);
            protocol = next;
        }
        Transport(protocol, depth);
    }

    private void Transport(int protocol, int depth)
    {
        int ports = Chance(85) ? Pick(pool.Ports) : random.Next(65536);
        switch (protocol)
        {
            case 6:
                Put16(ports);
                Put16(Pick(pool.Ports));
                Noise(8);
                Put8(0x50);
                Put8(Pick<int>([0x02, 0x12, 0x10, 0x18, 0x11, 0x04]));
                Noise(6);
                break;
            case 17 when depth > 0 && Chance(25):
                Tunnel(depth);
                return;
            case 17 or 132:
                Put16(Pick(pool.Ports));
                Put16(ports);
                Noise(4);
                break;
            case 1 or 58:
                Put8(Pick<int>([0, 3, 8, 11, 128, 129, 135]));
                break;
        }
        Noise(random.Next(60));
    }

    private void Tunnel(int depth)
    {
        bool geneve = Chance(60);
        Put16(random.Next(65536));
        Put16(geneve ? 6081 : 4789);
        Put32(0);
        if (geneve)
        {
            int options = Chance(30) ? random.Next(1, 4) : 0;
            Put8(options);
            Put8(0);
            Put16(Pick<int>([0x6558, 0x6558, 0x6558, 0x0800, 0x86dd]));
            bool ethernet = _bytes[_at - 2] == 0x65;
            bool six = _bytes[_at - 2] == 0x86;
            Put32((uint)random.Next(100) << 8);
            Noise(4 * options);
            if (ethernet)
                Ethernet(depth - 1);
            else
                Ip(six, depth - 1);
            return;
        }
        Put32(0x08000000);
        Put32((uint)random.Next(100) << 8);
        Ethernet(depth - 1);
    }
}
