using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Hachi.Captures.Print;

/// <summary>Addresses as text, appended without an allocation each.</summary>
internal static class AddressText
{
    internal static void Mac(StringBuilder to, ReadOnlySpan<byte> address)
    {
        for (int i = 0; i < address.Length; i++)
        {
            if (i > 0)
                to.Append(':');
            to.Append(CultureInfo.InvariantCulture, $"{address[i]:x2}");
        }
    }

    internal static void Ip(StringBuilder to, ReadOnlySpan<byte> address)
    {
        if (address.Length == 16)
        {
            Ipv6(to, address);
            return;
        }

        for (int i = 0; i < address.Length; i++)
        {
            if (i > 0)
                to.Append('.');
            to.Append(address[i]);
        }
    }

    /// <summary>RFC 5952: lower case, the longest run of two or more zero groups as <c>::</c>.</summary>
    private static void Ipv6(StringBuilder to, ReadOnlySpan<byte> address)
    {
        int best = -1, bestLength = 1, run = 0;
        for (int i = 0; i < 8; i++)
        {
            run = address[2 * i] == 0 && address[(2 * i) + 1] == 0 ? run + 1 : 0;
            if (run > bestLength)
            {
                bestLength = run;
                best = i - run + 1;
            }
        }

        for (int i = 0; i < 8; i++)
        {
            if (i == best)
            {
                to.Append("::");
                i += bestLength - 1;
                continue;
            }

            if (i > 0 && i != best + bestLength)
                to.Append(':');
            to.Append(CultureInfo.InvariantCulture, $"{BinaryPrimitives.ReadUInt16BigEndian(address[(2 * i)..]):x}");
        }
    }
}
