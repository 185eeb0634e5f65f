using System.Text.RegularExpressions;
using Hachi.Captures;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Gen;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Tests.Support;
using Hachi.Text;
using Hachi.Vm;

namespace Hachi.Tests.Pcap;

/// <summary>
/// Random expressions × random packets: what is compiled here against the installed libpcap, unoptimised. Differences are only those of the table below,
/// where 1.11 (whose language this is) means something else than 1.10.3 (which Debian has).
/// </summary>
public sealed partial class LibpcapDifferenceTests
{
    /// <summary>
    /// Three engines in one pass: the tree, the unoptimised and the optimised program. Expressions are dealt to threads, each with a libpcap of its own; the
    /// packets are the same for all.
    /// </summary>
    [Fact]
    public void VerdictsAreThoseOfLibpcapWithoutItsOptimiser()
    {
        Random random = Volume.Random(nameof(VerdictsAreThoseOfLibpcapWithoutItsOptimiser));
        var pool = new RandomFilterOptions();
        var generator = new RandomPackets(random, pool);
        byte[][] packets = [.. Enumerable.Range(0, Volume.Of(3_000, 400)).Select(_ => generator.Next())];
        string path = RandomPackets.Save(packets);
        int count = Volume.Of(200_000, 1_500), shards = Math.Clamp(Environment.ProcessorCount, 1, 4);
        var work = new Shard[shards];
        try
        {
            for (int i = 0; i < shards; i++)
                work[i] = new Shard(LibpcapOracle.Start(), new RandomFilter(new Random(random.Next()), pool), packets, path);
            Parallel.ForEach(work, new ParallelOptions { MaxDegreeOfParallelism = shards }, shard => shard.Run(count / shards));
        }
        finally
        {
            File.Delete(path);
            foreach (Shard shard in work)
                shard?.Oracle.Dispose();
        }

        int compared = work.Sum(shard => shard.Compared);
        long matches = work.Sum(shard => shard.Matches);
        var explained = work.SelectMany(shard => shard.Explained).GroupBy(pair => pair.Key).Select(group => $"{group.Key}: {group.Sum(pair => pair.Value)}");
        string[] wrong = [.. work.SelectMany(shard => shard.Wrong)];
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{count} expressions, {compared} compared on {packets.Length} packets by three engines, {matches} matches; explained: {string.Join(", ", explained)}");
        Assert.True(wrong.Length == 0, string.Join('\n', wrong) + "\n" + Volume.Note);
        Assert.True(compared > count / 2, $"only {compared} of {count} compared");
        Assert.True(matches > 0);
    }

    /// <summary>The expressions of one thread.</summary>
    private sealed class Shard
    {
        private const int WrongMax = 20;

        private static readonly string[] s_engines = ["tree", "unoptimised", "optimised"];

        private readonly RandomFilter _filters;
        private readonly byte[][] _packets;
        private readonly byte[] _bits;

        public Shard(LibpcapOracle oracle, RandomFilter filters, byte[][] packets, string path)
        {
            (Oracle, _filters, _packets) = (oracle, filters, packets);
            _bits = new byte[(packets.Length + 7) / 8];
            Assert.Equal(packets.Length, oracle.Load(path));
        }

        public LibpcapOracle Oracle { get; }

        public int Compared { get; private set; }

        public long Matches { get; private set; }

        public Dictionary<string, int> Explained { get; } = [];

        public List<string> Wrong { get; } = [];

        public void Run(int count)
        {
            for (int i = 0; i < count && Wrong.Count < WrongMax; i++)
            {
                string text = _filters.Expression();
                string? difference = Compare(text);
                if (difference is null)
                    continue;
                if (Reason(text, difference) is { } reason)
                    Explained[reason] = Explained.GetValueOrDefault(reason) + 1;
                else
                    Wrong.Add($"{text}\n    {difference}");
            }
        }

        /// <summary>Null, or what differs.</summary>
        private string? Compare(string text)
        {
            OracleVerdicts there = Oracle.Verdicts(text, optimise: false);
            var options = new FilterOptions { Lookup = NameFiles.Empty, Optimise = false };
            GeneratedFilter generated = FilterGenerator.Generate(FilterParser.Parse(text), LinkType.Ethernet, options);
            if (generated.Tree is not { } tree)
                return there.Error is null ? $"compiles there, here: {generated.Diagnostics[0].Message}" : null;
            if (there.Error is not null)
                return $"compiles here, there: {there.Error}";
            Compared++;
            for (int engine = 0; engine < s_engines.Length; engine++)
            {
                DecodedProgram? program = null;
                if (engine > 0 && !TryProgram(text, options with { Optimise = engine == 2 }, out program, out string? failure))
                    return failure;
                Array.Clear(_bits);
                for (int i = 0; i < _packets.Length; i++)
                    if (engine == 0 ? TreeEvaluator.Matches(tree, _packets[i], _packets[i].Length, default) : program is not null && program.Run(_packets[i], (uint)_packets[i].Length, default) != 0)
                        _bits[i / 8] |= (byte)(1 << (i % 8));
                foreach (byte bits in _bits)
                    Matches += byte.PopCount(bits);
                int at = _bits.AsSpan().CommonPrefixLength(there.Bits);
                if (at < _bits.Length)
                    return Difference(tree, (8 * at) + byte.TrailingZeroCount((byte)(_bits[at] ^ there.Bits[at])), s_engines[engine]);
            }
            return null;
        }

        /// <summary>Null is the program of a filter that rejects everything.</summary>
        private static bool TryProgram(string text, FilterOptions options, out DecodedProgram? program, out string? failure)
        {
            bool isCompiled = CaptureFilter.TryCompile(text, LinkType.Ethernet, options, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> diagnostics);
            program = isCompiled ? new DecodedProgram(filter!.Program) : null;
            failure = isCompiled || diagnostics[0].Message == "expression rejects all packets" ? null : $"no program: {diagnostics[0].Message}";
            return failure is null;
        }

        private string Difference(FilterTree tree, int packet, string engine)
        {
            bool verdict = (_bits[packet / 8] >> (packet % 8) & 1) != 0;
            bool byTree = TreeEvaluator.Matches(tree, _packets[packet], _packets[packet].Length, default);
            return $"{engine}: packet {packet} matches {(verdict ? "here" : "there")}{(verdict == byTree ? "" : NotByTree)}: {Convert.ToHexString(_packets[packet])}";
        }
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
