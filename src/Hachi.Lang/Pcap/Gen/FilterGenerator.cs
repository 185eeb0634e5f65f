using Hachi.Captures;
using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>What <see cref="FilterGenerator.Generate"/> makes of an expression.</summary>
/// <param name="Tree">The resolved filter, or null if there is an error.</param>
/// <param name="Diagnostics">Empty, or one error.</param>
public sealed record GeneratedFilter(FilterTree? Tree, IReadOnlyList<Diagnostic> Diagnostics);

/// <summary>
/// From a parsed expression to a resolved filter for one link type: names looked up, qualifiers spelled out, offsets known. The tree decides what the
/// unoptimised program of libpcap 1.11 decides, for every packet, truncated ones included: the same loads and tests in the same order.
/// </summary>
public static class FilterGenerator
{
    /// <summary>Generates. Never throws on bad input: errors, the parser's included, are in the result, with libpcap's texts.</summary>
    public static GeneratedFilter Generate(ParsedFilter parsed, LinkType link, FilterOptions options)
    {
        var generation = new Generation(link, options);
        return parsed.IsValid ? generation.Run(parsed.Root) : generation.RunFailed(parsed);
    }
}
