using Hachi.Captures;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Compile;
using Hachi.Tests.Support;
using Hachi.Vm;

namespace Hachi.Tests.Ir;

/// <summary>The passes and the classic selector: whatever runs, a filter decides as its resolved tree does.</summary>
public sealed class FilterCompilerTests
{
    /// <summary>Random expressions, every combination of passes, packets that aim at the branches: all as the tree evaluator says.</summary>
    [Fact]
    public void Any_combination_of_passes_decides_like_the_tree()
    {
        Random random = Volume.Random(nameof(Any_combination_of_passes_decides_like_the_tree));
        var generator = new RandomFilter(random, new RandomFilterOptions { NewWords = true, Extensions = true });
        DecideLikeTheTree(random, generator.Expression, Volume.Of(200_000, 1200), 40);
    }

    /// <summary>Long lists of alternatives, which are brought together before they are lowered: of one kind, of several, with others between.</summary>
    [Fact]
    public void Long_lists_of_alternatives_decide_like_the_tree()
    {
        Random random = Volume.Random(nameof(Long_lists_of_alternatives_decide_like_the_tree));
        DecideLikeTheTree(random, () => List(random, 0), Volume.Of(20_000, 150), 60);
    }

    private static string List(Random random, int depth)
    {
        var text = new System.Text.StringBuilder();
        int kind = random.Next(12);
        for (int i = random.Next(3, 14); i > 0; i--)
        {
            int term = random.Next(4) == 0 ? random.Next(12) : kind;
            text.Append(random.Next(12) == 0 ? "not " : "").Append(term switch
            {
                0 or 1 => $"host 10.0.0.{random.Next(4)}",
                2 => $"src host 10.0.0.{random.Next(4)}",
                3 => $"net 10.{random.Next(3)}",
                4 => $"port {random.Next(4)}",
                5 => $"{(random.Next(2) == 0 ? "tcp" : "udp")} port {random.Next(4)}",
                6 => $"ip proto {random.Next(4)}",
                7 => random.Next(3) switch { 0 => "ip", 1 => "arp", _ => "ip6" },
                8 => $"ether proto {random.Next(4)} and ether[{random.Next(20)}] = {random.Next(3)}",
                9 => $"ip6 host ::{random.Next(3)}",
                10 => $"ip[{random.Next(10)}] = 1 and tcp[{random.Next(4)}] > 2",
                _ when depth < 2 => $"({List(random, depth + 1)})",
                _ => "tcp",
            }).Append(i == 1 ? "" : random.Next(10) == 0 ? " and " : " or ");
        }
        return text.ToString();
    }

    private static void DecideLikeTheTree(Random random, Func<string> make, int count, int packets)
    {
        int compiled = 0;
        var f = new IrFunction();
        var lowering = new Lowering();
        var compiler = new FilterCompiler();
        for (int i = 0; i < count; i++)
        {
            string expression = make();
            if (!CaptureFilter.TryCompile(expression, LinkType.Ethernet, FilterOptions.Default with { Optimise = false }, out CaptureFilter? plain, out _))
                continue;
            compiled++;
            f.Clear();
            lowering.Lower(plain.Tree, 262144, f, i % 3 != 0);
            compiler.Optimise(f, i % 2 == 0 ? FilterPasses.All : (FilterPasses)random.Next(8));
            ClassicProgram? program = compiler.EmitClassic(f);
            Assert.True(program is not null, expression);
            for (int j = 0; j < packets; j++)
            {
                byte[] packet = AimedPackets.Next(plain.Program, random);
                bool wanted = TreeEvaluator.Matches(plain.Tree, packet, packet.Length, default);
                Assert.True(wanted == plain.Matches(packet), $"unoptimised: {expression}; {Convert.ToHexString(packet)}; {Volume.Note}");
                bool got = ClassicInterpreter.Run(program, packet, (uint)packet.Length, default) != 0;
                Assert.True(wanted == got, $"{expression}; {Convert.ToHexString(packet)}; {Volume.Note}");
            }
        }
        Assert.True(compiled > count / 2);
    }

    /// <summary>A program that is lifted, optimised and selected again decides as before; on the whole programs shrink by a third and more.</summary>
    [Fact]
    public void Lifted_programs_decide_like_the_program()
    {
        Random random = Volume.Random(nameof(Lifted_programs_decide_like_the_program));
        var generator = new RandomFilter(random, new RandomFilterOptions { NewWords = true, ProtoChain = false });
        var f = new IrFunction();
        var compiler = new FilterCompiler();
        var lifter = new ClassicLifter();
        long before = 0, after = 0;
        for (int i = 0; i < Volume.Of(50_000, 600); i++)
        {
            string expression = generator.Expression();
            if (!CaptureFilter.TryCompile(expression, LinkType.Ethernet, FilterOptions.Default with { Optimise = false }, out CaptureFilter? plain, out _))
                continue;
            f.Clear();
            Assert.True(lifter.Lift(plain.Program, f), expression);
            compiler.Optimise(f);
            ClassicProgram program = compiler.EmitClassic(f)!;
            before += plain.Program.Length;
            after += program.Length;
            for (int j = 0; j < 30; j++)
            {
                byte[] packet = AimedPackets.Next(plain.Program, random);
                Assert.True(plain.Matches(packet) == (ClassicInterpreter.Run(program, packet, (uint)packet.Length, default) != 0),
                    $"{expression}; {Convert.ToHexString(packet)}; {Volume.Note}");
            }
        }
        Assert.True(after * 10 < before * 7, $"{before} instructions became {after}");
    }

