using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>Sorts of words in a filter expression.</summary>
internal enum TokenKind : byte
{
    None = 0,
    End,
    LexError,

    // Keywords; those with a value carry it in Token.Number.
    Protocol,
    Src,
    Dst,
    Address,
    Host,
    Net,
    Port,
    PortRange,
    Proto,
    ProtoChain,
    Gateway,
    Mask,
    Less,
    Greater,
    Byte,
    Broadcast,
    Multicast,
    And,
    Or,
    Not,
    Len,
    Inbound,
    Outbound,
    IfIndex,
    Encapsulation,
    Type,
    Subtype,
    Dir,
    Llc,
    Pf,
    AtmType,
    Vpi,
    Vci,
    Mtp2,
    Mtp3,

    // Identifiers.
    Number,
    Name,
    Ipv4,
    Ipv6,
    Mac48,
    Mac8,

    // Symbols. From Plus to Rsh: binary operators of arithmetic.
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Amp,
    Bar,
    Caret,
    Lsh,
    Rsh,
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Colon,
    LeftBracket,
    RightBracket,
    LeftParen,
    RightParen,
}

/// <summary>A word: its sort, its place, the number it stands for.</summary>
internal readonly record struct Token(TokenKind Kind, int Start, int Length, uint Number)
{
    public int End => Start + Length;

    public TextSpan Span => new(Start, Length);

    public bool IsArithmetic => Kind is >= TokenKind.Plus and <= TokenKind.Rsh;

    public bool IsRelation => Kind is >= TokenKind.Eq and <= TokenKind.Le;

    /// <summary>What may follow an identifier: where libpcap's parser decides that a number is one.</summary>
    public bool EndsOperand => Kind is TokenKind.And or TokenKind.Or or TokenKind.RightParen or TokenKind.End;
}
