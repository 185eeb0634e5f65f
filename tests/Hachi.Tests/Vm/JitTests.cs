using Hachi.Captures;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;
using Hachi.Vm.Jit;
using Hachi.Vm.Jit.Packets;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Tests.Vm;

/// <summary>Compiled and decoded code gives the interpreter's verdicts, on good programs and on hostile ones.</summary>
public sealed class JitTests
{
    private const int FramesPerProgram = 24;

    [Fact]
    public void Compiled_programs_have_the_interpreters_verdicts() => Compare(nameof(Compiled_programs_have_the_interpreters_verdicts), ClassicPrograms.Plain, 100_000, 250, 0.5);

    [Fact]
    public void Hostile_programs_neither_crash_nor_differ() => Compare(nameof(Hostile_programs_neither_crash_nor_differ), ClassicPrograms.Hostile, 100_000, 250, 0);

    [Fact]
    public void Programs_that_only_the_interpreter_takes_have_its_verdicts() =>
        Compare(nameof(Programs_that_only_the_interpreter_takes_have_its_verdicts), ClassicPrograms.Valid, 100_000, 250, 0);

    [Fact]
    public void A_batch_selects_what_single_verdicts_accept()
    {
        Random random = Volume.Random(nameof(A_batch_selects_what_single_verdicts_accept));
        int selected = 0;
        for (int i = Volume.Of(20_000, 120); i > 0; i--)
        {
            var program = new ClassicProgram(ClassicPrograms.PacketOnly(random));
            if (IlCompiler.Lift(program) is not { } function || IlCompiler.Select(function) is not { } select)
                continue;
            SelectCode? machine = PacketCode.Select(function);
            Assert.True(machine is not null || !PacketCode.IsSupported);
            byte[][] frames = [.. Enumerable.Range(0, 50).Select(_ => ClassicPrograms.Frame(random))];
            int[] expected = [.. Enumerable.Range(0, frames.Length).Where(f => ClassicInterpreter.Run(program, frames[f], (uint)frames[f].Length + 5, default) != 0)];
            Assert.Equal(expected, Select(select, frames));
            if (machine is not null)
                Assert.Equal(expected, Select(machine, frames));
            selected++;
        }
        Assert.True(selected > 40, "hardly a program was compiled");
    }

    [Fact]
    public void A_loop_without_end_runs_out_of_fuel()
    {
        var program = new ClassicProgram([new(Jmp | Ja, uint.MaxValue), new(Ret, 1)]);
        Assert.Equal(0u, ClassicInterpreter.Run(program, [], 0, default));
        Assert.Equal(0u, new FilterEngine(program, FilterEngineKind.Il).Run([], 0));
    }

    [Fact]
    public void Programs_beyond_any_limit_are_interpreted()
    {
        ClassicInsn[] insns = [.. Enumerable.Repeat(new ClassicInsn(Alu | Add | X), 100_000), new(Ret | A)];
        insns[0] = new(Ldx | Imm, 1);
        Assert.Equal(99_999u, new FilterEngine(new ClassicProgram(insns), FilterEngineKind.Il).Run([], 0));
    }

