using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hachi.Bench;

/// <summary>A filter written by hand.</summary>
internal delegate bool Predicate(ReadOnlySpan<byte> packet, uint wireLength);

/// <summary>The limit: a loop over one pcap layout with the tests written out, as somebody who has only this one job would.</summary>
internal static class HandWritten
{
    private const int BufferBytes = 256 * 1024;

    public static Predicate? Find(string name) => name switch
    {
        "all" => static (_, _) => true,
        "greater 1000" => static (_, wire) => wire >= 1000,
        "tcp" => Tcp,
        "tcp port 443" => Https,
        "one host" => Host,
        "mpls and tcp" => Mpls,
        _ => null,
    };

    public static void Filter(Predicate predicate, string capture, string output)
    {
        using var input = new FileStream(capture, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        using var to = new FileStream(output, FileMode.Create, FileAccess.Write, FileShare.Read, 0);
        byte[] buffer = new byte[BufferBytes], pending = new byte[BufferBytes];
        input.ReadExactly(buffer, 0, 24);
        to.Write(buffer, 0, 24);
        int used = 0, left = 0;
        while (true)
        {
            int got = input.Read(buffer, left, buffer.Length - left);
            if (got == 0)
                break;
            int end = left + got, at = 0;
            while (end - at >= 16)
            {
                ref byte record = ref MemoryMarshal.GetArrayDataReference(buffer);
                int length = Unsafe.ReadUnaligned<int>(ref Unsafe.Add(ref record, at + 8));
                if (end - at - 16 < length)
                    break;
                if (predicate(buffer.AsSpan(at + 16, length), Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref record, at + 12))))
                {
                    if (used + 16 + length > pending.Length)
                    {
                        to.Write(pending, 0, used);
                        used = 0;
                    }
                    buffer.AsSpan(at, 16 + length).CopyTo(pending.AsSpan(used));
                    used += 16 + length;
                }
                at += 16 + length;
            }
            left = end - at;
            buffer.AsSpan(at, left).CopyTo(buffer);
        }
        to.Write(pending, 0, used);
    }

    private static bool Tcp(ReadOnlySpan<byte> p, uint wire)
    {
        if (p.Length < 24)
            return false;
        uint type = BinaryPrimitives.ReadUInt16BigEndian(p[12..]);
        return type == 0x0800 ? p[23] == 6 : type == 0x86dd && (p[20] == 6 || (p[20] == 44 && p.Length > 54 && p[54] == 6));
    }

    private static bool Https(ReadOnlySpan<byte> p, uint wire)
    {
        if (p.Length < 24)
            return false;
        uint type = BinaryPrimitives.ReadUInt16BigEndian(p[12..]);
        int ports;
        if (type == 0x0800 && p[23] == 6 && (p[20] & 0x1f) == 0 && p[21] == 0)
            ports = 14 + (4 * (p[14] & 15));
        else if (type == 0x86dd && p[20] == 6)
            ports = 54;
        else
            return false;
        return p.Length >= ports + 4 && (BinaryPrimitives.ReadUInt16BigEndian(p[ports..]) == 443 || BinaryPrimitives.ReadUInt16BigEndian(p[(ports + 2)..]) == 443);
    }

    private static bool Host(ReadOnlySpan<byte> p, uint wire)
    {
        const uint address = 0xc0a8010a;
        if (p.Length < 34)
            return false;
        uint type = BinaryPrimitives.ReadUInt16BigEndian(p[12..]);
        int at = type == 0x0800 ? 26 : type is 0x0806 or 0x8035 ? 28 : 0;
        int other = type == 0x0800 ? 30 : 38;
        return at != 0 && (BinaryPrimitives.ReadUInt32BigEndian(p[at..]) == address || (p.Length >= other + 4 && BinaryPrimitives.ReadUInt32BigEndian(p[other..]) == address));
    }

    private static bool Mpls(ReadOnlySpan<byte> p, uint wire) =>
        p.Length >= 38 && p[12] == 0x88 && p[13] == 0x47 && BinaryPrimitives.ReadUInt32BigEndian(p[14..]) >> 12 == 100 && (p[16] & 1) != 0
        && (p[18] >> 4 == 4 ? p[27] == 6 : p[18] >> 4 == 6 && p[24] == 6);
}
