using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;
using Hachi.Vm.Machine;
using static Hachi.Isa.Opcode;

namespace Hachi.Tests.Vm;

/// <summary>Programs that no verifier would pass: every engine gives the same result or the same fault, and writes nowhere else.</summary>
public sealed unsafe class EbpfSafetyTests
{
    private const int ProgramsPerLine = 100_000, GuardBytes = 64, MemoryBytes = 72, Fuel = 5_000;
    private const byte Guard = 0xa5;

    [Fact]
    public void Any_program_ends_in_a_result_or_a_fault()
    {
        Random random = Volume.Random(nameof(Any_program_ends_in_a_result_or_a_fault));
        var valid = new RandomEbpf(random);
        int count = Volume.Of(1_000_000, 1_500), faults = 0, run = 0;
        while (run < count)
        {
            Insn[] insns = random.Next(3) == 0 ? Mutated(random, valid.Make(random.Next(2, 12))) : Anything(random);
            if (!Validity.IsValid(insns) || insns.Any(insn => insn.Opcode == (Alu64 | Mov | X) && insn.Imm != 0))
                continue;
            run++;
            if (run % ProgramsPerLine == 0)
                TestContext.Current.TestOutputHelper?.WriteLine($"{run} programs, {faults} ended with a fault");
            byte[] memory = new byte[MemoryBytes];
            random.NextBytes(memory);
            Outcome first = default;
            VmEngine[] engines = EbpfEngines.For(run);
            for (int e = 0; e < engines.Length; e++)
            {
                Outcome outcome = RunGuarded(engines[e], insns, memory);
                if (e == 0)
                    first = outcome;
                else if (outcome != first)
                    Assert.Fail($"{engines[e]}: {outcome}\nnot {first}\n{Printer.Print(insns)}\n{Volume.Note} case {run}");
            }
            faults += first.Reason == 0 ? 0 : 1;
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{run} programs ({EbpfEngines.Note}), {faults} ended with a fault");
        Assert.True(faults > count / 20 && faults < count * 19 / 20, $"{faults} of {count} faults: the mix has lost its point");
    }

    private readonly record struct Outcome(ulong R0, int Reason, int Insn, string Memory, long Fuel);

    private static Outcome RunGuarded(VmEngine engine, Insn[] insns, byte[] memory)
    {
        VmLoad load = EbpfEngines.Load(insns, engine, fuel: Fuel);
        if (load.Object is null)
            return new Outcome(0, -1, -1, load.Diagnostics[0].Id, 0); // a kernel function, a helper that there is not
        byte[] guarded = GC.AllocateUninitializedArray<byte>(GuardBytes * 2 + memory.Length, pinned: true);
        guarded.AsSpan().Fill(Guard);
        memory.CopyTo(guarded, GuardBytes);
        using Invocation invocation = load.Object.MakeInvocation();
        EbpfUnit unit = load.Object.Programs[0].Unit;
        invocation.Reset(unit, Fuel);
        fixed (byte* bytes = &guarded[GuardBytes])
            invocation.Regions[Region.Context].Set(Region.Context, 0, bytes, (uint)memory.Length, isWritable: true);
        ulong r0 = unit.Run(invocation, Region.AddressOf(Region.Context, 0), (ulong)memory.Length);
        Fault? fault = invocation.TakeFault();
        long used = Fuel - Math.Max(0, invocation.State->Fuel);
        Assert.True(invocation.HasIntactGuards, $"{engine} wrote outside the stack\n{Printer.Print(insns)}\n{Volume.Note}");
        load.Object.Dispose();
        Assert.False(guarded.AsSpan(0, GuardBytes).ContainsAnyExcept(Guard), "wrote in front of its memory");
        Assert.False(guarded.AsSpan(GuardBytes + memory.Length).ContainsAnyExcept(Guard), "wrote behind its memory");
        string written = Convert.ToHexString(guarded.AsSpan(GuardBytes, memory.Length));
        return new Outcome(fault is null ? r0 : 0, (int)(fault?.Reason ?? 0), fault?.Insn ?? -1, written, used);
    }

    // Instructions drawn from the table, with addresses often enough near memory that there is.
    private static Insn[] Anything(Random random)
    {
        int length = random.Next(2, 24);
        var insns = new Insn[length];
        for (int i = 0; i < length; i++)
        {
            OpForm form = OpTable.Forms[random.Next(OpTable.Forms.Count)];
            int dst = form.Dst ?? random.Next(10), src = form.Src ?? random.Next(11), imm = form.Imm ?? Number(random), offset = form.Offset ?? random.Next(-80, 80);
            if (form.Slots == 2 || form.Shape is Shape.CallHelper or Shape.CallKfunc or Shape.GotoReg or Shape.AddressCast or Shape.CallReg)
                form = OpTable.ByOpcode(Alu64 | Add | K)[0];
            if (form.Shape is Shape.AluImm && random.Next(2) == 0)
                (src, imm, offset) = (0, Number(random), form.Offset ?? 0);
            if (form.Shape is Shape.Goto or Shape.BranchImm or Shape.BranchReg or Shape.MayGoto)
                offset = random.Next(-i - 1, length - i - 1);
            if (form.Shape is Shape.GotoLong or Shape.CallLocal)
                imm = random.Next(-i - 1, length - i - 1);
            if (form.Shape is Shape.StoreReg or Shape.StoreImm or Shape.Atomic or Shape.AtomicFetch or Shape.Exchange or Shape.CompareExchange && random.Next(2) == 0)
                dst = random.Next(2) == 0 ? 10 : 1;
            if (form.Shape is Shape.Load or Shape.LoadSigned && random.Next(2) == 0)
                src = random.Next(2) == 0 ? 10 : 1;
            insns[i] = random.Next(12) switch
            {
                0 => new Insn(Alu64 | Mov | X, random.Next(10), random.Next(3) == 0 ? 1 : 10),
                1 => new Insn(Alu64 | Add | K, random.Next(10), 0, 0, random.Next(-72, 72)),
                _ => new Insn(form.Opcode, dst, src, offset, imm),
            };
        }
        insns[^1] = new Insn(Jmp | Exit);
        return insns;
    }

    private static Insn[] Mutated(Random random, Insn[] insns)
    {
        int changes = random.Next(1, 4);
        for (int i = 0; i < changes; i++)
        {
            ref Insn insn = ref insns[random.Next(insns.Length)];
            insn = random.Next(5) switch
            {
                0 => insn with { Dst = (byte)random.Next(10) },
                1 => insn with { Src = (byte)random.Next(11) },
                2 => insn with { Offset = (short)random.Next(-600, 600) },
                3 => insn with { Imm = Number(random) },
                _ => insns[random.Next(insns.Length)],
            };
        }
        return insns;
    }

    private static int Number(Random random) => random.Next(3) switch { 0 => random.Next(-8, 9), 1 => 1 << random.Next(32), _ => random.Next() };
}