    [Theory]
    [InlineData("", 0u)]
    [InlineData("5", 1u)]
    [InlineData("4", 0u)]
    [InlineData("100-200", 0u)]
    [InlineData("0-10 12 14 16 18-20 1000", 1u)]
    [InlineData("6 8 10 12 20", 0u)]
    [InlineData("4294967295 5 7 100 200 300 400", 1u)]
    public void Membership_in_a_set(string text, uint expectedForFive)
    {
        (uint, uint)[] parts = [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('-')).Select(p => (uint.Parse(p[0]), uint.Parse(p[^1])))];
        IntervalSet set = IntervalSet.Of(parts);
        var f = new IrFunction();
        int entry = f.NewBlock(), yes = f.NewBlock(), no = f.NewBlock();
        f.Sets.Add(set);
        f.Return(yes, f.Const(1));
        f.Return(no, IrFunction.Zero);
        f.Blocks[entry] = f.Blocks[entry] with { End = IrEnd.Member, A = f.Intern(IrOp.Length, 0, 0, 0, 0, -1), B = 0, True = yes, False = no };
        VerdictCode code = IlCompiler.Verdict(f)!;
        Assert.Equal(expectedForFive, Run(code, [], 5, default));
        VerdictCode machine = PacketCode.IsSupported ? PacketCode.Verdict(f)! : code;
        foreach ((uint lo, uint hi) in parts)
            foreach (uint word in (uint[])[lo, hi, lo - 1, hi + 1])
            {
                Assert.Equal(set.Contains(word) ? 1u : 0u, Run(code, [], word, default));
                Assert.Equal(set.Contains(word) ? 1u : 0u, Run(machine, [], word, default));
            }
    }

    private static void Compare(string name, Func<Random, ClassicInsn[]> make, int full, int share, double compiledMin)
    {
        Random random = Volume.Random(name);
        int compiled = 0, machines = 0, programs = Volume.Of(full, share);
        for (int i = 0; i < programs; i++)
        {
            var program = new ClassicProgram(make(random));
            IrFunction? function = IlCompiler.Lift(program);
            VerdictCode? code = function is null ? null : IlCompiler.Verdict(function), machine = function is null ? null : PacketCode.Verdict(function);
            compiled += code is null ? 0 : 1;
            machines += machine is null ? 0 : 1;
            var decoded = new DecodedProgram(program);
            for (int f = 0; f < FramesPerProgram; f++)
            {
                byte[] frame = ClassicPrograms.Frame(random);
                frame = random.Next(3) == 0 ? frame[..random.Next(frame.Length)] : frame;
                var metadata = new PacketMetadata { Protocol = 0x88b5, PacketType = 3, InterfaceIndex = 7, HardwareType = 1, NetworkOffset = 14, VlanTci = 9 };
                uint wire = (uint)frame.Length + (uint)random.Next(3);
                uint expected = ClassicInterpreter.Run(program, frame, wire, metadata);
                uint fast = decoded.Run(frame, wire, metadata);
                Assert.True(expected == fast, $"interpreter {expected}, decoded {fast}: {Text(program)} on {Convert.ToHexString(frame)}, wire {wire}. {Volume.Note}");
                foreach (VerdictCode? made in (ReadOnlySpan<VerdictCode?>)[code, machine])
                {
                    if (made is null)
                        continue;
                    uint got = Run(made, frame, wire, metadata);
                    Assert.True(expected == got, $"interpreter {expected}, {(made == code ? "IL" : "x64")} {got}: {Text(program)} on {Convert.ToHexString(frame)}, wire {wire}. {Volume.Note}");
                }
            }
        }
        Assert.True(compiled > programs * compiledMin, $"only {compiled} of {programs} programs were compiled");
        Assert.True(!PacketCode.IsSupported || machines > programs * compiledMin / 2, $"only {machines} of {programs} programs were compiled to machine code");
    }

    private static unsafe uint Run(VerdictCode code, byte[] frame, uint wire, PacketMetadata metadata)
    {
        // A copy that ends where the packet ends, in memory of its own.
        byte[] copy = [.. frame];
        fixed (byte* bytes = copy)
            return code(bytes, (uint)copy.Length, wire, &metadata);
    }

    private static unsafe int[] Select(SelectCode select, byte[][] frames)
    {
        byte[] bytes = [.. frames.SelectMany(f => f)];
        var records = new PacketRecord[frames.Length];
        int at = 0;
        for (int i = 0; i < frames.Length; i++)
        {
            records[i] = new PacketRecord(at, frames[i].Length, at, frames[i].Length, (uint)frames[i].Length + 5, 0);
            at += frames[i].Length;
        }
        int[] accepted = new int[frames.Length];
        fixed (byte* b = bytes)
        fixed (PacketRecord* r = records)
        fixed (int* a = accepted)
            return accepted[..select(b, r, records.Length, a)];
    }

    private static string Text(ClassicProgram program) => string.Join(" ; ", program.Insns.ToArray().Select(i => $"{i.Code:x2} {i.Jt} {i.Jf} {i.K:x}"));
}
