using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

/// <summary>What a word of a trace script is.</summary>
internal enum TokenKind : byte
{
    End,
    Identifier,

    /// <summary><c>$name</c>; the text has no dollar sign.</summary>
    Variable,

    /// <summary><c>@name</c> or <c>@</c>; the text has no at sign.</summary>
    Map,
    Integer,
    String,

    /// <summary><c>$1</c>.</summary>
    Positional,

    /// <summary><c>$#</c>.</summary>
    PositionalCount,

    /// <summary>An operator or a bracket; the text says which.</summary>
    Symbol,

    /// <summary>The slash that ends a predicate: a brace follows.</summary>
    EndPredicate,
}

/// <summary>A word of a script.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text: a name without its sign, a string's contents, else as written.</param>
/// <param name="Span">Where it stands.</param>
internal readonly record struct Token(TokenKind Kind, string Text, TextSpan Span)
{
    /// <summary>Value of an integer, or number of a positional parameter.</summary>
    public ulong Value { get; init; }

    /// <summary>Whether an integer was written as a duration: its value is in nanoseconds.</summary>
    public bool IsDuration { get; init; }

    /// <summary>Whether it is this operator or bracket.</summary>
    public bool Is(string symbol) => Kind == TokenKind.Symbol && Text == symbol;

    /// <summary>Whether it is this word.</summary>
    public bool IsWord(string word) => Kind == TokenKind.Identifier && Text == word;
}
