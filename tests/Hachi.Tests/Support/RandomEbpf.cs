using Hachi.Isa;
using static Hachi.Isa.Opcode;

namespace Hachi.Tests.Support;

/// <summary>
/// Random eBPF programs that the kernel accepts: arithmetic of every kind, jumps, bounded loops, stack and context memory, moving stack addresses, atomics, calls. They begin by
/// loading registers and stack words from the context (r1, <see cref="ContextBytes"/>) and end by storing all of them there.
/// </summary>
internal sealed class RandomEbpf(Random random)
{
    /// <summary>Bytes of the context.</summary>
    public const int ContextBytes = 256;

    /// <summary>The register that points at the context, and the one that holds nothing between two statements.</summary>
    public const int Context = 6, Scratch = 1;

    private const int StackWords = 8;
    private static readonly int[] s_registers = [0, 2, 3, 4, 5, 7, 8, 9];
    private static readonly int[] s_jumps = [Jeq, Jgt, Jge, Jset, Jne, Jsgt, Jsge, Jlt, Jle, Jslt, Jsle];
    private static readonly int[] s_alu = [Add, Sub, Mul, Div, Or, And, Lsh, Rsh, Mod, Xor, Mov, Arsh];
    private static readonly int[] s_atomics = [Add, Or, And, Xor, Add | Fetch, Or | Fetch, And | Fetch, Xor | Fetch, Xchg, Cmpxchg];
    private readonly List<Insn> _code = [];
    private readonly List<int> _calls = [];

    /// <summary>Makes a program.</summary>
    /// <param name="statements">Statements of the main function, about.</param>
    public Insn[] Make(int statements)
    {
        _code.Clear();
        _calls.Clear();
        Emit(Alu64 | Mov | X, Context, 1);
        LoadRegisters(s_registers);
        for (int i = 0; i < StackWords; i++)
        {
            Emit(Ldx | Mem | Dw, 1, Context, 64 + i * 8);
            Emit(Stx | Mem | Dw, 10, 1, -(i + 1) * 8);
        }
        Body(statements, depth: 0);
        for (int i = 0; i < s_registers.Length; i++)
            Emit(Stx | Mem | Dw, Context, s_registers[i], i * 8);
        for (int i = 0; i < StackWords; i++)
        {
            Emit(Ldx | Mem | Dw, 1, 10, -(i + 1) * 8);
            Emit(Stx | Mem | Dw, Context, 1, 64 + i * 8);
        }
        Emit(Alu64 | Mov | K, 0);
        Emit(Jmp | Exit);
        foreach (int call in _calls)
            Callee(call);
        return [.. _code];
    }

    private void Body(int statements, int depth)
    {
        for (int i = 0; i < statements; i++)
            switch (random.Next(depth == 0 ? 22 : 19))
            {
                case < 12:
                    Arithmetic(s_registers, s_registers[random.Next(s_registers.Length)]);
                    break;
                case < 15:
                    Memory();
                    break;
                case 15:
                    MovingStack();
                    break;
                case 16:
                    Atomics();
                    break;
                case < 19 when depth < 3:
                    Branch(depth);
                    break;
                case 19 when _calls.Count < 4:
                    CallFunction();
                    break;
                case >= 19:
                    Loop(depth);
                    break;
            }
    }

    private void Arithmetic(int[] sources, int dst)
    {
        int cls = random.Next(2) == 0 ? Alu64 : Alu, src = sources[random.Next(sources.Length)];
        switch (random.Next(12))
        {
            case 0:
                Emit(cls | Neg, dst);
                return;
            case 1:
                Emit((random.Next(2) == 0 ? Alu64 : Alu | (random.Next(2) * 8)) | End, dst, 0, 0, 16 << random.Next(3));
                return;
            case 2:
                Emit(cls | Mov | X, dst, src, cls == Alu64 ? 8 << random.Next(3) : 8 << random.Next(2));
                return;
            case 3:
                Emit(cls | (random.Next(2) == 0 ? Div : Mod) | X, dst, src, 1);
                return;
            case 4: // a rotate, as compilers write it
                int count = random.Next(1, cls == Alu64 ? 64 : 32), other = sources[random.Next(sources.Length)];
                if (other == dst)
                    return;
                Emit(cls | Mov | X, other, dst);
                Emit(cls | Lsh | K, dst, 0, 0, count);
                Emit(cls | Rsh | K, other, 0, 0, (cls == Alu64 ? 64 : 32) - count);
                Emit(cls | (random.Next(3) switch { 0 => Or, 1 => Xor, _ => Add }) | X, dst, other);
                return;
        }
        int op = s_alu[random.Next(s_alu.Length)];
        if (random.Next(2) == 0)
        {
            Emit(cls | op | X, dst, src);
            return;
        }
        int imm = Number();
        if (op is Lsh or Rsh or Arsh)
            imm = random.Next(cls == Alu64 ? 64 : 32);
        if (op is Div or Mod && imm == 0)
            imm = 7;
        Emit(cls | op | K, dst, 0, op is Div or Mod && random.Next(3) == 0 ? 1 : 0, imm);
    }

