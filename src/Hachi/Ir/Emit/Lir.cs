using Hachi.Ir.Emit.Allocate;
using Hachi.Isa;

namespace Hachi.Ir.Emit;

/// <summary>What a <see cref="Lir"/> becomes.</summary>
internal enum LirKind : byte
{
    /// <summary>One instruction, as its opcode says.</summary>
    Plain,

    /// <summary>A copy of a whole register: none at all when both get the same one.</summary>
    Move,

    /// <summary>A wide load of <see cref="Lir.Imm"/> with pseudo source <see cref="Lir.Pseudo"/>.</summary>
    Wide,

    /// <summary>The address of byte Imm of slot Slot: a copy of r10 and an addition.</summary>
    Address,

    /// <summary>A call with <see cref="Lir.Count"/> arguments in r1 and on; Pseudo and Imm say of what.</summary>
    Call,

    /// <summary>A jump over what follows, up to and with the next instruction that is <see cref="Lir.IsConditional"/>.</summary>
    Skip,
}

/// <summary>An eBPF instruction on virtual registers. 0 to 10 are the machine's own; those from <see cref="FirstVirtual"/> on are given registers by <see cref="RegisterAllocator"/>.</summary>
internal struct Lir
{
    /// <summary>The first register that is not the machine's.</summary>
    public const int FirstVirtual = Limits.Registers;

    /// <summary>What it is.</summary>
    public LirKind Kind;

    /// <summary>Opcode of a plain instruction or a skip.</summary>
    public byte Opcode;

    /// <summary>Pseudo source of wide loads and calls.</summary>
    public byte Pseudo;

    /// <summary>Arguments of a call.</summary>
    public byte Count;

    /// <summary>Whether a <see cref="LirKind.Skip"/> may jump over it: what it writes may stay as it was.</summary>
    public bool IsConditional;

    /// <summary>Displacement, or refinement of the operation.</summary>
    public short Offset;

    /// <summary>Destination register.</summary>
    public int Dst;

    /// <summary>Source register.</summary>
    public int Src;

    /// <summary>Immediate.</summary>
    public long Imm;

    /// <summary>The stack slot that an access through r10 (or an address) means, or -1.</summary>
    public int Slot;

    /// <summary>Where it comes from, or -1.</summary>
    public int Origin;

    /// <summary>The registers that it reads (at most 5); their number.</summary>
    public readonly int Uses(Span<int> uses)
    {
        switch (Kind)
        {
            case LirKind.Call:
                for (int i = 0; i < Count; i++)
                    uses[i] = i + 1;
                return Count;
            case LirKind.Wide or LirKind.Address:
                return 0;
            case LirKind.Move:
                uses[0] = Src;
                uses[1] = Dst;
                return IsConditional ? 2 : 1;
        }
        int count = 0, op = Opcode & Isa.Opcode.OpMask;
        bool usesSrc = (Opcode & Isa.Opcode.SourceMask) != 0 && op != Isa.Opcode.End;
        switch (Opcode & Isa.Opcode.ClassMask)
        {
            case Isa.Opcode.Alu or Isa.Opcode.Alu64:
                if (op != Isa.Opcode.Mov || IsConditional)
                    uses[count++] = Dst;
                if (usesSrc)
                    uses[count++] = Src;
                return count;
            case Isa.Opcode.Ldx:
                uses[0] = Src;
                return 1;
            case Isa.Opcode.St:
                uses[0] = Dst;
                return 1;
            case Isa.Opcode.Stx:
                (uses[0], uses[1], uses[2]) = (Dst, Src, 0);
                return IsAtomic && Imm == Isa.Opcode.Cmpxchg ? 3 : 2;
            default: // a skip's comparison
                uses[count++] = Dst;
                if (usesSrc)
                    uses[count++] = Src;
                return count;
        }
    }

    /// <summary>The registers that it writes (at most 6); their number.</summary>
    public readonly int Defs(Span<int> defs)
    {
        switch (Kind)
        {
            case LirKind.Call:
                for (int i = 0; i <= Limits.CallArgumentsMax; i++)
                    defs[i] = i;
                return Limits.CallArgumentsMax + 1;
            case LirKind.Wide or LirKind.Address or LirKind.Move:
                defs[0] = Dst;
                return 1;
            case LirKind.Skip:
                return 0;
        }
        switch (Opcode & Isa.Opcode.ClassMask)
        {
            case Isa.Opcode.St:
                return 0;
            case Isa.Opcode.Stx:
                if (!IsAtomic || (Imm & Isa.Opcode.Fetch) == 0)
                    return 0;
                defs[0] = Imm == Isa.Opcode.Cmpxchg ? 0 : Src;
                return 1;
            default:
                defs[0] = Dst;
                return 1;
        }
    }

