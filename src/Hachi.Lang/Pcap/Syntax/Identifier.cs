using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>What sort of identifier a primitive has; in brackets the token of libpcap's grammar.</summary>
public enum IdKind : byte
{
    /// <summary>A name, maybe written with a backslash (ID; libpcap's gen_scode).</summary>
    Name,

    /// <summary>A number (NUM; gen_ncode without text).</summary>
    Number,

    /// <summary>Two to four numbers with dots between them: an IPv4 address or network, a DECnet address (HID; gen_ncode with text).</summary>
    Ipv4,

    /// <summary>The same and <c>/prefix</c> (gen_mcode).</summary>
    Ipv4Prefix,

    /// <summary>The same and <c>mask</c> and another (gen_mcode).</summary>
    Ipv4Mask,

    /// <summary>An IPv6 address (HID6; gen_mcode6 with 128).</summary>
    Ipv6,

    /// <summary>The same and <c>/prefix</c> (gen_mcode6).</summary>
    Ipv6Prefix,

    /// <summary>A MAC-48 address (EID; gen_ecode).</summary>
    Mac48,

    /// <summary>A MAC-8 address, <c>$</c> and one or two hexadecimal digits (AID; gen_acode).</summary>
    Mac8,

    /// <summary>Beyond libpcap, in sets only: <c>@FILE</c>.</summary>
    File,
}

/// <summary>What a primitive looks for.</summary>
public sealed class Identifier(IdKind kind, string source, TextSpan textSpan, TextSpan span) : SyntaxNode(span)
{
    private readonly string _source = source;

    /// <summary>Its sort.</summary>
    public IdKind Kind { get; } = kind;

    /// <summary>Where <see cref="Text"/> stands: without backslash, <c>@</c> or quotes, and for Prefix and Mask only what is in front of them.</summary>
    public TextSpan TextSpan { get; } = textSpan;

    /// <summary>The name or the address as it is written.</summary>
    public ReadOnlySpan<char> Text => _source.AsSpan(TextSpan.Start, TextSpan.Length);

    /// <summary>Number: its value. Prefix kinds: the prefix length as written (unchecked).</summary>
    public uint Number { get; init; }

    /// <summary>Where the prefix length or the mask is written.</summary>
    public TextSpan MaskSpan { get; init; }

    /// <summary>Mask: the mask as it is written.</summary>
    public ReadOnlySpan<char> MaskText => _source.AsSpan(MaskSpan.Start, MaskSpan.Length);

    /// <summary>Ipv6 kinds: the address, most significant byte first. Mac48: the 48 bits. Mac8: the 8 bits. Otherwise 0.</summary>
    public UInt128 Value { get; init; }
}
