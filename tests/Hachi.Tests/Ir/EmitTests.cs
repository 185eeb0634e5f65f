using System.Runtime.InteropServices;
using Hachi.Asm;
using Hachi.Ir.Build;
using Hachi.Ir.Emit;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Tests.Support;
using Hachi.Uapi;
using Hachi.Vm;

namespace Hachi.Tests.Ir;

/// <summary>Random programs, written anew through the builder at each level of instructions and with few registers: the same result as the original, here and in the kernel.</summary>
public sealed class EmitTests
{
    [Fact]
    public void What_is_emitted_does_what_the_original_did()
    {
        Random random = Volume.Random(nameof(What_is_emitted_does_what_the_original_did));
        var programs = new RandomEbpf(random);
        int count = Volume.Of(100_000, 150), refused = 0;
        long before = 0, after = 0;
        string refusal = "";
        byte[] context = new byte[RandomEbpf.ContextBytes];
        for (int i = 0; i < count; i++)
        {
            Insn[] insns = programs.Make(random.Next(4, 40));
            FillContext(random, context);
            byte[] expected = Run(insns, context, insns);
            var options = new EmitOptions { Level = random.Next(1, 5), Registers = random.Next(3) == 0 ? 0x3ff & ~(random.Next(1 << 3) << random.Next(8)) : 0x3ff };
            if (options.Level < 3 && insns.Any(IsFetch))
                options = options with { Level = 3 };
            EmittedProgram emitted = EbpfRebuild.Run(new ProgramSpec("random", ProgramType.Syscall, [.. insns])).Emit(options);
            Assert.True(emitted.Program is not null, $"{emitted.Diagnostics.FirstOrDefault()?.Message}\n{Printer.Print(insns)}\n{Volume.Note}");
            Insn[] made = [.. emitted.Program.Insns];
            Assert.Equal(made.Length, emitted.Origins.Length);
            Same(insns, made, expected, Run(made, context, insns), $"the interpreter, {options}");
            (before, after) = (before + insns.Length, after + made.Length);
            if (!Tools.IsRoot)
                continue;
            byte[] memory = [.. context];
            if (KernelSyscall.Run(made, memory, out _, out string words))
                Same(insns, made, expected, memory, $"the kernel, {options}");
            else
                (refused, refusal) = (refused + 1, $"{words}\n{Printer.Print(made)}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} programs, {refused} refused by the kernel, {after / (double)before:f3} of the original instructions");
        Assert.True(refused * 10 < count, $"{refused} of {count} programs refused: {refusal}");
    }

    private static bool IsFetch(Insn insn) => (insn.Opcode & (Opcode.ClassMask | Opcode.ModeMask)) == (Opcode.Stx | Opcode.Atomic) && insn.Imm != Opcode.Add;

    private static byte[] Run(Insn[] insns, byte[] context, Insn[] original)
    {
        byte[] memory = [.. context];
        VmLoad load = EbpfEngines.Load(insns, VmEngine.Interpreter);
        Assert.True(load.Object is not null, (load.Diagnostics.Count > 0 ? load.Diagnostics[0].Message : "") + "\n" + Printer.Print(insns));
        VmResult result = load.Object.Programs[0].Run(memory);
        Assert.True(result.Success, $"{result.Fault}\n{Printer.Print(insns)}\nof\n{Printer.Print(original)}\n{Volume.Note}");
        return memory;
    }

    private static void Same(Insn[] original, Insn[] made, byte[] expected, byte[] found, string who)
    {
        if (expected.AsSpan().SequenceEqual(found))
            return;
        int word = expected.AsSpan().CommonPrefixLength(found) / 8;
        Assert.Fail($"{who}: word {word} is 0x{BitConverter.ToUInt64(found, word * 8):x}, not 0x{BitConverter.ToUInt64(expected, word * 8):x}\n{Printer.Print(original)}\n=>\n{Printer.Print(made)}\n{Volume.Note}");
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
}
