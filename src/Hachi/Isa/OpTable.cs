using static Hachi.Isa.ConformanceGroup;
using static Hachi.Isa.Opcode;

namespace Hachi.Isa;

/// <summary>
/// Which instructions there are: RFC 9669 and what Linux added since. Assembler, disassembler, validity, the reference page, completeness tests and
/// the generator of random programs derive from these rows.
/// </summary>
public static class OpTable
{
    /// <summary>Every form, by opcode.</summary>
    public static IReadOnlyList<OpForm> Forms => s_forms;

    private static readonly KernelVersion s_v4 = new(6, 6), s_fetch = new(5, 12), s_branch = new(4, 14), s_jump32 = new(5, 1), s_ordered = new(6, 15);

    private static readonly OpForm[] s_forms = Build();
    private static readonly OpForm[][] s_byOpcode = Group(256, form => form.Opcode);
    private static readonly OpForm[][] s_byShape = Group((int)Shape.PacketIndirect + 1, form => (int)form.Shape);

    /// <summary>The forms of an opcode; empty when there are none.</summary>
    public static ReadOnlySpan<OpForm> ByOpcode(byte opcode) => s_byOpcode[opcode];

    /// <summary>The forms of a shape.</summary>
    public static ReadOnlySpan<OpForm> ByShape(Shape shape) => s_byShape[(int)shape];

    /// <summary>The form of an instruction: its reserved fields are zero and its registers exist. Null when it has none. For wide ones, look at the second slot too.</summary>
    public static OpForm? Find(in Insn insn)
    {
        foreach (OpForm form in s_byOpcode[insn.Opcode])
            if (form.Matches(insn))
                return form;
        return null;
    }

    /// <summary>The form with this shape, symbol and width, or null.</summary>
    public static OpForm? Find(Shape shape, ReadOnlySpan<char> symbol, int bits)
    {
        foreach (OpForm form in s_byShape[(int)shape])
            if (form.Bits == bits && symbol.SequenceEqual(form.Symbol))
                return form;
        return null;
    }

    private static OpForm[] Build()
    {
        var rows = new List<OpForm>();
        Arithmetic(rows);
        Jumps(rows);
        Memory(rows);
        Atomics(rows);
        Wide(rows);
        return [.. rows.OrderBy(form => form.Opcode)];
    }

    private static void Arithmetic(List<OpForm> rows)
    {
        Binary(rows, "add", "+=", Add, Base32, Base64);
        Binary(rows, "sub", "-=", Sub, Base32, Base64);
        Binary(rows, "mul", "*=", Mul, Divmul32, Divmul64);
        Binary(rows, "div", "/=", Div, Divmul32, Divmul64);
        Binary(rows, "sdiv", "s/=", Div, Divmul32, Divmul64, isSigned: true);
        Binary(rows, "or", "|=", Or, Base32, Base64);
        Binary(rows, "and", "&=", And, Base32, Base64);
        Binary(rows, "lsh", "<<=", Lsh, Base32, Base64);
        Binary(rows, "rsh", ">>=", Rsh, Base32, Base64);
        Binary(rows, "mod", "%=", Mod, Divmul32, Divmul64);
        Binary(rows, "smod", "s%=", Mod, Divmul32, Divmul64, isSigned: true);
        Binary(rows, "xor", "^=", Xor, Base32, Base64);
        Binary(rows, "mov", "=", Mov, Base32, Base64);
        Binary(rows, "arsh", "s>>=", Arsh, Base32, Base64);

        rows.Add(Row(Alu | Neg, Shape.Negate, "neg32", "-", 32, Base32) with { Src = 0, Offset = 0, Imm = 0, Mcpu = 3 });
        rows.Add(Row(Alu64 | Neg, Shape.Negate, "neg", "-", 64, Base64) with { Src = 0, Offset = 0, Imm = 0 });

        MoveSigned(rows, Alu, 32, 8, Base32);
        MoveSigned(rows, Alu, 32, 16, Base32);
        MoveSigned(rows, Alu64, 64, 8, Base64);
        MoveSigned(rows, Alu64, 64, 16, Base64);
        MoveSigned(rows, Alu64, 64, 32, Base64);

        foreach (int bits in (ReadOnlySpan<int>)[16, 32, 64])
        {
            ConformanceGroup group = bits == 64 ? Base64 : Base32;
            rows.Add(Row(Alu | End | ToLe, Shape.ByteOrder, $"le{bits}", $"le{bits}", 64, group) with { Src = 0, Offset = 0, Imm = bits });
            rows.Add(Row(Alu | End | ToBe, Shape.ByteOrder, $"be{bits}", $"be{bits}", 64, group) with { Src = 0, Offset = 0, Imm = bits });
            rows.Add(Row(Alu64 | End, Shape.ByteOrder, $"bswap{bits}", $"bswap{bits}", 64, group) with { Src = 0, Offset = 0, Imm = bits, Mcpu = 4, Kernel = s_v4 });
        }

        foreach (int spaces in (ReadOnlySpan<int>)[1, 1 << 16]) // from and to space 1, an arena
            rows.Add(Row(Alu64 | Mov | X, Shape.AddressCast, "addr_space_cast", "addr_space_cast", 64, Kernel) with { Offset = 1, Imm = spaces, Kernel = new KernelVersion(6, 9) });
    }

