using System.Text;
using Hachi.Tests.Support;
using Hachi.Vm.Jit.X64.Encode;

namespace Hachi.Tests.Vm.Jit;

/// <summary>Every form of the encoder against what llvm-mc reads back.</summary>
public sealed class X64AssemblerTests
{
    private static readonly string[] s_wide = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
    private static readonly string[] s_narrow = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"];
    private static readonly string[] s_words = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"];
    private static readonly string[] s_bytes = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"];
    private static readonly string[] s_pointers = ["", "byte ptr ", "word ptr ", "", "dword ptr ", "", "", "", "qword ptr ", "", "", "", "", "", "", "", "xmmword ptr "];
    private static readonly string[] s_alu = ["add", "or", "", "", "and", "sub", "xor", "cmp"];
    private static readonly string[] s_shifts = ["rol", "ror", "", "", "shl", "shr", "", "sar"];
    private static readonly string[] s_unary = ["", "", "not", "neg", "mul", "imul", "div", "idiv"];
    private static readonly Cond[] s_conds = [Cond.Below, Cond.AboveOrEqual, Cond.Equal, Cond.NotEqual, Cond.BelowOrEqual, Cond.Above, Cond.Negative, Cond.NotNegative, Cond.Less, Cond.GreaterOrEqual, Cond.LessOrEqual, Cond.Greater];
    private static readonly string[] s_condNames = ["", "", "b", "ae", "e", "ne", "be", "a", "s", "ns", "", "", "l", "ge", "le", "g"];

    private readonly X64Assembler _asm = new();
    private readonly List<string> _expected = [];
    private readonly StringBuilder _bytes = new();
    private Random _random = new(1);
    private int _from;

    [Fact]
    public void Every_form_reads_back()
    {
        string tool = Tools.Need("llvm-mc-19", "llvm-19");
        _random = Volume.Random(nameof(Every_form_reads_back));
        for (int i = 0; i < Volume.Of(2000, 60); i++)
        {
            Moves();
            Arithmetic();
            Specials();
            Atomics();
        }
        string output = Tools.RunOk(tool, ["--disassemble", "-triple=x86_64", "-mattr=+bmi2,+movbe", "-output-asm-variant=1"], Encoding.ASCII.GetBytes(_bytes.ToString())).Text;
        string[] theirs = [.. output.Split('\n').Select(line => Plain(line)).Where(line => line.Length > 0 && line[0] != '.')];
        Assert.Equal(_expected.Count, theirs.Length);
        for (int i = 0; i < theirs.Length; i++)
            Assert.True(theirs[i] == _expected[i], $"written `{_expected[i]}`, llvm-mc reads `{theirs[i]}`, {Volume.Note}");
    }

    [Fact]
    public void Jumps_reach_their_labels()
    {
        string tool = Tools.Need("llvm-mc-19", "llvm-19");
        int back = _asm.NewLabel(), ahead = _asm.NewLabel();
        _asm.Place(back);
        _asm.Return();
        _asm.JumpIf(Cond.Less, back);
        _asm.Jump(back);
        _asm.JumpIf(Cond.Above, ahead);
        _asm.Jump(ahead);
        _asm.Call(ahead);
        _asm.LeaLabel(Reg.R9, ahead);
        for (int i = 0; i < 200; i++)
            _asm.Return();
        _asm.Jump(back);
        _asm.JumpIf(Cond.Equal, back);
        _asm.Place(ahead);
        _asm.Align(16);
        _asm.Link();
        Assert.Equal(0, _asm.Length & 15);
        string hex = string.Join(' ', _asm.Code.ToArray().Select(b => $"0x{b:x2}"));
        string[] lines = [.. Tools.RunOk(tool, ["--disassemble", "-triple=x86_64", "-output-asm-variant=1"], Encoding.ASCII.GetBytes(hex)).Text.Split('\n').Select(Plain).Where(line => line.Length > 0 && line[0] != '.')];
        int end = _asm.PositionOf(ahead);
        Assert.Equal(["ret", "jl -3", "jmp -5", $"ja {end - 11}", $"jmp {end - 16}", $"call {end - 21}", $"lea r9, [rip + {end - 28}]"], lines[..7]);
        Assert.Equal($"jmp {-(28 + 200 + 5)}", lines[207]);
        Assert.Equal($"je {-(28 + 200 + 11)}", lines[208]);
        Assert.All(lines[209..], line => Assert.Contains("nop", line));
    }

    private static string Plain(string line)
    {
        int comment = line.IndexOf('#');
        line = (comment >= 0 ? line[..comment] : line).Trim().Replace('\t', ' ');
        // Some immediates are printed without a sign.
        int last = line.LastIndexOf(' ') + 1;
        if (line.StartsWith("movabs", StringComparison.Ordinal) || !long.TryParse(line[last..], out long k))
            return line;
        int bits = line.Contains(" byte ptr", StringComparison.Ordinal) ? 8 : line.Contains(" word ptr", StringComparison.Ordinal) ? 16 : 32;
        return k >= 1L << (bits - 1) && k < 1L << bits ? line[..last] + (k - (1L << bits)) : line;
    }

