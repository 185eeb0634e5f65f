using Hachi.Ir;
using Hachi.Vm.Jit.X64.Encode;

namespace Hachi.Vm.Jit.X64.Select;

/// <summary>Instructions of the list that the allocator works on: those of the processor, registers not chosen yet, and some that stand for a few.</summary>
internal enum LirOp : byte
{
    /// <summary>Dst = the constant A.</summary>
    Const,

    /// <summary>Dst = the word of the state at Disp.</summary>
    Word,

    /// <summary>Dst = A.</summary>
    Copy,

    /// <summary>Dst = A op B, or A op memory; Code is an <see cref="Alu"/>.</summary>
    Alu,

    /// <summary>Dst = A * B, or A * memory.</summary>
    Mul,

    /// <summary>Dst = Base + Index * 2^Scale + Disp.</summary>
    Lea,

    /// <summary>Dst = A shifted by the constant or value B; Code is a <see cref="Shift"/>.</summary>
    Shift,

    /// <summary>Dst = -A.</summary>
    Neg,

    /// <summary>Dst = the low Width bytes of A or memory, zero-extended.</summary>
    ZeroExtend,

    /// <summary>Dst = the low Width bytes of A or memory, sign-extended.</summary>
    SignExtend,

    /// <summary>Dst = the low Width bytes of A reversed.</summary>
    Swap,

    /// <summary>Dst = upper half of A * B.</summary>
    MulHigh,

    /// <summary>Dst = A / B; Code: <see cref="Lir.Signed"/>, <see cref="Lir.Remainder"/>, <see cref="Lir.NotZero"/>.</summary>
    Div,

    /// <summary>Dst = C when A compares to B as Cond says, else Base.</summary>
    Select,

    /// <summary>Dst = memory, zero-extended.</summary>
    Load,

    /// <summary>Memory = A.</summary>
    Store,

    /// <summary>Memory = zeros, as many bytes as effect Aux says.</summary>
    Clear,

    /// <summary>Atomic operation of effect Aux.</summary>
    Atomic,

    /// <summary>Effect Aux, a call; arguments are A, B, C, Base, Index.</summary>
    CallHelper,

    /// <summary>The same.</summary>
    CallLocal,

    /// <summary>Effect Aux.</summary>
    Fuel,

    /// <summary>A fence.</summary>
    Fence,

    /// <summary>End of the block: on to its only successor.</summary>
    Goto,

    /// <summary>End: true when A (or memory, when A is none) compares to B as Cond says.</summary>
    Branch,

    /// <summary>End: A is r0.</summary>
    Return,

    /// <summary>End: the fault of the block.</summary>
    Fault,
}

/// <summary>How the memory operand of an instruction is found.</summary>
internal enum LirMemory : byte
{
    /// <summary>It has none.</summary>
    None,

    /// <summary>Base + Index * 2^Scale + Disp.</summary>
    Host,

    /// <summary>Guest address Base + Disp in region Aux, shown to lie there; where that is, is asked each time.</summary>
    Proven,

    /// <summary>Index is the distance from the start of the region of effect Aux, Base (none: by the table) the host address of that start, C (none: by the table) the bound.</summary>
    Bounded,

    /// <summary>Guest address Base + Disp, checked against the region of effect Aux first.</summary>
    Region,

    /// <summary>Guest address Base + Disp, found by the table.</summary>
    Any,
}

/// <summary>An instruction. Operands are values; <see cref="None"/>, or a constant by the complement of its value minus one (see <see cref="Constant"/>).</summary>
internal struct Lir
{
    /// <summary>No operand.</summary>
    public const int None = -1;

    /// <summary>Flags of divisions.</summary>
    public const byte Signed = 1, Remainder = 2, NotZero = 4;

    /// <summary>Code of branches and selections that test instead of comparing.</summary>
    public const byte Test = 1;

    public LirOp Op;
    public byte Code;

    /// <summary>Bytes of the operation: 4 or 8; of a memory operand of comparisons also 1 and 2.</summary>
    public byte Width;
    public byte Scale;
    public LirMemory Memory;
    public Cond Cond;

    /// <summary>Bit n: operand n (A, B, C, Base, Index) is not used any more. Bit 7: nor is Dst.</summary>
    public byte Last;
    public int Dst;
    public int A;
    public int B;
    public int C;
    public int Base;
    public int Index;
    public int Disp;
    public int Aux;

    /// <summary>An instruction without operands.</summary>
    public Lir(LirOp op)
    {
        Op = op;
        Dst = A = B = C = Base = Index = None;
    }

    /// <summary>Number of operands.</summary>
    public const int OperandCount = 5;

    /// <summary>An operand by its number.</summary>
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining)]
    public readonly int Operand(int index) => index switch { 0 => A, 1 => B, 2 => C, 3 => Base, _ => Index };

    /// <summary>The operand that stands for a constant value.</summary>
    public static int Constant(int value) => -2 - value;

    /// <summary>Whether an operand is a constant.</summary>
    public static bool IsConstant(int operand) => operand < None;

    /// <summary>The constant that an operand stands for.</summary>
    public static ulong ConstantOf(IrFunction f, int operand) => f.Values[-2 - operand].Imm;
}

/// <summary>The instructions of a function, by block.</summary>
internal sealed class LirList
{
    private int[] _start = new int[64], _end = new int[64];

    /// <summary>All of them; <see cref="Count"/> are in use.</summary>
    public Lir[] Insns { get; private set; } = new Lir[256];

    /// <summary>How many.</summary>
    public int Count { get; private set; }

    /// <summary>Forgets everything, keeps the storage.</summary>
    public void Clear(int blocks)
    {
        Count = 0;
        if (_start.Length < blocks)
        {
            _start = new int[blocks * 2];
            _end = new int[blocks * 2];
        }
    }

    /// <summary>Appends one.</summary>
    public void Add(in Lir insn)
    {
        if (Count == Insns.Length)
        {
            Lir[] larger = new Lir[Count * 2];
            Insns.CopyTo(larger, 0);
            Insns = larger;
        }
        Insns[Count++] = insn;
    }

    /// <summary>The instructions from one on are those of a block, the last one first: turns them round.</summary>
    public void EndBlock(int block, int start)
    {
        Array.Reverse(Insns, start, Count - start);
        (_start[block], _end[block]) = (start, Count);
    }

    /// <summary>First instruction of a block.</summary>
    public int StartOf(int block) => _start[block];

    /// <summary>The one behind its last.</summary>
    public int EndOf(int block) => _end[block];
}
