using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>What <see cref="FilterParser.Parse"/> makes of an expression.</summary>
/// <param name="Text">The expression.</param>
/// <param name="Root">The tree; null if there is an error, and for the empty expression, which accepts every packet.</param>
/// <param name="Diagnostics">Empty, or one error.</param>
/// <param name="Completed">
/// After an error: the primitives (<see cref="FilterNode"/>) and values (<see cref="ValueNode"/>) that libpcap would have generated code for
/// before it saw that error, in that order. The first of them that cannot be generated is the error to report: it comes first in libpcap, too.
/// A value is not repeated by the value or relation that contains it unless that is complete as well; then only the container is listed.
/// Without an error: empty.
/// </param>
public sealed record ParsedFilter(string Text, FilterNode? Root, IReadOnlyList<Diagnostic> Diagnostics, IReadOnlyList<SyntaxNode> Completed)
{
    /// <summary>True if there is no error.</summary>
    public bool IsValid => Diagnostics.Count == 0;
}

/// <summary>Parses capture-filter expressions: the language of pcap-filter(7), libpcap 1.11, and the few extensions that its grammar leaves room for.</summary>
/// <remarks>
/// The extensions begin with words that libpcap refuses where they stand, so every expression that libpcap accepts means here what it means there:
/// <c>host|net|port in {…}</c>, <c>in @FILE</c>, <c>anyvlan TERM</c>, <c>inner TERM</c>.
/// </remarks>
public static class FilterParser
{
    /// <summary>How deep parentheses, <c>not</c> and arithmetic may nest.</summary>
    public const int MaxDepth = 200;

    /// <summary>
    /// How many <c>anyvlan</c> and <c>inner</c> may stand in each other: each multiplies the places where headers may be, by three and by six, and with them
    /// the program and its proof.
    /// </summary>
    public const int MaxPrefixes = 3;

    /// <summary>Parses an expression. Never throws: errors are in the result.</summary>
    public static ParsedFilter Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parser = new Parser(text, null);
        FilterNode? root = parser.Run();
        if (parser.Error is null)
            return new ParsedFilter(text, root, [], []);

        // Errors are rare: only then the way there is walked again, and its steps are written down.
        var completed = new List<SyntaxNode>();
        parser = new Parser(text, completed);
        parser.Run();
        return new ParsedFilter(text, null, [parser.Error!], completed);
    }
}
