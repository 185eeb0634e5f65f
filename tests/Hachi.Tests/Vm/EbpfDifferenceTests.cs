using System.Runtime.InteropServices;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;

namespace Hachi.Tests.Vm;

/// <summary>The same random program in every engine and in the running kernel: all registers and memory compared.</summary>
public sealed class EbpfDifferenceTests
{
    /// <summary>A mismatch that the kernel's verifier explains is believed once in so many programs; long runs say how far they are.</summary>
    private const int ProgramsPerExplanation = 20_000, ProgramsPerLine = 10_000;

    [Fact]
    public void Engines_and_kernel_agree()
    {
        Random random = Volume.Random(nameof(Engines_and_kernel_agree));
        var programs = new RandomEbpf(random);
        bool hasKernel = Tools.IsRoot;
        int count = Volume.Of(200_000, 1_500), refused = 0, explained = 0;
        byte[] context = new byte[RandomEbpf.ContextBytes], expected = new byte[RandomEbpf.ContextBytes];
        string refusal = "";
        for (int i = 0; i < count; i++)
        {
            if (i > 0 && i % ProgramsPerLine == 0)
                TestContext.Current.TestOutputHelper?.WriteLine($"{i} programs, {refused} refused by the kernel, {explained} mismatches explained");
            Insn[] insns = programs.Make(random.Next(4, 30));
            FillContext(random, context);
            VmEngine[] engines = EbpfEngines.For(i);
            byte[][] results = [.. engines.Select(engine => RunOn(engine, insns, context))];
            for (int e = 1; e < results.Length; e++)
                Same(insns, results[0], results[e], engines[e].ToString());
            context.CopyTo(expected, 0);
            if (!hasKernel)
                continue;
            if (!KernelSyscall.Run(insns, expected, out _, out string words))
                (refused, refusal) = (refused + 1, words);
            else if (!expected.AsSpan().SequenceEqual(results[0]) && KernelDisagreesWithItself(insns, context, results[0]))
                TestContext.Current.TestOutputHelper?.WriteLine($"explained ({++explained}): the kernel's verifier took a branch for impossible in\n{Printer.Print(insns)}");
            else
                Same(insns, expected, results[0], "the interpreter against the kernel");
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} programs ({EbpfEngines.Note}), {refused} refused by the kernel, {explained} mismatches explained");
        Assert.True(explained <= 1 + (count / ProgramsPerExplanation), $"{explained} of {count} programs differ from the kernel because of its verifier: too many to believe that");
        Assert.True(refused * 10 < count, $"{refused} of {count} programs refused: {refusal}");
    }

    [Fact]
    public void Hiding_ranges_changes_no_result()
    {
        Random random = Volume.Random(nameof(Hiding_ranges_changes_no_result));
        var programs = new RandomEbpf(random);
        byte[] context = new byte[RandomEbpf.ContextBytes];
        for (int i = 0; i < Volume.Of(5_000, 200); i++)
        {
            Insn[] insns = programs.Make(random.Next(4, 30)), hidden = HiddenRanges.Rewrite(insns, RandomEbpf.Scratch, RandomEbpf.Context, RandomEbpf.ContextBytes);
            FillContext(random, context);
            byte[] expected = RunOn(VmEngine.Interpreter, insns, context), found = RunOn(VmEngine.Interpreter, hidden, [.. context, .. new byte[8]]);
            Same(insns, expected, found[..RandomEbpf.ContextBytes], "the program with hidden ranges");
            Assert.True(insns.Length == hidden.Length || !expected.AsSpan().SequenceEqual(context));
        }
    }

    /// <summary>
    /// Whether a result that differs from the kernel's is the kernel's own result for the same program with barriers: what its verifier may conclude about the operands of conditional jumps
    /// is hidden from it, so that it can leave out no branch. No barrier changes a value; a kernel that gives another result with them has judged a branch wrongly without them.
    /// </summary>
    private static bool KernelDisagreesWithItself(Insn[] insns, byte[] context, byte[] ours)
    {
        Insn[] hidden = HiddenRanges.Rewrite(insns, RandomEbpf.Scratch, RandomEbpf.Context, RandomEbpf.ContextBytes);
        byte[] memory = [.. context, .. new byte[8]];
        return KernelSyscall.Run(hidden, memory, out _, out _) && memory.AsSpan(0, context.Length).SequenceEqual(ours);
    }

    private static byte[] RunOn(VmEngine engine, Insn[] insns, byte[] context)
    {
        byte[] memory = [.. context];
        VmLoad load = EbpfEngines.Load(insns, engine);
        Assert.True(load.Object is not null, load.Diagnostics.Count > 0 ? load.Diagnostics[0].Message : "");
        using VmObject vm = load.Object;
        VmResult result = vm.Programs[0].Run(memory);
        Assert.True(result.Success, $"{engine}: {result.Fault}\n{Printer.Print(insns)}\n{Volume.Note}");
        return memory;
    }

    private static void FillContext(Random random, byte[] context)
    {
        random.NextBytes(context);
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(context.AsSpan());
        for (int i = 0; i < words.Length; i++)
            words[i] = random.Next(6) switch
            {
                0 => (ulong)random.Next(-4, 5),
                1 => 1ul << random.Next(64),
                2 => (1ul << random.Next(64)) - 1,
                3 => (uint)words[i],
                _ => words[i],
            };
    }

    private static void Same(Insn[] insns, byte[] expected, byte[] found, string who)
    {
        if (expected.AsSpan().SequenceEqual(found))
            return;
        int word = expected.AsSpan().CommonPrefixLength(found) / 8;
        Assert.Fail($"{who}: word {word} is 0x{BitConverter.ToUInt64(found, word * 8):x}, not 0x{BitConverter.ToUInt64(expected, word * 8):x}\n{Printer.Print(insns)}\n{Volume.Note}");
    }
}