    /// <summary>A chain of headers that leads back to itself: the tree and the program reject the packet, also under a "not".</summary>
    [Theory]
    [InlineData("ip6 protochain 17")]
    [InlineData("not ip6 protochain 17")]
    public void A_header_chain_without_end_rejects(string expression)
    {
        byte[] packet = new byte[128];
        (packet[12], packet[13], packet[20], packet[54]) = (0x86, 0xdd, 51, 51);
        packet[14 + 8] = 51; // the authentication header at 40 sets the offset to 8, and the one there to 8 again
        CaptureFilter filter = CaptureFilter.Compile(expression);
        Assert.False(TreeEvaluator.Matches(filter.Tree, packet, packet.Length, default));
        Assert.False(filter.Matches(packet));
    }

    /// <summary>No instruction that can neither fail nor jump puts something where nothing reads it.</summary>
    [Fact]
    public void Programs_compute_nothing_in_vain()
    {
        Random random = Volume.Random(nameof(Programs_compute_nothing_in_vain));
        var generator = new RandomFilter(random, new RandomFilterOptions { NewWords = true, Extensions = true, ProtoChain = false });
        for (int i = 0; i < Volume.Of(50_000, 1500); i++)
        {
            string expression = generator.Expression();
            if (CaptureFilter.TryCompile(expression, LinkType.Ethernet, null, out CaptureFilter? filter, out _))
                Assert.True(InVain(filter.Program) is not { } at, $"instruction {InVain(filter.Program)} of {expression}; {Volume.Note}");
        }
    }

    /// <summary>The last instruction whose result nothing reads, or null. Registers are bits: the scratch memory, then A (16) and X (17).</summary>
    private static int? InVain(ClassicProgram program)
    {
        const uint a = 1 << 16, x = 1 << 17;
        var live = new uint[program.Length + 1];
        for (int i = program.Length - 1; i >= 0; i--)
        {
            ClassicInsn insn = program[i];
            ClassicShape shape = ClassicTable.Find(insn.Code)!.Shape;
            int kind = insn.Code & ClassicOpcode.ClassMask, op = insn.Code & ClassicOpcode.OpMask;
            uint after = shape switch
            {
                ClassicShape.Jump => live[i + 1 + (int)insn.K],
                ClassicShape.BranchK or ClassicShape.BranchX => live[i + 1 + insn.Jt] | live[i + 1 + insn.Jf],
                ClassicShape.ReturnA or ClassicShape.ReturnK => 0,
                _ => live[i + 1],
            };
            uint cell = shape == ClassicShape.Memory ? 1u << (int)insn.K : 0;
            bool isStore = kind is ClassicOpcode.St or ClassicOpcode.Stx;
            uint writes = isStore ? cell : kind == ClassicOpcode.Ldx || insn.Code == (ClassicOpcode.Misc | ClassicOpcode.Tax) ? x
                : kind is ClassicOpcode.Ld or ClassicOpcode.Alu or ClassicOpcode.Misc ? a : 0;
            uint reads = shape switch
            {
                ClassicShape.Memory => isStore ? kind == ClassicOpcode.St ? a : x : cell,
                ClassicShape.Indirect => x,
                ClassicShape.AluX or ClassicShape.BranchX => a | x,
                ClassicShape.AluK or ClassicShape.BranchK or ClassicShape.ReturnA => a,
                ClassicShape.Plain => insn.Code == (ClassicOpcode.Misc | ClassicOpcode.Txa) ? x : a,
                _ => 0,
            };
            bool mayFail = shape is ClassicShape.Absolute or ClassicShape.Indirect or ClassicShape.HeaderLength
                || (shape == ClassicShape.AluX && op is ClassicOpcode.Div or ClassicOpcode.Mod);
            if (writes != 0 && (writes & after) == 0 && !mayFail)
                return i;
            live[i] = (after & ~writes) | reads;
        }
        return null;
    }

    /// <summary>What attaching to a socket would accept, unless it loops or is longer than the kernel allows.</summary>
    [Fact]
    public void Programs_are_valid_for_the_kernel()
    {
        Random random = Volume.Random(nameof(Programs_are_valid_for_the_kernel));
        var generator = new RandomFilter(random, new RandomFilterOptions { NewWords = true, ProtoChain = false });
        for (int i = 0; i < Volume.Of(50_000, 1500); i++)
        {
            string expression = generator.Expression();
            if (CaptureFilter.TryCompile(expression, LinkType.Ethernet, null, out CaptureFilter? filter, out _))
                Assert.True(ClassicValidity.Check(filter.Program.Insns).Count == 0, expression);
        }
    }
}
