using Hachi.Captures;
using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Vm;

/// <summary>Why a classic program ended.</summary>
public enum ClassicOutcome : byte
{
    /// <summary>It is still running.</summary>
    Running,

    /// <summary>It reached a <c>ret</c>.</summary>
    Returned,

    /// <summary>A load lay outside the captured bytes: rejected.</summary>
    LoadOutside,

    /// <summary>A division or modulus by zero: rejected.</summary>
    DivisionByZero,

    /// <summary>The program is malformed here (unknown opcode, no such memory word, a jump or a fall past the end): rejected.</summary>
    Malformed,

    /// <summary>More backward jumps than allowed: rejected.</summary>
    OutOfFuel,
}

/// <summary>The registers of the classic machine.</summary>
public ref struct ClassicState
{
    /// <summary>Accumulator.</summary>
    public uint A;

    /// <summary>Index register.</summary>
    public uint X;

    /// <summary>Index of the next instruction.</summary>
    public int Pc;

    /// <summary>Backward jumps that may still be taken.</summary>
    public int Fuel;

    /// <summary>
    /// Whether X + k wraps at 2^32 and may then be negative, as in Linux. Otherwise, as in libpcap and in every compiled filter, such a load lies outside.
    /// </summary>
    public bool WrapsAddresses;

    /// <summary>Why the program ended.</summary>
    public ClassicOutcome Outcome;

    /// <summary>What it returned: bytes to keep of the packet, 0 rejects it.</summary>
    public uint Verdict;

    /// <summary>The scratch memory, M[0] to M[15].</summary>
    public Span<uint> Memory;
}

/// <summary>
/// Runs classic BPF, one instruction at a time with everything checked: the plain witness that every other engine is compared with. Any program may be
/// given to it; what no kernel would attach ends with <see cref="ClassicOutcome.Malformed"/>.
/// </summary>
/// <remarks>
/// Meaning as in Linux (net/core/filter.c), except where libpcap differs: <c>ja</c> may jump backwards (<c>protochain</c> loops), at most
/// <see cref="DefaultFuel"/> times; a shift by 32 or more gives 0 (Linux leaves it to the processor); X + k does not wrap
/// (but see <see cref="ClassicState.WrapsAddresses"/>).
/// </remarks>
public static class ClassicInterpreter
{
    /// <summary>Backward jumps allowed: a header chain of 8-byte headers through the largest snap length takes half of them.</summary>
    public const int DefaultFuel = 65_536;

    /// <summary>Runs a program over a packet.</summary>
    /// <param name="program">The program.</param>
    /// <param name="packet">The captured bytes.</param>
    /// <param name="wireLength">Length of the packet on the wire.</param>
    /// <param name="metadata">What the extensions read.</param>
    /// <param name="wrapsAddresses">See <see cref="ClassicState.WrapsAddresses"/>.</param>
    /// <returns>The verdict: bytes to keep, 0 rejects the packet.</returns>
    public static uint Run(ClassicProgram program, ReadOnlySpan<byte> packet, uint wireLength, in PacketMetadata metadata, bool wrapsAddresses = false)
    {
        var state = new ClassicState { Memory = stackalloc uint[Limits.ClassicMemoryWords], Fuel = DefaultFuel, WrapsAddresses = wrapsAddresses };
        while (state.Outcome == ClassicOutcome.Running)
            Step(program, ref state, packet, wireLength, metadata);
        return state.Verdict;
    }

    /// <summary>Executes the instruction at <see cref="ClassicState.Pc"/>; does nothing once the program has ended.</summary>
    public static void Step(ClassicProgram program, ref ClassicState s, ReadOnlySpan<byte> packet, uint wireLength, in PacketMetadata metadata)
    {
        if (s.Outcome != ClassicOutcome.Running)
            return;
        if ((uint)s.Pc >= (uint)program.Length)
        {
            s.Outcome = ClassicOutcome.Malformed;
            return;
        }
        ClassicInsn insn = program[s.Pc++];
        s.Outcome = (insn.Code & ClassMask) switch
        {
            Ld => Load(insn, ref s, packet, wireLength, metadata),
            Ldx => LoadX(insn, ref s, packet, wireLength, metadata),
            St => Store(insn, St, s.A, s.Memory),
            Stx => Store(insn, Stx, s.X, s.Memory),
            Alu => Compute(insn, ref s),
            Jmp => Jump(insn, ref s),
            Ret => Return(insn, ref s),
            _ => Transfer(insn, ref s),
        };
    }

    private static ClassicOutcome Load(ClassicInsn insn, ref ClassicState s, ReadOnlySpan<byte> packet, uint wireLength, in PacketMetadata metadata)
    {
        switch (insn.Code)
        {
            case Ld | Imm:
                s.A = insn.K;
                return ClassicOutcome.Running;
            case Ld | Len:
                s.A = wireLength;
                return ClassicOutcome.Running;
            case Ld | Mem:
                return LoadWord(insn.K, s.Memory, ref s.A);
            case Ld | Abs | W or Ld | Abs | H or Ld | Abs | B when insn.K >= Extension.Base:
                return PacketExtensions.TryRead(insn.K, ref s.A, s.X, packet, metadata) ? ClassicOutcome.Running : ClassicOutcome.Malformed;
            case Ld | Abs | W or Ld | Ind | W:
                return LoadPacket(Address(insn, s), 4, packet, metadata, ref s.A);
            case Ld | Abs | H or Ld | Ind | H:
                return LoadPacket(Address(insn, s), 2, packet, metadata, ref s.A);
            case Ld | Abs | B or Ld | Ind | B:
                return LoadPacket(Address(insn, s), 1, packet, metadata, ref s.A);
            default:
                return ClassicOutcome.Malformed;
        }
    }

