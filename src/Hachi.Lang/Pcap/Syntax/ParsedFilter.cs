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
