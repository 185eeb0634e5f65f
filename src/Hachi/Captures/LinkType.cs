using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Hachi.Captures;

/// <summary>
/// What the first header of a packet is: a link-layer type by its DLT number (the values of Linux). Files carry another number for a few of them
/// (<see cref="FileValue"/>).
/// </summary>
/// <param name="Dlt">The DLT number, for example 1 for Ethernet.</param>
public readonly record struct LinkType(int Dlt)
{
#pragma warning disable CS1591 // the names are libpcap's, by rule
    public static LinkType Null => new(0);
    public static LinkType Ethernet => new(1);
    public static LinkType Ieee802 => new(6);
    public static LinkType Slip => new(8);
    public static LinkType Ppp => new(9);
    public static LinkType Fddi => new(10);
    public static LinkType AtmRfc1483 => new(11);
    public static LinkType Raw => new(12);
    public static LinkType PppSerial => new(50);
    public static LinkType PppEther => new(51);
    public static LinkType CHdlc => new(104);
    public static LinkType Ieee80211 => new(105);
    public static LinkType Loop => new(108);
    public static LinkType Enc => new(109);
    public static LinkType LinuxSll => new(113);
    public static LinkType PfLog => new(117);
    public static LinkType Ieee80211Radio => new(127);
    public static LinkType Ppi => new(192);
    public static LinkType Mpls => new(219);
    public static LinkType IPv4 => new(228);
    public static LinkType IPv6 => new(229);
    public static LinkType Nflog => new(239);
    public static LinkType Netlink => new(253);
    public static LinkType LinuxSll2 => new(276);
#pragma warning restore CS1591

    /// <summary>The name without <c>DLT_</c>, for example <c>EN10MB</c>; for a number that nobody registered, the number.</summary>
    public string Name => Row is { } row ? row.Name : Dlt.ToString(CultureInfo.InvariantCulture);

    /// <summary>What it is in words, as capture tools print it, for example <c>Ethernet</c>; for a number that nobody registered, <c>DLT</c> and the number.</summary>
    public string Description => Row is { } row ? row.Description : string.Create(CultureInfo.InvariantCulture, $"DLT {Dlt}");

    /// <summary>Whether the number is a registered one.</summary>
    public bool IsKnown => Row is not null;

    /// <summary>The LINKTYPE_ number that stands in capture files.</summary>
    public int FileValue
    {
        get
        {
            foreach ((int dlt, int file) in LinkTypeTable.FileNumbers)
                if (dlt == Dlt)
                    return file;
            return Dlt;
        }
    }

    /// <summary>Every registered type, ordered by number.</summary>
    public static IReadOnlyList<LinkType> All { get; } = MakeAll();

    private LinkTypeTable.Row? Row
    {
        get
        {
            ReadOnlySpan<LinkTypeTable.Row> rows = LinkTypeTable.Rows;
            int low = 0, high = rows.Length - 1;
            while (low <= high)
            {
                int middle = (low + high) >>> 1;
                int dlt = rows[middle].Dlt;
                if (dlt == Dlt)
                    return rows[middle];
                if (dlt < Dlt)
                    low = middle + 1;
                else
                    high = middle - 1;
            }

            return null;
        }
    }

    /// <summary>The type of a LINKTYPE_ number from a capture file. A number that nobody registered is kept as it is.</summary>
    public static LinkType FromFileValue(int value)
    {
        foreach ((int dlt, int file) in LinkTypeTable.FileNumbers)
            if (file == value)
                return new LinkType(dlt);
        return new LinkType(value);
    }

    /// <summary>
    /// Reads a DLT name (any case, with or without <c>DLT_</c> or <c>LINKTYPE_</c>) or a decimal DLT number. The caller's answer to false is
    /// a usage error.
    /// </summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out LinkType linkType)
    {
        linkType = default;
        if (string.IsNullOrEmpty(text))
            return false;
        if (char.IsAsciiDigit(text[0]))
        {
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
                return false;
            linkType = new LinkType(number);
            return true;
        }

        ReadOnlySpan<char> name = text;
        if (name.StartsWith("DLT_", StringComparison.OrdinalIgnoreCase))
            name = name[4..];
        else if (name.StartsWith("LINKTYPE_", StringComparison.OrdinalIgnoreCase))
            name = name[9..];
        foreach (ref readonly LinkTypeTable.Row row in LinkTypeTable.Rows)
        {
            if (name.Equals(row.Name, StringComparison.OrdinalIgnoreCase))
            {
                linkType = new LinkType(row.Dlt);
                return true;
            }
        }

        foreach ((string alias, int dlt) in LinkTypeTable.Aliases)
        {
            if (name.Equals(alias, StringComparison.OrdinalIgnoreCase))
            {
                linkType = new LinkType(dlt);
                return true;
            }
        }

        return false;
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    private static LinkType[] MakeAll()
    {
        ReadOnlySpan<LinkTypeTable.Row> rows = LinkTypeTable.Rows;
        var all = new LinkType[rows.Length];
        for (int i = 0; i < all.Length; i++)
            all[i] = new LinkType(rows[i].Dlt);
        return all;
    }
}