    private void Moves()
    {
        Reg a = R(), b = R();
        Mem m = M();
        int small = _random.Next(-128, 128), k = K(), size = 1 << _random.Next(4);
        bool wide = _random.Next(2) == 0;
        Is($"mov {N(a, wide)}, {N(b, wide)}", () => _asm.Move(wide, a, b));
        Is(size < 4 ? $"movzx {N(a, false)}, {At(m, size)}" : $"mov {N(a, size == 8)}, {At(m, size)}", () => _asm.Load(size, a, m));
        if (size < 8)
            Is($"movs{(size == 4 ? "xd" : "x")} {N(a, true)}, {At(m, size)}", () => _asm.LoadSigned(size, a, m));
        if (size > 1)
            Is($"movbe {(size == 2 ? s_words[(int)a] : N(a, size == 8))}, {At(m, size)}", () => _asm.LoadSwapped(size, a, m));
        Is($"mov {At(m, size)}, {OfSize(a, size)}", () => _asm.Store(size, m, a));
        Is($"mov {At(m, size)}, {(size == 1 ? small : size == 2 ? (short)k : k)}", () => _asm.StoreConst(size, m, size == 1 ? small : k));
        int half = 1 << _random.Next(3);
        Is(half == 4 ? $"mov {N(a, false)}, {N(b, false)}" : $"movzx {N(a, false)}, {OfSize(b, half)}", () => _asm.ZeroExtend(half, a, b));
        Is($"movs{(half == 4 ? "xd" : "x")} {N(a, true)}, {OfSize(b, half)}", () => _asm.SignExtend(half, a, b));
        Is($"lea {N(a, wide)}, {At(m, 0)}", () => _asm.Lea(wide, a, m));
        ulong big = (ulong)_random.NextInt64(long.MinValue, long.MaxValue) >> _random.Next(64);
        Is(big == (uint)big ? $"mov {N(a, false)}, {(int)big}" : (long)big == (int)big ? $"mov {N(a, true)}, {(int)big}" : $"movabs {N(a, true)}, {(long)big}", () => _asm.MoveConst(a, big));
        Is($"push {N(a, true)}", () => _asm.Push(a));
        Is($"pop {N(a, true)}", () => _asm.Pop(a));
    }

    private void Arithmetic()
    {
        Reg a = R(), b = R();
        Mem m = M();
        int k = K(), size = _random.Next(2) == 0 ? 8 : 4;
        bool wide = size == 8;
        foreach (Alu op in Enum.GetValues<Alu>())
        {
            string name = s_alu[(int)op];
            Is($"{name} {N(a, wide)}, {N(b, wide)}", () => _asm.Alu(op, wide, a, b));
            Is($"{name} {N(a, wide)}, {At(m, size)}", () => _asm.Alu(op, wide, a, m));
            Is($"{name} {At(m, size)}, {N(a, wide)}", () => _asm.Alu(op, wide, m, a));
            Is($"{name} {N(a, wide)}, {k}", () => _asm.Alu(op, wide, a, k));
            Is($"{name} {At(m, size)}, {k}", () => _asm.Alu(op, wide, m, k));
        }
        foreach (Shift op in Enum.GetValues<Shift>())
        {
            int count = _random.Next(1, size * 8);
            Is(count == 1 ? $"{s_shifts[(int)op]} {N(a, wide)}" : $"{s_shifts[(int)op]} {N(a, wide)}, {count}", () => _asm.Shift(op, wide, a, count));
            Is($"{s_shifts[(int)op]} {N(a, wide)}, cl", () => _asm.ShiftByCl(op, wide, a));
            if (op is Shift.Shl or Shift.Shr or Shift.Sar)
                Is($"{s_shifts[(int)op]}x {N(a, wide)}, {N(b, wide)}, {N(m.Base, wide)}", () => _asm.ShiftBy(op, wide, a, b, m.Base));
            Is($"rorx {N(a, wide)}, {N(b, wide)}, {count}", () => _asm.RotateRight(wide, a, b, count));
        }
        foreach (Unary op in Enum.GetValues<Unary>())
        {
            Is($"{s_unary[(int)op]} {N(a, wide)}", () => _asm.Unary(op, wide, a));
            Is($"{s_unary[(int)op]} {At(m, size)}", () => _asm.Unary(op, wide, m));
        }
        Is($"imul {N(a, wide)}, {N(b, wide)}", () => _asm.Multiply(wide, a, b));
        Is($"imul {N(a, wide)}, {At(m, size)}", () => _asm.Multiply(wide, a, m));
        Is($"imul {N(a, wide)}, {N(b, wide)}, {k}", () => _asm.Multiply(wide, a, b, k));
        Is($"mulx {N(a, true)}, {N(b, true)}, {N(m.Base, true)}", () => _asm.MultiplyHigh(a, b, m.Base));
    }

