using Hachi.Captures;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Prove;
using Hachi.Tests.Pcap.Gen;
using Hachi.Tests.Support;
using Hachi.Text;

namespace Hachi.Tests.Pcap;

/// <summary>The prover: what is compiled is proved, and what is damaged is refuted by a packet.</summary>
public sealed class ProveTests
{
    private const string Loops = "the program loops";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_accepted_expression_of_the_tables_is_proved(bool optimise)
    {
        int proved = 0, loops = 0;
        var wrong = new List<string>();
        foreach ((string name, string expression, LinkType link, FilterOptions options) in Rows())
        {
            if (!CaptureFilter.TryCompile(expression, link, options with { Optimise = optimise }, out CaptureFilter? filter, out _))
                continue; // rejects every packet
            FilterProof proof = filter.Prove();
            if (proof.Outcome == ProofOutcome.Proved)
                proved++;
            else if (proof.Reason == Loops && expression.Contains("protochain", StringComparison.Ordinal))
                loops++;
            else
                wrong.Add($"{name}: {Words(proof)}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{proved} proved, {loops} loop");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(proved > 1400 && loops < 10, $"{proved} proved, {loops} loop");
    }

    /// <summary>Every second expression is of libpcap's language, the others use sets, anyvlan, inner and vxlan, too. Each must be proved: undecided fails.</summary>
    [Fact]
    public void Random_expressions_are_proved()
    {
        Random random = Volume.Random(nameof(Random_expressions_are_proved));
        int proved = 0, undecided = 0;
        long steps = 0;
        var wrong = new List<string>();
        int count = Volume.Of(5000, 60);
        for (int i = 0; i < count; i++)
        {
            bool isPlain = i % 2 == 0;
            var source = new RandomFilter(random, new RandomFilterOptions { ProtoChain = false, Extensions = !isPlain, NewWords = !isPlain });
            string expression = source.Expression();
            if (!CaptureFilter.TryCompile(expression, LinkType.Ethernet, new FilterOptions { Optimise = i % 5 != 0 }, out CaptureFilter? filter, out _))
                continue;
            FilterProof proof = filter.Prove();
            steps = Math.Max(steps, proof.Steps);
            if (proof.Outcome == ProofOutcome.Proved)
                proved++;
            else if (proof.Outcome == ProofOutcome.Undecided && Words(proof).Contains("arithmetic on several words", StringComparison.Ordinal))
                undecided++;
            else
                wrong.Add($"{(i % 5 != 0 ? "" : "-O0 ")}{expression}: {Words(proof)}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{proved} proved of {count}, {undecided} undecided for their arithmetic, none in more than {steps} steps");
        Assert.True(undecided <= Math.Max(2, count / 50), $"{undecided} of {count} undecided; {Volume.Note}"); // remainders and products of several loaded words
        Assert.True(wrong.Count == 0, $"{proved} proved, {wrong.Count} not; {Volume.Note}\n" + string.Join('\n', wrong));
    }

    /// <summary>As deep as these two may stand in each other, in every order, with the full counts (tens of millions of steps); two deep always.</summary>
    [Fact]
    public void Tunnels_in_tunnels_are_proved()
    {
        string[] expressions = Volume.IsFull
            ? ["inner inner anyvlan port 22", "anyvlan inner inner not port 22", "inner anyvlan inner host 10.0.0.1", "inner inner inner udp"]
            : ["anyvlan inner udp", "inner anyvlan host 10.0.0.1"];
        foreach (string expression in expressions)
        {
            FilterProof proof = CaptureFilter.Compile(expression).Prove();
            Assert.True(proof.Outcome == ProofOutcome.Proved, $"{expression}: {Words(proof)}");
        }
    }

    [Theory]
    [InlineData("anyvlan inner inner anyvlan tcp", 20)]
    [InlineData("inner (ip or inner (arp or inner not inner udp))", 37)]
    public void More_of_them_are_refused(string expression, int at)
    {
        Assert.False(CaptureFilter.TryCompile(expression, LinkType.Ethernet, null, out _, out IReadOnlyList<Diagnostic> diagnostics));
        Assert.Equal("HF0020", diagnostics[0].Id);
        Assert.Equal(at, diagnostics[0].Span.Start);
    }

    /// <summary>A program with one instruction damaged is refuted; or it is proved, and then no packet of the captures, whole or cut short, tells the two apart.</summary>
    [Fact]
    public void Damaged_programs_are_refuted()
    {
        Random random = Volume.Random(nameof(Damaged_programs_are_refuted));
        (string Name, string Expression, LinkType Link, FilterOptions Options)[] rows = [.. Rows().Where(row => !row.Expression.Contains("protochain", StringComparison.Ordinal))];
        int refuted = 0, same = 0, undecided = 0;
        int count = Volume.Of(5000, 100);
        for (int i = 0; i < count; i++)
        {
            (string name, string expression, LinkType link, FilterOptions options) = rows[random.Next(rows.Length)];
            if (!CaptureFilter.TryCompile(expression, link, options, out CaptureFilter? filter, out _))
                continue;
            ClassicInsn[] insns = filter.Program.Insns.ToArray();
            int at = random.Next(insns.Length);
            insns[at] = Damage(insns[at], random);
            if (insns[at] == filter.Program[at] || !ClassicValidity.IsValid(insns))
                continue;
            FilterProof proof = FilterProver.Prove(filter.Tree, filter.Options.SnapLength, new ClassicProgram(insns));
            switch (proof.Outcome)
            {
                case ProofOutcome.Counterexample:
                    refuted++;
                    Assert.NotEqual(Run(filter.Program, proof), Run(new ClassicProgram(insns), proof));
                    break;
                case ProofOutcome.Proved:
                    same++;
                    AssertSame(filter.Program, new ClassicProgram(insns), name);
                    break;
                default:
                    undecided++;
                    break;
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{refuted} refuted, {same} the same, {undecided} undecided");
        Assert.True(refuted > 8 * same && undecided * 20 <= refuted, $"{refuted} refuted, {same} the same, {undecided} undecided; {Volume.Note}");
    }

    [Theory]
    [InlineData("tcp port 443", 1, 5)]
    [InlineData("ip", 2, 6)]
    public void One_wrong_constant_is_refuted(string expression, int kind, int bits)
    {
        CaptureFilter filter = CaptureFilter.Compile(expression);
        ClassicInsn[] insns = filter.Program.Insns.ToArray();
        int at = Array.FindIndex(insns, insn => insn.Code == (ClassicOpcode.Jmp | ClassicOpcode.Jeq | ClassicOpcode.K));
        insns[at] = kind == 1
            ? insns[at] with { Code = ClassicOpcode.Jmp | ClassicOpcode.Jgt | ClassicOpcode.K }
            : insns[at] with { K = insns[at].K ^ (1u << bits) };
        FilterProof proof = FilterProver.Prove(filter.Tree, filter.Options.SnapLength, new ClassicProgram(insns));
        Assert.Equal(ProofOutcome.Counterexample, proof.Outcome);
        Assert.NotNull(proof.Packet);
    }

    /// <summary>What a program returns for packets that match is part of what is proved.</summary>
    [Fact]
    public void Another_snap_length_is_refuted()
    {
        CaptureFilter filter = CaptureFilter.Compile("ip");
        Assert.Equal(ProofOutcome.Counterexample, FilterProver.Prove(filter.Tree, 96, filter.Program).Outcome);
        Assert.Equal(ProofOutcome.Proved, CaptureFilter.Compile("ip", options: new FilterOptions { SnapLength = 96 }).Prove().Outcome);
    }

    [Theory]
    [InlineData("host", 1000)]
    [InlineData("port", 300)]
    public void Large_sets_are_proved(string kind, int count)
    {
        Random random = Volume.Random(nameof(Large_sets_are_proved));
        string expression = string.Join(" or ", Enumerable.Range(0, count).Select(_ => kind == "port"
            ? $"port {random.Next(1, 65536)}"
            : $"host {random.Next(1, 224)}.{random.Next(256)}.{random.Next(256)}.{random.Next(256)}"));
        FilterProof proof = CaptureFilter.Compile(expression).Prove();
        Assert.True(proof.Outcome == ProofOutcome.Proved, $"{Words(proof)}; {Volume.Note}");
        Assert.True(proof.Steps < 20_000_000, $"{proof.Steps} steps");
    }

    [Theory]
    [InlineData("ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0")]
    [InlineData("ether[0] + ether[1] == ether[2] * 2")]
    [InlineData("ip[6:2] & 0x1fff = 0 and ip[0] & 0xf > 5")]
    [InlineData("(ip[2:2] + 5) - ip[4:2] > 3 and ip[2:2] % 8 = 0 and ip[4:2] / 16 = 2")]
    [InlineData("ether[ether[0:4]:2] = 7")]
    [InlineData("ether[0:4] << 31 = 0 and ether[4:4] * 0x80000000 != ether[8]")]
    [InlineData("len - ether[0] / ether[1] > 5")]
    [InlineData("! 219 ^ ether[38] - len = 1351392906")]
    [InlineData("(((len - ether[38]) ^ 5) ^ 5) ^ 5 = 17")]
    [InlineData("-ether[6:2] + ether[21] >= 1")]
    [InlineData("! ether[19:4] ^ ether[40] ^ ether[42] <= 0")]
    [InlineData("(ether[19] * 9) == len ^ ip[14]")]
    [InlineData("! (!0 ^ udp[3] * len = ether[32])")]
    [InlineData("not inner inner src port 6081")]
    [InlineData("anyvlan (tcp port 80 and host 10.0.0.1)")]
    [InlineData("src net 192.168.0.0/16 or 1 <= 1")] // a comparison of two constants once sent jump threading back to the entry
    [InlineData("not (vxlan and arp or ether dst host ff:ff:ff:ff:ff:ff or arp) and multicast")] // a comparison of two values that goes one way on one edge and the other on another
    [InlineData("ip proto 2 or (host 10.0.0.3 or host 10.0.0.1 or host 10.0.0.2 or net 10.0 or host 10.0.0.3) or host 10.0.0.0 or host 10.0.0.0 or host 10.0.0.3 or (host 10.0.0.0 or host 10.0.0.1 or host 10.0.0.1 or host 10.0.0.0 or host 10.0.0.0 or host 10.0.0.2)")] // the same set four times, twice on either side: shared crosswise
    public void Arithmetic_and_moving_offsets_are_proved(string expression)
    {
        foreach (bool optimise in (bool[])[true, false])
        {
            FilterProof proof = CaptureFilter.Compile(expression, options: new FilterOptions { Optimise = optimise }).Prove();
            Assert.True(proof.Outcome == ProofOutcome.Proved, Words(proof));
        }
    }

    [Fact]
    public void A_budget_ends_a_proof_undecided()
    {
        FilterProof proof = CaptureFilter.Compile("tcp port 443").Prove(new ProofBudget(StepsMax: 100));
        Assert.Equal((ProofOutcome.Undecided, null), (proof.Outcome, proof.Packet));
        Assert.Equal(Loops, CaptureFilter.Compile("ip6 protochain 17").Prove().Reason);
    }

    private static IEnumerable<(string Name, string Expression, LinkType Link, FilterOptions Options)> Rows() =>
        from row in Corpus.Rows("accept")
        from alias in row.GetProperty("aliases").EnumerateArray()
        select ($"{row.Field("DLT")} {alias}", alias.GetString()!, Corpus.Link(row), Corpus.Options(row));

    private static ClassicInsn Damage(ClassicInsn insn, Random random) => random.Next(4) switch
    {
        0 => insn with { K = insn.K + 1 },
        1 => insn with { K = insn.K ^ (1u << random.Next(16)) },
        2 => insn with { Jt = insn.Jf, Jf = insn.Jt },
        _ when (insn.Code & ClassicOpcode.ClassMask) == ClassicOpcode.Jmp => insn with { Code = (ushort)((insn.Code & ~ClassicOpcode.OpMask) | (random.Next(1, 5) << 4)) },
        _ => insn with { K = insn.K + 4 },
    };

    private static void AssertSame(ClassicProgram one, ClassicProgram other, string name)
    {
        foreach ((_, List<Packet> packets) in Corpus.Captures.Values)
            foreach (Packet packet in packets)
                for (int length = 0; length <= packet.Data.Length; length += Math.Clamp(packet.Data.Length - length, 1, length < 80 ? 1 : 64))
                {
                    ReadOnlySpan<byte> data = packet.Data.AsSpan(0, length);
                    uint expected = Hachi.Vm.ClassicInterpreter.Run(one, data, (uint)packet.WireLength, default);
                    Assert.True(expected == Hachi.Vm.ClassicInterpreter.Run(other, data, (uint)packet.WireLength, default), $"{name}: proved the same, but {Convert.ToHexString(data)}");
                }
    }

    private static uint Run(ClassicProgram program, FilterProof proof) =>
        Hachi.Vm.ClassicInterpreter.Run(program, proof.Packet!.Data, proof.Packet.WireLength, proof.Packet.Metadata);

    private static string Words(FilterProof proof) => proof.Packet is { } packet
        ? $"{proof.Outcome}: {packet.Data.Length} bytes, {packet.WireLength} on the wire, {Convert.ToHexString(packet.Data.AsSpan(0, Math.Min(128, packet.Data.Length)))}"
        : $"{proof.Outcome}: {proof.Reason}, {proof.Steps} steps";
}
