using System.Text.RegularExpressions;
using Hachi.Captures;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Gen;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Tests.Support;
using Hachi.Text;

namespace Hachi.Tests.Pcap;

/// <summary>
/// Random expressions × random packets: what is compiled here against the installed libpcap, unoptimised. Differences are only those of the table below,
/// where 1.11 (whose language this is) means something else than 1.10.3 (which Debian has).
/// </summary>
public sealed partial class LibpcapDifferenceTests
{
    [Theory]
    [InlineData("tree")]
    [InlineData("unoptimised")]
    [InlineData("optimised")]
    public void VerdictsAreThoseOfLibpcapWithoutItsOptimiser(string engine)
    {
        using LibpcapOracle oracle = LibpcapOracle.Start();
        Random random = Volume.Random(nameof(VerdictsAreThoseOfLibpcapWithoutItsOptimiser));
        var pool = new RandomFilterOptions();
        var filters = new RandomFilter(random, pool);
        var generator = new RandomPackets(random, pool);
        byte[][] packets = [.. Enumerable.Range(0, Volume.Of(3_000, 400)).Select(_ => generator.Next())];
        string path = RandomPackets.Save(packets);
        Assert.Equal(packets.Length, oracle.Load(path));
        File.Delete(path);

        int count = Volume.Of(200_000, 1_500);
        int compared = 0;
        int matches = 0;
        var explained = new Dictionary<string, int>();
        var wrong = new List<string>();
        for (int i = 0; i < count && wrong.Count < 20; i++)
        {
            string text = filters.Expression();
            string? difference = Compare(oracle, text, engine, packets, ref compared, ref matches);
            if (difference is null)
                continue;
            if (Reason(text, difference) is { } reason)
                explained[reason] = explained.GetValueOrDefault(reason) + 1;
            else
                wrong.Add($"{text}\n    {difference}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} expressions, {compared} compared on {packets.Length} packets, {matches} matches; explained: {string.Join(", ", explained)}");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong) + "\n" + Volume.Note);
        Assert.True(compared > count / 2, $"only {compared} of {count} compared");
        Assert.True(matches > 0);
    }

    /// <summary>Null, or what differs.</summary>
    private static string? Compare(LibpcapOracle oracle, string text, string engine, byte[][] packets, ref int compared, ref int matches)
    {
        OracleVerdicts there = oracle.Verdicts(text, optimise: false);
        var options = new FilterOptions { Lookup = NameFiles.Empty, Optimise = engine == "optimised" };
        GeneratedFilter generated = FilterGenerator.Generate(FilterParser.Parse(text), LinkType.Ethernet, options);
        if (generated.Tree is not { } tree)
            return there.Error is null ? $"compiles there, here: {generated.Diagnostics[0].Message}" : null;
        if (there.Error is not null)
            return $"compiles here, there: {there.Error}";
        CaptureFilter? filter = null;
        if (engine != "tree" && !CaptureFilter.TryCompile(text, LinkType.Ethernet, options, out filter, out IReadOnlyList<Diagnostic> diagnostics)
            && diagnostics[0].Message != "expression rejects all packets")
            return $"no program: {diagnostics[0].Message}";
        compared++;
        for (int i = 0; i < packets.Length; i++)
        {
            bool byTree = TreeEvaluator.Matches(tree, packets[i], packets[i].Length, default);
            bool verdict = engine == "tree" ? byTree : filter is not null && filter.Matches(packets[i]);
            matches += verdict ? 1 : 0;
            if (verdict != ((there.Bits[i / 8] >> (i % 8) & 1) != 0))
                return $"packet {i} {(verdict ? "matches here" : "matches there")}{(verdict == byTree ? "" : NotByTree)}: {Convert.ToHexString(packets[i])}";
        }
        return null;
    }

    private const string NotByTree = " (but not by its tree)";

    private static string? Reason(string text, string difference)
    {
        if (difference.Contains(NotByTree))
            return null;
        foreach ((Regex words, string reason) in s_table)
            if (words.IsMatch(text))
                return reason;
        return null;
    }

    private static readonly (Regex Words, string Reason)[] s_table =
    [
        (Geneve(), "where geneve was not reached, libpcap reads what a sub-expression left in the scratch word of its offset; here that is 0"),
        (IpMulticast(), "1.10.3 takes 240.0.0.0/4 for multicast, too"),
        (Everything(), "1.10.3 loads an address to compare none of its bits, and rejects packets cut before it"),
        (Isis(), "1.10.3 compares the whole byte of the IS-IS PDU type, and the wrong one in some places"),
    ];

    [GeneratedRegex(@"\bgeneve\b.*(\band\b|\bor\b|&&|\|\|)")]
    private static partial Regex Geneve();

    [GeneratedRegex(@"\bip multicast\b")]
    private static partial Regex IpMulticast();

    [GeneratedRegex(@"::/\d|0\.0\.0\.0/0")]
    private static partial Regex Everything();

    [GeneratedRegex(@"\b(l1|l2|iih|lsp|snp|csnp|psnp)\b")]
    private static partial Regex Isis();
}