    private static void Jumps(List<OpForm> rows)
    {
        Branch(rows, "jeq", "==", Jeq);
        Branch(rows, "jgt", ">", Jgt);
        Branch(rows, "jge", ">=", Jge);
        Branch(rows, "jset", "&", Jset);
        Branch(rows, "jne", "!=", Jne);
        Branch(rows, "jsgt", "s>", Jsgt);
        Branch(rows, "jsge", "s>=", Jsge);
        Branch(rows, "jlt", "<", Jlt, isLater: true);
        Branch(rows, "jle", "<=", Jle, isLater: true);
        Branch(rows, "jslt", "s<", Jslt, isLater: true);
        Branch(rows, "jsle", "s<=", Jsle, isLater: true);

        rows.Add(Row(Jmp | Ja, Shape.Goto, "ja", "goto", 64, Base32) with { Dst = 0, Src = 0, Imm = 0 });
        rows.Add(Row(Jmp32 | Ja, Shape.GotoLong, "ja32", "gotol", 64, Base32) with { Dst = 0, Src = 0, Offset = 0, Mcpu = 4, Kernel = s_v4 });
        rows.Add(Row(Jmp | Ja | X, Shape.GotoReg, "jax", "gotox", 64, Kernel) with { Src = 0, Offset = 0, Imm = 0, Mcpu = 4, Kernel = new KernelVersion(6, 19) });
        rows.Add(Row(Jmp | Jcond, Shape.MayGoto, "jcond", "may_goto", 64, Kernel) with { Dst = 0, Src = Pseudo.MayGoto, Imm = 0, Mcpu = 0, Kernel = new KernelVersion(6, 9) });

        rows.Add(Row(Jmp | Call, Shape.CallHelper, "call", "call", 64, Base32) with { Dst = 0, Src = 0, Offset = 0 });
        rows.Add(Row(Jmp | Call, Shape.CallLocal, "call local", "call", 64, Base32) with { Dst = 0, Src = Pseudo.Call, Offset = 0, Kernel = new KernelVersion(4, 16) });
        rows.Add(Row(Jmp | Call, Shape.CallKfunc, "call kernel-function", "call", 64, Base32) with { Dst = 0, Src = Pseudo.KfuncCall, Kernel = new KernelVersion(5, 13) });
        rows.Add(Row(Jmp | Call | X, Shape.CallReg, "callx", "callx", 64, Callx) with { Src = 0, Offset = 0, Imm = 0, Kernel = null });
        rows.Add(Row(Jmp | Exit, Shape.Exit, "exit", "exit", 64, Base32) with { Dst = 0, Src = 0, Offset = 0, Imm = 0 });
    }