    private int Number() => random.Next(6) switch
    {
        0 => random.Next(-4, 5),
        1 => 1 << random.Next(32),
        2 => (1 << random.Next(32)) - 1,
        3 => random.Next(256),
        _ => random.Next(int.MinValue, int.MaxValue),
    };

    private void Memory()
    {
        int size = random.Next(4) switch { 0 => B, 1 => H, 2 => W, _ => Dw }, bytes = SizeOf(size), register = s_registers[random.Next(s_registers.Length)];
        bool isStack = random.Next(2) == 0;
        int offset = isStack ? -StackWords * 8 + random.Next(StackWords * 8 / bytes) * bytes : 128 + random.Next(128 / bytes) * bytes, at = isStack ? 10 : Context;
        switch (random.Next(4))
        {
            case 0:
                Emit(Stx | Mem | size, at, register, offset);
                break;
            case 1:
                Emit(St | Mem | size, at, 0, offset, Number());
                break;
            case 2 when size != Dw && isStack:
                Emit(Ldx | Memsx | size, register, at, offset);
                break;
            default:
                Emit(Ldx | Mem | size, register, at, offset);
                break;
        }
    }

    // A stack address with a variable in it, bounded by a mask.
    private void MovingStack()
    {
        int index = s_registers[random.Next(s_registers.Length)], other = s_registers[random.Next(s_registers.Length)];
        Emit(Alu64 | And | K, index, 0, 0, 0x38);
        Emit(Alu64 | Mov | X, 1, 10);
        Emit(Alu64 | Add | K, 1, 0, 0, -StackWords * 8);
        Emit(Alu64 | Add | X, 1, index);
        if (random.Next(2) == 0)
            Emit(Stx | Mem | Dw, 1, other, 0);
        else
            Emit(Ldx | Mem | Dw, other, 1, 0);
    }

    private void Atomics()
    {
        bool isWide = random.Next(2) == 0;
        int op = s_atomics[random.Next(s_atomics.Length)], register = s_registers[random.Next(s_registers.Length)];
        Emit(Stx | Atomic | (isWide ? Dw : W), 10, register, -(random.Next(StackWords) + 1) * 8, op);
        if (op == Cmpxchg && !isWide)
            Emit(Alu | Mov | X, 0, 0); // RFC 9669: zero-extended. Linux 6.18 was seen to leave the upper half of r0 as it was when the exchange took place
    }

    private void Branch(int depth)
    {
        int cls = random.Next(2) == 0 ? Jmp : Jmp32, op = s_jumps[random.Next(s_jumps.Length)], dst = s_registers[random.Next(s_registers.Length)];
        int at = _code.Count;
        bool isRegister = random.Next(2) == 0;
        int src = isRegister ? s_registers[random.Next(s_registers.Length)] : 0, imm = isRegister ? 0 : Number();
        Emit(0);
        Body(random.Next(1, 5), depth + 1);
        bool hasElse = random.Next(2) == 0;
        int over = _code.Count;
        if (hasElse)
            Emit(0);
        _code[at] = new Insn(cls | op | (isRegister ? X : K), dst, src, _code.Count - at - 1, imm);
        if (!hasElse)
            return;
        Body(random.Next(1, 4), depth + 1);
        _code[over] = new Insn(Jmp | Ja, 0, 0, _code.Count - over - 1);
    }

    // A counted loop; the counter lies on the stack below the words, so the body may use every register.
    private void Loop(int depth)
    {
        const int counter = -(StackWords + 1) * 8;
        Emit(St | Mem | Dw, 10, 0, counter, random.Next(1, 5));
        int head = _code.Count;
        Body(random.Next(1, 5), Math.Max(depth, 2));
        Emit(Ldx | Mem | Dw, 1, 10, counter);
        Emit(Alu64 | Add | K, 1, 0, 0, -1);
        Emit(Stx | Mem | Dw, 10, 1, counter);
        Emit(Jmp | Jne | K, 1, 0, head - _code.Count - 1, 0);
    }

    private void CallFunction()
    {
        Emit(Alu64 | Mov | X, 1, s_registers[random.Next(s_registers.Length)]);
        _calls.Add(_code.Count);
        Emit(Jmp | Call, 0, Pseudo.Call);
        LoadRegisters([2, 3, 4, 5]); // a call leaves them undefined
    }

    private void Callee(int call)
    {
        _code[call] = new Insn(Jmp | Call, 0, Pseudo.Call, 0, _code.Count - call - 1);
        int[] registers = [1, 2, 3, 4, 5];
        Emit(Stx | Mem | Dw, 10, 1, -8);
        int statements = random.Next(1, 8);
        for (int i = 0; i < statements; i++)
            Arithmetic(registers, registers[random.Next(registers.Length)]);
        Emit(Alu64 | Mov | X, 0, registers[random.Next(registers.Length)]);
        Emit(Ldx | Mem | Dw, 1, 10, -8);
        Emit(Alu64 | Add | X, 0, 1);
        Emit(Jmp | Exit);
    }

    private void LoadRegisters(int[] registers)
    {
        foreach (int register in registers)
            Emit(Ldx | Mem | Dw, register, Context, Array.IndexOf(s_registers, register) * 8);
    }

    private void Emit(int opcode, int dst = 0, int src = 0, int offset = 0, int imm = 0) => _code.Add(new Insn(opcode, dst, src, offset, imm));
}
