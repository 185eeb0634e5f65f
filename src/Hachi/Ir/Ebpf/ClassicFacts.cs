using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Ebpf;

/// <summary>
/// What holds before each instruction of a classic program, on every way to it: how large A, X and the words of memory can be as far as the kernel's verifier follows, what has been written,
/// how many bytes of the packet have been looked at from its start and from X.
/// </summary>
internal sealed class ClassicFacts
{
    /// <summary>What holds at one place.</summary>
    internal struct State
    {
        public bool Reached;
        public uint A, X; // greatest possible values
        public uint Written; // bits 0..15: memory words, 16: A, 17: X
        public int Absolute; // bytes guarded from the start of the packet
        public int Indexed; // bytes guarded from X, -1: no pointer there
        public unsafe fixed uint Memory[16];
    }

    /// <summary>A in <see cref="State.Written"/>.</summary>
    public const uint WrittenA = 1 << 16;

    /// <summary>X in <see cref="State.Written"/>.</summary>
    public const uint WrittenX = 1 << 17;

    private readonly State[] _before;
    private readonly bool[] _leader;

    private ClassicFacts(int length)
    {
        _before = new State[length];
        _leader = new bool[length];
    }

    /// <summary>What holds before an instruction.</summary>
    public ref readonly State this[int pc] => ref _before[pc];

    /// <summary>Whether jumps lead to an instruction, or it follows one.</summary>
    public bool IsLeader(int pc) => _leader[pc];

    /// <summary>Computes the facts; null when the program does not end with a return. A load that ends beyond <paramref name="reach"/> always rejects.</summary>
    public static ClassicFacts? Compute(StraightProgram program, int reach)
    {
        ReadOnlySpan<ClassicInsn> insns = program.Insns;
        var facts = new ClassicFacts(insns.Length);
        if (insns.Length == 0)
            return null;
        facts._leader[0] = true;
        for (int pc = 0; pc < insns.Length; pc++)
        {
            ClassicInsn insn = insns[pc];
            if ((insn.Code & ClassMask) != Jmp)
                continue;
            facts._leader[program.WhenTrue(pc)] = facts._leader[program.WhenFalse(pc)] = true;
            if (pc + 1 < insns.Length)
                facts._leader[pc + 1] = true;
        }
        facts._before[0].Reached = true;
        facts._before[0].Indexed = -1;
        for (int pc = 0; pc < insns.Length; pc++)
        {
            if (!facts._before[pc].Reached)
                continue;
            State after = facts._before[pc];
            ClassicInsn insn = insns[pc];
            facts.Step(insns, pc, ref after);
            if ((insn.Code & ClassMask) == Ret || Never(insn, reach))
                continue;
            if ((insn.Code & ClassMask) != Jmp)
            {
                if (pc + 1 == insns.Length)
                    return null;
                Meet(ref facts._before[pc + 1], after);
                continue;
            }
            Meet(ref facts._before[program.WhenTrue(pc)], after);
            Meet(ref facts._before[program.WhenFalse(pc)], after);
        }
        return facts;
    }

    /// <summary>
    /// Bytes from the start of the packet (or from X) that a load and those after it in its block need: they are all executed, so one guard serves them.
    /// </summary>
    public int Need(ReadOnlySpan<ClassicInsn> insns, int pc, bool indexed)
    {
        long need = 0;
        for (int at = pc; at < insns.Length && (at == pc || !_leader[at]); at++)
        {
            ClassicInsn insn = insns[at];
            int mode = insn.Code & ModeMask, kind = insn.Code & ClassMask;
            if (kind is Jmp or Ret)
                break;
            if (kind is Ld or Ldx && mode == (indexed ? Ind : Abs) && !(mode == Abs && insn.K >= Extension.Base))
                need = Math.Max(need, insn.K + (long)SizeOf(insn));
            if (!indexed && kind == Ldx && mode == Msh)
                need = Math.Max(need, insn.K + 1L);
            bool writesX = kind == Ldx || (kind == Misc && (insn.Code & 0xf8) == Tax);
            bool divides = kind == Alu && (insn.Code & OpMask) is Div or Mod;
            if ((indexed && writesX && at >= pc) || divides)
                break;
        }
        return (int)Math.Min(need, int.MaxValue);
    }

