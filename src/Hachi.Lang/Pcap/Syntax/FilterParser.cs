namespace Hachi.Lang.Pcap.Syntax;

/// <summary>Parses capture-filter expressions: the language of pcap-filter(7), libpcap 1.11, and the few extensions that its grammar leaves room for.</summary>
public static partial class FilterParser
{
    /// <summary>How deep parentheses, <c>not</c> and arithmetic may nest.</summary>
    public const int MaxDepth = 500;

    /// <summary>Parses an expression. Never throws: errors are in the result.</summary>
    public static ParsedFilter Parse(string text) => throw new NotImplementedException(text);
}
