using Hachi.Isa;

namespace Hachi.Tests.Isa;

public sealed class SemanticsTests
{
    // RFC 9669 section 4.1: what division by zero, overflow and long shifts give.
    [Theory]
    [InlineData(AluOp.Div, 7ul, 0ul, 0ul)]
    [InlineData(AluOp.SDiv, 7ul, 0ul, 0ul)]
    [InlineData(AluOp.Mod, 7ul, 0ul, 7ul)]
    [InlineData(AluOp.SMod, 7ul, 0ul, 7ul)]
    [InlineData(AluOp.SDiv, 0x8000000000000000ul, ulong.MaxValue, 0x8000000000000000ul)]
    [InlineData(AluOp.SMod, 0x8000000000000000ul, ulong.MaxValue, 0ul)]
    [InlineData(AluOp.SMod, unchecked((ulong)-13L), 3ul, unchecked((ulong)-1L))]
    [InlineData(AluOp.SMod, 13ul, unchecked((ulong)-3L), 1ul)]
    [InlineData(AluOp.SDiv, unchecked((ulong)-13L), 3ul, unchecked((ulong)-4L))]
    [InlineData(AluOp.Lsh, 1ul, 65ul, 2ul)]
    [InlineData(AluOp.Arsh, 0x8000000000000000ul, 63ul, ulong.MaxValue)]
    [InlineData(AluOp.Neg, 1ul, 99ul, ulong.MaxValue)]
    [InlineData(AluOp.Mul, 0xffffffffffffffff, 3ul, unchecked((ulong)-3L))]
    public void Alu64(AluOp op, ulong a, ulong b, ulong expected) => Assert.Equal(expected, Semantics.Alu64(op, a, b));

    [Theory]
    [InlineData(AluOp.Div, 7u, 0u, 0u)]
    [InlineData(AluOp.Mod, 7u, 0u, 7u)]
    [InlineData(AluOp.SDiv, 0x80000000u, uint.MaxValue, 0x80000000u)]
    [InlineData(AluOp.SMod, 0x80000000u, uint.MaxValue, 0u)]
    [InlineData(AluOp.Lsh, 1u, 33u, 2u)]
    [InlineData(AluOp.Arsh, 0x80000000u, 31u, uint.MaxValue)]
    public void Alu32(AluOp op, uint a, uint b, uint expected) => Assert.Equal(expected, Semantics.Alu32(op, a, b));

    [Fact]
    public void Whole_instructions_extend_and_truncate_as_the_standard_says()
    {
        Insn mov32 = new(Opcode.Alu | Opcode.Mov | Opcode.K, 1, imm: -1);
        Insn mov64 = new(Opcode.Alu64 | Opcode.Mov | Opcode.K, 1, imm: -1);
        Insn movsx = new(Opcode.Alu | Opcode.Mov | Opcode.X, 1, 2, 8);
        Insn sdiv = new(Opcode.Alu64 | Opcode.Div | Opcode.K, 1, 0, 1, -2);
        Insn be16 = new(Opcode.Alu | Opcode.End | Opcode.ToBe, 1, imm: 16);
        Insn le32 = new(Opcode.Alu | Opcode.End | Opcode.ToLe, 1, imm: 32);
        Insn bswap64 = new(Opcode.Alu64 | Opcode.End, 1, imm: 64);
        Assert.Equal(0xffffffffu, Semantics.Eval(mov32, 0, 0));
        Assert.Equal(ulong.MaxValue, Semantics.Eval(mov64, 0, 0));
        Assert.Equal(0xffffff80u, Semantics.Eval(movsx, 0, 0x1280));
        Assert.Equal(unchecked((ulong)-5L), Semantics.Eval(sdiv, 10, 0));
        Assert.Equal(0x3412u, Semantics.Eval(be16, 0xffff1234, 0));
        Assert.Equal(0x55667788u, Semantics.Eval(le32, 0x1122334455667788, 0));
        Assert.Equal(0x8877665544332211, Semantics.Eval(bswap64, 0x1122334455667788, 0));
    }

    [Fact]
    public void Comparisons_of_immediates_extend_the_sign()
    {
        Assert.True(Semantics.Taken(new Insn(Opcode.Jmp | Opcode.Jeq, imm: -1), ulong.MaxValue, 0));
        Assert.False(Semantics.Taken(new Insn(Opcode.Jmp | Opcode.Jeq, imm: -1), uint.MaxValue, 0));
        Assert.True(Semantics.Taken(new Insn(Opcode.Jmp32 | Opcode.Jeq, imm: -1), uint.MaxValue, 0));
        Assert.True(Semantics.Taken(new Insn(Opcode.Jmp32 | Opcode.Jslt, imm: 0), 0x80000000, 0));
    }

    [Fact]
    public void Atomics_change_the_width_they_have()
    {
        Assert.Equal(0u, Semantics.Atomic(Opcode.Add | Opcode.Fetch, 0xffffffff, 1, 0, 32));
        Assert.Equal(0x100000000u, Semantics.Atomic(Opcode.Add, 0xffffffff, 1, 0, 64));
        Assert.Equal(9u, Semantics.Atomic(Opcode.Cmpxchg, 5, 9, 0x700000005, 32));
        Assert.Equal(5u, Semantics.Atomic(Opcode.Cmpxchg, 5, 9, 0x700000005, 64));
        Assert.Equal(9u, Semantics.Atomic(Opcode.Xchg, 5, 9, 0, 64));
    }

    [Theory]
    [InlineData(ClassicOpcode.Lsh, 1u, 32u, true, 0u)]
    [InlineData(ClassicOpcode.Rsh, 1u, 40u, true, 0u)]
    [InlineData(ClassicOpcode.Div, 7u, 0u, false, 0u)]
    [InlineData(ClassicOpcode.Mod, 7u, 0u, false, 0u)]
    [InlineData(ClassicOpcode.Mod, 7u, 4u, true, 3u)]
    [InlineData(ClassicOpcode.Sub, 1u, 2u, true, uint.MaxValue)]
    public void Classic_arithmetic(int code, uint a, uint b, bool goesOn, uint expected)
    {
        Assert.Equal(goesOn, Semantics.ClassicAlu(code, a, b, out uint result));
        Assert.Equal(expected, result);
    }
}