    /// <summary>Whether an instruction is a packet load that can never succeed.</summary>
    public static bool Never(ClassicInsn insn, int reach) =>
        (insn.Code & ClassMask) is Ld or Ldx && (insn.Code & ModeMask) is Abs or Ind or Msh && !((insn.Code & ModeMask) == Abs && insn.K >= Extension.Base)
        && insn.K + (long)SizeOf(insn) > reach;

    /// <summary>Bytes that a load reads.</summary>
    public static int SizeOf(ClassicInsn insn) => (insn.Code & SizeMask) switch { W => 4, H => 2, _ => 1 };

    private unsafe void Step(ReadOnlySpan<ClassicInsn> insns, int pc, ref State s)
    {
        ClassicInsn insn = insns[pc];
        int mode = insn.Code & ModeMask;
        switch (insn.Code & ClassMask)
        {
            case Ld:
                if (mode == Abs && insn.K < Extension.Base)
                    s.Absolute = Math.Max(s.Absolute, Need(insns, pc, false));
                if (mode == Ind)
                    s.Indexed = Math.Max(s.Indexed, Need(insns, pc, true));
                s.A = mode switch { Imm => insn.K, Mem => s.Memory[insn.K & 15], Abs or Ind when SizeOf(insn) < 4 => SizeOf(insn) == 1 ? 0xffu : 0xffff, _ => uint.MaxValue };
                s.Written |= WrittenA;
                break;
            case Ldx:
                if (mode == Msh)
                    s.Absolute = Math.Max(s.Absolute, Need(insns, pc, false));
                s.X = mode switch { Imm => insn.K, Mem => s.Memory[insn.K & 15], Msh => 60, _ => uint.MaxValue };
                s.Written |= WrittenX;
                s.Indexed = -1;
                break;
            case St:
                s.Memory[insn.K & 15] = s.A;
                s.Written |= 1u << (int)(insn.K & 15);
                break;
            case Stx:
                s.Memory[insn.K & 15] = s.X;
                s.Written |= 1u << (int)(insn.K & 15);
                break;
            case Alu:
                s.A = Greatest(insn, s.A, s.X);
                break;
            case Misc when (insn.Code & 0xf8) == Tax:
                s.X = s.A;
                s.Written |= WrittenX;
                s.Indexed = -1;
                break;
            case Misc:
                s.A = s.X;
                s.Written |= WrittenA;
                break;
        }
    }

    private static uint Greatest(ClassicInsn insn, uint a, uint x)
    {
        bool byX = (insn.Code & ClassicOpcode.X) != 0;
        ulong b = byX ? x : insn.K;
        ulong greatest = (insn.Code & OpMask) switch
        {
            Add => a + b,
            Mul => a * b,
            And => Math.Min(a, b),
            Or or Xor => Fill(a) | Fill((uint)b),
            Lsh when !byX && b < 32 => (ulong)a << (int)b,
            Rsh when !byX && b < 32 => a >> (int)b,
            _ => uint.MaxValue, // of quotients, remainders and shifts by X the kernel's verifier knows nothing
        };
        return greatest > uint.MaxValue ? uint.MaxValue : (uint)greatest;
    }

    private static uint Fill(uint v) => v == 0 ? 0 : uint.MaxValue >> System.Numerics.BitOperations.LeadingZeroCount(v);

    private static unsafe void Meet(ref State mine, in State other)
    {
        if (!mine.Reached)
        {
            mine = other;
            return;
        }
        mine.A = Math.Max(mine.A, other.A);
        mine.X = Math.Max(mine.X, other.X);
        mine.Written &= other.Written;
        mine.Absolute = Math.Min(mine.Absolute, other.Absolute);
        mine.Indexed = Math.Min(mine.Indexed, other.Indexed);
        for (int i = 0; i < 16; i++)
            mine.Memory[i] = Math.Max(mine.Memory[i], other.Memory[i]);
    }
}