    /// <summary>Where a load reads; where X + k must not wrap and would, or would be negative, an address that lies outside every packet.</summary>
    private static uint Address(ClassicInsn insn, in ClassicState s)
    {
        if ((insn.Code & ModeMask) != Ind)
            return insn.K;
        ulong sum = (ulong)s.X + insn.K;
        return s.WrapsAddresses || sum <= int.MaxValue ? (uint)sum : int.MaxValue;
    }

    private static ClassicOutcome LoadX(ClassicInsn insn, ref ClassicState s, ReadOnlySpan<byte> packet, uint wireLength, in PacketMetadata metadata)
    {
        switch (insn.Code)
        {
            case Ldx | Imm:
                s.X = insn.K;
                return ClassicOutcome.Running;
            case Ldx | Len:
                s.X = wireLength;
                return ClassicOutcome.Running;
            case Ldx | Mem:
                return LoadWord(insn.K, s.Memory, ref s.X);
            case Ldx | Msh | B:
                uint value = 0;
                ClassicOutcome outcome = LoadPacket(insn.K, 1, packet, metadata, ref value);
                if (outcome == ClassicOutcome.Running)
                    s.X = 4 * (value & 0xf);
                return outcome;
            default:
                return ClassicOutcome.Malformed;
        }
    }

    private static ClassicOutcome LoadPacket(uint address, int size, ReadOnlySpan<byte> packet, in PacketMetadata metadata, ref uint target)
    {
        if (!PacketBytes.TryLoad(packet, address, size, metadata, out uint value))
            return ClassicOutcome.LoadOutside;
        target = value;
        return ClassicOutcome.Running;
    }

    private static ClassicOutcome LoadWord(uint index, ReadOnlySpan<uint> memory, ref uint target)
    {
        if (index >= Limits.ClassicMemoryWords)
            return ClassicOutcome.Malformed;
        target = memory[(int)index];
        return ClassicOutcome.Running;
    }

    private static ClassicOutcome Store(ClassicInsn insn, int code, uint value, Span<uint> memory)
    {
        if (insn.Code != code || insn.K >= Limits.ClassicMemoryWords)
            return ClassicOutcome.Malformed;
        memory[(int)insn.K] = value;
        return ClassicOutcome.Running;
    }

    private static ClassicOutcome Compute(ClassicInsn insn, ref ClassicState s)
    {
        int op = insn.Code & OpMask;
        if ((insn.Code & ~(ClassMask | OpMask | X)) != 0 || op > Xor || insn.Code == (Alu | Neg | X))
            return ClassicOutcome.Malformed;
        uint b = (insn.Code & X) != 0 ? s.X : insn.K;
        return Semantics.ClassicAlu(op, s.A, b, out s.A) ? ClassicOutcome.Running : ClassicOutcome.DivisionByZero;
    }

    private static ClassicOutcome Jump(ClassicInsn insn, ref ClassicState s)
    {
        int op = insn.Code & OpMask;
        if (insn.Code == (Jmp | Ja))
        {
            long target = s.Pc + (long)(int)insn.K;
            if (target < 0 || target > int.MaxValue)
                return ClassicOutcome.Malformed;
            if (target < s.Pc && s.Fuel-- <= 0)
                return ClassicOutcome.OutOfFuel;
            s.Pc = (int)target;
            return ClassicOutcome.Running;
        }
        if ((insn.Code & ~(ClassMask | OpMask | X)) != 0 || op > Jset || op == Ja)
            return ClassicOutcome.Malformed;
        uint b = (insn.Code & X) != 0 ? s.X : insn.K;
        s.Pc += Semantics.ClassicCompare(op, s.A, b) ? insn.Jt : insn.Jf;
        return ClassicOutcome.Running;
    }

    private static ClassicOutcome Return(ClassicInsn insn, ref ClassicState s)
    {
        switch (insn.Code)
        {
            case Ret | K:
                s.Verdict = insn.K;
                return ClassicOutcome.Returned;
            case Ret | ClassicOpcode.A:
                s.Verdict = s.A;
                return ClassicOutcome.Returned;
            default:
                return ClassicOutcome.Malformed;
        }
    }

    private static ClassicOutcome Transfer(ClassicInsn insn, ref ClassicState s)
    {
        switch (insn.Code)
        {
            case Misc | Tax:
                s.X = s.A;
                return ClassicOutcome.Running;
            case Misc | Txa:
                s.A = s.X;
                return ClassicOutcome.Running;
            default:
                return ClassicOutcome.Malformed;
        }
    }
}