    private static void Memory(List<OpForm> rows)
    {
        foreach ((int size, int bits, string suffix) in (ReadOnlySpan<(int, int, string)>)[(B, 8, "b"), (H, 16, "h"), (W, 32, "w"), (Dw, 64, "dw")])
        {
            ConformanceGroup group = bits == 64 ? Base64 : Base32;
            rows.Add(Row(Ldx | Mem | size, Shape.Load, "ldx" + suffix, $"u{bits}", bits, group) with { Imm = 0 });
            rows.Add(Row(Stx | Mem | size, Shape.StoreReg, "stx" + suffix, $"u{bits}", bits, group) with { Imm = 0 });
            rows.Add(Row(St | Mem | size, Shape.StoreImm, "st" + suffix, $"u{bits}", bits, group) with { Src = 0, Mcpu = 4 });
            rows.Add(Row(Stx | Opcode.Atomic | size, Shape.LoadAcquire, $"load_acquire{bits}", $"u{bits}", bits, Kernel) with { Imm = LoadAcq, Mcpu = 4, Kernel = s_ordered });
            rows.Add(Row(Stx | Opcode.Atomic | size, Shape.StoreRelease, $"store_release{bits}", $"u{bits}", bits, Kernel) with { Imm = StoreRel, Mcpu = 4, Kernel = s_ordered });
            if (bits == 64)
                continue;
            rows.Add(Row(Ldx | Memsx | size, Shape.LoadSigned, "ldxs" + suffix, $"s{bits}", bits, bits == 32 ? Base64 : Base32) with { Imm = 0, Mcpu = 4, Kernel = s_v4 });
            rows.Add(Row(Ld | Abs | size, Shape.PacketAbsolute, "ldabs" + suffix, $"u{bits}", bits, Packet) with { Dst = 0, Src = 0, Offset = 0, Mcpu = 0 });
            rows.Add(Row(Ld | Ind | size, Shape.PacketIndirect, "ldind" + suffix, $"u{bits}", bits, Packet) with { Dst = 0, Offset = 0, Mcpu = 0 });
        }
    }

    private static void Atomics(List<OpForm> rows)
    {
        foreach ((int size, int bits, string suffix) in (ReadOnlySpan<(int, int, string)>)[(W, 32, "32"), (Dw, 64, "")])
        {
            ConformanceGroup group = bits == 64 ? Atomic64 : Atomic32;
            foreach ((int op, string name, string symbol) in (ReadOnlySpan<(int, string, string)>)[(Add, "add", "+="), (Or, "or", "|="), (And, "and", "&="), (Xor, "xor", "^=")])
            {
                int opcode = Stx | Opcode.Atomic | size;
                bool isAdd = op == Add;
                rows.Add(Row(opcode, Shape.Atomic, $"lock {name}{suffix}", symbol, bits, group) with { Imm = op, Mcpu = isAdd ? 1 : 3, Kernel = isAdd ? new KernelVersion(3, 18) : s_fetch });
                rows.Add(Row(opcode, Shape.AtomicFetch, $"lock fetch {name}{suffix}", "atomic_fetch_" + name, bits, group) with { Imm = op | Fetch, Mcpu = 3, Kernel = s_fetch });
            }
            string tail = bits == 64 ? "_64" : "32_32";
            rows.Add(Row(Stx | Opcode.Atomic | size, Shape.Exchange, "lock xchg" + suffix, "xchg" + tail, bits, group) with { Imm = Xchg, Mcpu = 3, Kernel = s_fetch });
            rows.Add(Row(Stx | Opcode.Atomic | size, Shape.CompareExchange, "lock cmpxchg" + suffix, "cmpxchg" + tail, bits, group) with { Imm = Cmpxchg, Mcpu = 3, Kernel = s_fetch });
        }
    }

