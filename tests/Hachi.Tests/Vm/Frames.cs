using System.Buffers.Binary;

namespace Hachi.Tests.Vm;

/// <summary>Frames put together header by header, for tests that need an odd one.</summary>
internal static class Frames
{
    public static byte[] Ethernet(int etherType, byte[] payload, byte destination = 2) =>
        [2, 0, 0, 0, 9, destination, 2, 0, 0, 0, 0, 1, (byte)(etherType >> 8), (byte)etherType, .. payload];

    public static byte[] Ipv4(byte protocol, byte[] payload, int optionWords = 0, int fragment = 0)
    {
        byte[] header = new byte[20 + 4 * optionWords];
        header[0] = (byte)(0x45 + optionWords);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(header.Length + payload.Length));
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(6), (ushort)fragment);
        header[8] = 64;
        header[9] = protocol;
        header[12] = header[16] = 10;
        header[15] = 1;
        header[19] = 2;
        return [.. header, .. payload];
    }

    public static byte[] Ipv6(byte next, byte[] payload)
    {
        byte[] header = new byte[40];
        header[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(4), (ushort)payload.Length);
        header[6] = next;
        header[7] = 64;
        header[8] = header[24] = 0x20;
        return [.. header, .. payload];
    }

    public static byte[] Tcp(int payload, int dataOffset = 5)
    {
        byte[] segment = new byte[Math.Max(20, 4 * dataOffset) + payload];
        segment[12] = (byte)(dataOffset << 4);
        return segment;
    }

    public static byte[] Attribute(ushort type, byte[] value)
    {
        byte[] attribute = new byte[4 + (value.Length + 3 & ~3)];
        BinaryPrimitives.WriteUInt16LittleEndian(attribute, (ushort)(4 + value.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(attribute.AsSpan(2), type);
        value.CopyTo(attribute, 4);
        return attribute;
    }

    /// <summary>A random stack of headers, sometimes cut short, sometimes with a byte spoiled; room behind it so that lengths fit.</summary>
    public static byte[] Random(Random random)
    {
        (int etherType, byte[] payload) = Network(random, 0);
        byte[] frame = [.. Ethernet(etherType, payload, destination: 3), .. new byte[random.Next(2) * 280]];
        if (random.Next(6) == 0)
            frame[random.Next(14, frame.Length)] = (byte)random.Next(256);
        int atLeast = 24;
        return random.Next(6) == 0 ? frame[..Math.Min(frame.Length, random.Next(atLeast, 90))] : frame.Length < 280 ? [.. frame, .. new byte[280]] : frame;
    }

    private static (int EtherType, byte[] Payload) Network(Random random, int depth)
    {
        if (depth > 5)
            return (0x0800, Ipv4(17, new byte[16]));
        switch (random.Next(12))
        {
            case 0:
                (int vlanType, byte[] vlan) = Network(random, depth + 1);
                return (random.Next(2) == 0 ? 0x8100 : 0x88a8, [(byte)random.Next(256), (byte)random.Next(256), (byte)(vlanType >> 8), (byte)vlanType, .. vlan]);
            case 1:
                return (0x8847, [0, 1, (byte)random.Next(2), 64, .. Ipv4(6, Tcp(4))]);
            case 2:
                (int inner, byte[] ppp) = Network(random, 6);
                _ = inner;
                return (0x8864, [0x11, 0, 0, 1, 0, 30, 0, (byte)(random.Next(4) == 0 ? 0x57 : 0x21), .. ppp]);
            case 3:
                return (0x0806, new byte[28]);
            case 4:
                return (random.Next(3) switch { 0 => 0x88f7, 1 => 0x88ca, _ => 0x8906 }, new byte[60]);
            case 5 or 6 or 7:
                (byte next, byte[] payload) = Transport(random, depth, v6: true);
                return (0x86dd, Ipv6(next, payload));
            default:
                (byte protocol, byte[] data) = Transport(random, depth, v6: false);
                int fragment = random.Next(8) switch { 0 => 0x2000, 1 => 0x0010, 2 => 0x4000, _ => 0 };
                return (0x0800, Ipv4(protocol, data, random.Next(4) == 0 ? random.Next(11) : 0, fragment));
        }
    }

    private static (byte Protocol, byte[] Payload) Transport(Random random, int depth, bool v6)
    {
        switch (random.Next(14))
        {
            case 0 or 1 or 2:
                return (6, Tcp(random.Next(30), random.Next(16)));
            case 3:
                return (17, new byte[20]);
            case 4:
                return ((byte)(random.Next(6) switch { 0 => 1, 1 => 2, 2 => 58, 3 => 132, 4 => 33, _ => 136 }), new byte[24]);
            case 5:
                return ((byte)random.Next(256), new byte[24]);
            case 6 when depth < 6:
                (int type, byte[] inner) = Network(random, depth + 1);
                return type == 0x0800 ? ((byte)4, inner) : type == 0x86dd ? ((byte)41, inner) : ((byte)17, new byte[8]);
            case 7 when depth < 6:
                return (47, Gre(random, depth));
            default:
                if (!v6 || depth > 5)
                    return (17, new byte[12]);
                (byte next, byte[] rest) = Transport(random, depth + 1, v6);
                return random.Next(4) switch
                {
                    0 => ((byte)44, (byte[])[next, 0, 0, (byte)(random.Next(3) * 8), 0, 0, 0, 1, .. rest]),
                    1 => ((byte)0, [next, 1, .. new byte[14], .. rest]),
                    2 => ((byte)43, [next, 0, .. new byte[6], .. rest]),
                    _ => ((byte)60, [next, 2, .. new byte[22], .. rest]),
                };
        }
    }

    private static byte[] Gre(Random random, int depth)
    {
        (int type, byte[] inner) = Network(random, depth + 1);
        int flags = random.Next(8) << 4 << 8 | (random.Next(3) == 0 ? 0x8000 : 0);
        flags &= 0xb000 | (random.Next(8) == 0 ? 0x4000 : 0);
        int optional = ((flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1)) * 4;
        if (random.Next(5) == 0)
            return [(byte)(flags >> 8 | 0x20), 0x81, 0x88, 0x0b, .. new byte[(flags >> 12 & 1) * 4 + (flags >> 15 & 1) * 4 + 8], 0xff, 3, 0, 0x21, .. Ipv4(6, Tcp(3))];
        if (random.Next(3) == 0)
            return [(byte)(flags >> 8), 0, 0x65, 0x58, .. new byte[optional], .. Ethernet(type, inner)];
        return [(byte)(flags >> 8), 0, (byte)(type >> 8), (byte)type, .. new byte[optional], .. inner];
    }
}
