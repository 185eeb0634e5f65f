using Hachi.Captures;
using Hachi.Lang.Pcap.Gen;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Explain;

/// <summary>A capture filter in words.</summary>
/// <param name="Filter">The compiled filter; null when the expression is wrong, or rejects all packets.</param>
/// <param name="Diagnostics">Why there is no filter.</param>
/// <param name="Words">What the expression matches, a line each, indented by two blanks a level; empty when it does not even parse.</param>
/// <param name="Notes">What each instruction of the program is for.</param>
/// <param name="Traps">What may surprise: warnings first, each with its place in the expression, a few at most.</param>
public sealed record FilterExplanation(
    CaptureFilter? Filter, IReadOnlyList<Diagnostic> Diagnostics, IReadOnlyList<string> Words, IReadOnlyList<string> Notes, IReadOnlyList<Diagnostic> Traps);

/// <summary>Says in words what a capture filter matches, what its instructions are for, and where it may surprise.</summary>
/// <remarks>The words hold names of the expression as they are written: escape them before a terminal sees them.</remarks>
public static class FilterExplainer
{
    /// <summary>Explains an expression. Never throws on bad input.</summary>
    /// <param name="expression">An expression as in pcap-filter(7).</param>
    /// <param name="link">The link type of the packets.</param>
    /// <param name="options">What else it is compiled for; defaults when null.</param>
    public static FilterExplanation Explain(string expression, LinkType link, FilterOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(expression);
        options ??= FilterOptions.Default;
        CaptureFilter.TryCompile(expression, link, options, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> diagnostics);
        ParsedFilter parsed = FilterParser.Parse(expression);
        FilterTree? tree = filter?.Tree ?? (parsed.IsValid ? FilterGenerator.Generate(parsed, link, options).Tree : null);
        if (tree is null)
            return new FilterExplanation(null, diagnostics, [], [], []);
        IReadOnlyList<string> words = new FilterWords(options.Lookup).Describe(parsed.Root);
        IReadOnlyList<string> notes = filter is null ? [] : new ProgramNotes(filter).Describe();
        return new FilterExplanation(filter, diagnostics, words, notes, new FilterTraps(parsed, tree, options).Find());
    }
}