    private static void Wide(List<OpForm> rows)
    {
        rows.Add(Row(LdImm64, Shape.LoadImm64, "lddw", "ll", 64, Base64) with { Src = 0, Offset = 0, NextImm = null });
        Source("map_fd", Pseudo.MapFd, new(3, 18), 0);
        Source("map_value", Pseudo.MapValue, new(5, 2), null);
        Source("btf_id", Pseudo.BtfId, new(5, 10), null);
        Source("func", Pseudo.Func, new(5, 13), 0);
        Source("map_idx", Pseudo.MapIdx, new(5, 14), 0);
        Source("map_idx_value", Pseudo.MapIdxValue, new(5, 14), null);

        void Source(string name, int source, KernelVersion since, int? nextImm) =>
            rows.Add(Row(LdImm64, Shape.LoadPseudo, "ld_pseudo", name, 64, Base64) with { Src = source, Offset = 0, NextImm = nextImm, Kernel = since });
    }

    // One operation, four forms: register and immediate, 64 and 32 bits wide.
    private static void Binary(List<OpForm> rows, string name, string symbol, int op, ConformanceGroup group32, ConformanceGroup group64, bool isSigned = false)
    {
        foreach ((int cls, int bits, string suffix) in (ReadOnlySpan<(int, int, string)>)[(Alu64, 64, ""), (Alu, 32, "32")])
        {
            ConformanceGroup group = bits == 64 ? group64 : group32;
            int mcpu = isSigned ? 4 : bits == 64 ? 1 : 3;
            KernelVersion since = isSigned ? s_v4 : new KernelVersion(3, 18);
            rows.Add(Row(cls | op | X, Shape.AluReg, name + suffix, symbol, bits, group) with { Offset = isSigned ? 1 : 0, Imm = 0, Mcpu = mcpu, Kernel = since });
            rows.Add(Row(cls | op | K, Shape.AluImm, name + suffix, symbol, bits, group) with { Offset = isSigned ? 1 : 0, Src = 0, Mcpu = mcpu, Kernel = since });
        }
    }

    private static void MoveSigned(List<OpForm> rows, int cls, int bits, int from, ConformanceGroup group) =>
        rows.Add(Row(cls | Mov | X, Shape.MoveSigned, $"movsx{from}{bits}", $"s{from}", bits, group) with { Offset = from, Imm = 0, Mcpu = 4, Kernel = s_v4 });

    private static void Branch(List<OpForm> rows, string name, string symbol, int op, bool isLater = false)
    {
        KernelVersion since = isLater ? s_branch : new KernelVersion(3, 18);
        int mcpu = isLater ? 2 : 1;
        rows.Add(Row(Jmp | op | X, Shape.BranchReg, name, symbol, 64, Base64) with { Imm = 0, Mcpu = mcpu, Kernel = since });
        rows.Add(Row(Jmp | op | K, Shape.BranchImm, name, symbol, 64, Base64) with { Src = 0, Mcpu = mcpu, Kernel = since });
        rows.Add(Row(Jmp32 | op | X, Shape.BranchReg, name + "32", symbol, 32, Base32) with { Imm = 0, Mcpu = 3, Kernel = s_jump32 });
        rows.Add(Row(Jmp32 | op | K, Shape.BranchImm, name + "32", symbol, 32, Base32) with { Src = 0, Mcpu = 3, Kernel = s_jump32 });
    }

    private static OpForm Row(int opcode, Shape shape, string mnemonic, string symbol, int bits, ConformanceGroup group) =>
        new((byte)opcode, shape, mnemonic, symbol, bits, group);

    private static OpForm[][] Group(int count, Func<OpForm, int> key)
    {
        var groups = new List<OpForm>[count];
        foreach (OpForm form in s_forms)
            (groups[key(form)] ??= []).Add(form);
        return [.. groups.Select(group => group?.ToArray() ?? [])];
    }
}
