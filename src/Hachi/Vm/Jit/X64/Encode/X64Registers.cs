namespace Hachi.Vm.Jit.X64.Encode;

/// <summary>The general registers of x86-64, by their number in machine code.</summary>
internal enum Reg : byte
{
    Rax,
    Rcx,
    Rdx,
    Rbx,
    Rsp,
    Rbp,
    Rsi,
    Rdi,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,

    /// <summary>No register.</summary>
    None,
}

/// <summary>Conditions, by their number in machine code. The lowest bit negates.</summary>
internal enum Cond : byte
{
    Below = 2,
    AboveOrEqual,
    Equal,
    NotEqual,
    BelowOrEqual,
    Above,
    Negative,
    NotNegative,
    Less = 12,
    GreaterOrEqual,
    LessOrEqual,
    Greater,
}

/// <summary>The arithmetic of two operands that has one encoding, by its number.</summary>
internal enum Alu : byte
{
    Add,
    Or,
    And = 4,
    Sub,
    Xor,
    Cmp,
}

/// <summary>Shifts, by their number in machine code.</summary>
internal enum Shift : byte
{
    Rol,
    Ror,
    Shl = 4,
    Shr,
    Sar = 7,
}

/// <summary>The arithmetic of one operand that has one encoding (opcode F7), by its number.</summary>
internal enum Unary : byte
{
    Not = 2,
    Neg,
    Mul,
    Imul,
    Div,
    Idiv,
}

/// <summary>A place in memory: Base + Index * 2^Scale + Displacement; without Base and Index, see the assembler.</summary>
/// <param name="Base">A register, or none.</param>
/// <param name="Index">A register other than rsp, or none.</param>
/// <param name="Scale">0 to 3.</param>
/// <param name="Displacement">Bytes.</param>
internal readonly record struct Mem(Reg Base, Reg Index, int Scale, int Displacement)
{
    /// <summary>Base + displacement.</summary>
    public Mem(Reg basis, int displacement = 0)
        : this(basis, Reg.None, 0, displacement)
    {
    }
}

/// <summary>What conditions mean.</summary>
internal static class Conds
{
    /// <summary>The opposite.</summary>
    public static Cond Not(this Cond cond) => cond ^ (Cond)1;

    /// <summary>The condition that holds for (b, a) when this one holds for (a, b).</summary>
    public static Cond Swapped(this Cond cond) => cond switch
    {
        Cond.Below => Cond.Above,
        Cond.Above => Cond.Below,
        Cond.AboveOrEqual => Cond.BelowOrEqual,
        Cond.BelowOrEqual => Cond.AboveOrEqual,
        Cond.Less => Cond.Greater,
        Cond.Greater => Cond.Less,
        Cond.GreaterOrEqual => Cond.LessOrEqual,
        Cond.LessOrEqual => Cond.GreaterOrEqual,
        _ => cond,
    };
}