    private void Specials()
    {
        Reg a = R(), b = R();
        Mem m = M();
        int k = K(), size = _random.Next(2) == 0 ? 8 : 4, small = _random.Next(-128, 128);
        bool wide = size == 8;
        Is($"test {N(a, wide)}, {N(b, wide)}", () => _asm.Test(wide, a, b));
        Is($"test {At(m, size)}, {N(b, wide)}", () => _asm.Test(wide, m, b));
        Is(k is >= 0 and < 128 ? $"test {s_bytes[(int)a]}, {k}" : $"test {N(a, wide)}, {k}", () => _asm.Test(wide, a, k));
        Is($"test {At(m, size)}, {k}", () => _asm.Test(wide, m, k));
        Is($"test {At(m, 1)}, {small}", () => _asm.TestByte(m, small));
        Is($"cmp {At(m, 1)}, {small}", () => _asm.CompareByte(m, small));
        Is($"cmp {s_bytes[(int)a]}, {At(m, 1)}", () => _asm.CompareByte(a, m));
        Is($"bswap {N(a, wide)}", () => _asm.ByteSwap(wide, a));
        Is($"rol {s_words[(int)a]}, 8", () => _asm.SwapLowBytes(a));
        Is(wide ? "cqo" : "cdq", () => _asm.SignToRdx(wide));
        Cond cond = s_conds[_random.Next(s_conds.Length)];
        Is($"cmov{s_condNames[(int)cond]} {N(a, wide)}, {N(b, wide)}", () => _asm.MoveIf(cond, wide, a, b));
        Is($"cmov{s_condNames[(int)cond]} {N(a, wide)}, {At(m, size)}", () => _asm.MoveIf(cond, wide, a, m));
        Is($"set{s_condNames[(int)cond]} {s_bytes[(int)a]}", () => _asm.Set(cond, a));
        Is($"call {At(m, 8)}", () => _asm.Call(m));
        Is($"jmp {N(a, true)}", () => _asm.JumpTo(a));
        Is("stc", () => _asm.SetCarry(true));
        Is("clc", () => _asm.SetCarry(false));
        Is("pxor xmm0, xmm0", () => _asm.ZeroVector());
        Is($"movups {At(m, 16)}, xmm0", () => _asm.StoreVector(m));
        Is("mfence", () => _asm.Fence());
    }

    private void Atomics()
    {
        Reg a = R();
        Mem m = M();
        int size = _random.Next(2) == 0 ? 8 : 4;
        bool wide = size == 8;
        foreach (Alu op in new[] { Alu.Add, Alu.Or, Alu.And, Alu.Xor })
        {
            // llvm-mc prints the prefix on a line of its own.
            _expected.Add("lock");
            Is($"{s_alu[(int)op]} {At(m, size)}, {N(a, wide)}", () => _asm.Locked(op, wide, m, a));
        }
        _expected.Add("lock");
        Is($"xadd {At(m, size)}, {N(a, wide)}", () => _asm.ExchangeAdd(wide, m, a));
        Is($"xchg {At(m, size)}, {N(a, wide)}", () => _asm.Exchange(wide, m, a));
        _expected.Add("lock");
        Is($"cmpxchg {At(m, size)}, {N(a, wide)}", () => _asm.CompareExchange(wide, m, a));
    }

    private void Is(string text, Action emit)
    {
        _from = _asm.Length;
        emit();
        _expected.Add(text);
        foreach (byte b in _asm.Code[_from..])
            _bytes.Append($"0x{b:x2} ");
        _bytes.Append('\n');
    }

    private Reg R() => (Reg)_random.Next(16);

    private int K() => _random.Next(3) switch { 0 => _random.Next(-128, 128), 1 => _random.Next(-130, 130), _ => _random.Next(int.MinValue, int.MaxValue) };

    private Mem M()
    {
        var index = (Reg)_random.Next(17);
        if (index == Reg.Rsp)
            index = Reg.None;
        return new Mem(R(), index, index == Reg.None ? 0 : _random.Next(4), _random.Next(3) == 0 ? 0 : K());
    }

    private static string N(Reg reg, bool wide) => wide ? s_wide[(int)reg] : s_narrow[(int)reg];

    private static string OfSize(Reg reg, int size) => size switch { 1 => s_bytes[(int)reg], 2 => s_words[(int)reg], 4 => s_narrow[(int)reg], _ => s_wide[(int)reg] };

    private static string At(Mem m, int size)
    {
        var text = new StringBuilder(s_pointers[size]);
        text.Append('[').Append(s_wide[(int)m.Base]);
        if (m.Index != Reg.None)
            text.Append(" + ").Append(m.Scale == 0 ? "" : $"{1 << m.Scale}*").Append(s_wide[(int)m.Index]);
        if (m.Displacement != 0)
            text.Append(m.Displacement < 0 ? " - " : " + ").Append(Math.Abs((long)m.Displacement));
        return text.Append(']').ToString();
    }
}