    /// <summary>Whether it is an atomic operation.</summary>
    public readonly bool IsAtomic => Kind == LirKind.Plain && (Opcode & (Isa.Opcode.ClassMask | Isa.Opcode.ModeMask)) == (Isa.Opcode.Stx | Isa.Opcode.Atomic);

    /// <summary>Whether its destination is a register of its own, so that it can be made anew wherever the value is wanted.</summary>
    public readonly bool IsRemade => !IsConditional && (Kind is LirKind.Wide or LirKind.Address
        || (Kind == LirKind.Plain && Opcode is (Isa.Opcode.Alu64 | Isa.Opcode.Mov | Isa.Opcode.K) or (Isa.Opcode.Alu | Isa.Opcode.Mov | Isa.Opcode.K)));

    /// <summary>Renames the registers that it reads or writes.</summary>
    public void Rename(int from, int to)
    {
        if (Dst == from)
            Dst = to;
        if (Src == from)
            Src = to;
    }
}

/// <summary>How a block of <see cref="LirFunction"/> ends.</summary>
internal enum LirEnd : byte
{
    /// <summary>Goes on at True.</summary>
    Goto,

    /// <summary>Goes on at True when the comparison holds, else at False.</summary>
    Branch,

    /// <summary>Returns r0.</summary>
    Exit,
}

/// <summary>A basic block.</summary>
internal sealed class LirBlock
{
    /// <summary>Its instructions.</summary>
    public List<Lir> Insns { get; set; } = [];

    /// <summary>How it ends.</summary>
    public LirEnd End { get; set; }

    /// <summary>The comparison of a branch.</summary>
    public CompareOp Op { get; set; }

    /// <summary>Whether it compares whole registers.</summary>
    public bool IsWide { get; set; }

    /// <summary>The register compared, or -1.</summary>
    public int A { get; set; } = -1;

    /// <summary>The register that it is compared with, or -1: with <see cref="Imm"/>.</summary>
    public int B { get; set; } = -1;

    /// <summary>The number that it is compared with.</summary>
    public int Imm { get; set; }

    /// <summary>Index of the next block, or of the one when true.</summary>
    public int True { get; set; } = -1;

    /// <summary>Index of the next block when false.</summary>
    public int False { get; set; } = -1;

    /// <summary>How many loops it stands in.</summary>
    public int Depth { get; set; }

    /// <summary>Where its end comes from.</summary>
    public int Origin { get; set; } = -1;
}

/// <summary>A function on virtual registers.</summary>
internal sealed class LirFunction
{
    /// <summary>The blocks, the first one first.</summary>
    public List<LirBlock> Blocks { get; } = [];

    /// <summary>Index of the block where it starts.</summary>
    public int Entry { get; set; }

    /// <summary>The blocks that can be reached, in their order; the one where it starts is always first.</summary>
    public List<int> ReachedBlocks()
    {
        var reached = new bool[Blocks.Count];
        var work = new Stack<int>([Entry]);
        reached[Entry] = true;
        while (work.TryPop(out int b))
            foreach (int next in (ReadOnlySpan<int>)[Blocks[b].True, Blocks[b].False])
                if (next >= 0 && !reached[next])
                {
                    reached[next] = true;
                    work.Push(next);
                }
        List<int> order = [Entry];
        for (int b = 0; b < reached.Length; b++)
            if (reached[b] && b != Entry)
                order.Add(b);
        return order;
    }

    /// <summary>The slots of its stack, those of spilled registers behind the front end's.</summary>
    public List<Build.SlotSpec> Slots { get; } = [];

    /// <summary>Number of registers, the machine's among them.</summary>
    public int RegisterCount { get; private set; } = Lir.FirstVirtual;

    /// <summary>How often each virtual register has been cut: 0 a whole value, 1 a value within a block, 2 a value around one instruction.</summary>
    public List<byte> Stages { get; } = [];

    /// <summary>A new register.</summary>
    public int NewRegister(byte stage = 0)
    {
        Stages.Add(stage);
        return RegisterCount++;
    }

    /// <summary>How often a register has been cut.</summary>
    public int StageOf(int register) => register < Lir.FirstVirtual ? 0 : Stages[register - Lir.FirstVirtual];

    /// <summary>A new slot for a spilled register.</summary>
    public int NewSpillSlot()
    {
        Slots.Add(new Build.SlotSpec(8, 8));
        return Slots.Count - 1;
    }
}
