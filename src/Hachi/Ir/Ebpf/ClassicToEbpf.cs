using Hachi.Isa;
using static Hachi.Isa.Opcode;
using C = Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Ebpf;

/// <summary>
/// The one pass from classic BPF to eBPF. A is r0, X is r7, M[] lies on the stack, the context in r6; a load that fails returns the verdict 0, as in the
/// classic machine. With direct access r8 is the end of the packet, r9 its start, r2 a guarded pointer to X.
/// </summary>
/// <remarks>
/// A guard compares with the end what the loads of its block need, once; it is left out where every way here has passed a larger one, which is what the
/// kernel's verifier sees as well (kernel/bpf/verifier.c, find_good_pkt_pointers). Loads beyond 64 KiB reject: no pointer may go there.
/// </remarks>
public sealed partial class ClassicToEbpf
{
    private const int RegA = 0, Pointer = 1, Indexed = 2, Scratch = 3, Context = 6, RegX = 7, End = 8, Start = 9, Frame = 10;
    private const int RejectLabel = -1, PacketMax = 0xffff;

    private readonly List<Insn> _code = [];
    private readonly List<(int At, int Target)> _jumps = [];
    private readonly EbpfOptions _options;
    private readonly StraightProgram _program;
    private readonly ClassicFacts _facts;
    private bool _rejects, _ended; // the rest of a block is not emitted once it has been left for certain

    private ClassicToEbpf(StraightProgram program, ClassicFacts facts, EbpfOptions options)
    {
        _program = program;
        _facts = facts;
        _options = options;
    }

    /// <summary>Translates a program. The walk over a header chain (<c>protochain</c>) goes over 16 headers; packets with more are rejected.</summary>
    /// <param name="program">A classic program.</param>
    /// <param name="options">Where it will be attached.</param>
    /// <param name="insns">The eBPF program, one entry a slot.</param>
    /// <param name="reason">Why there is none: in plain words.</param>
    public static bool TryTranslate(ClassicProgram program, EbpfOptions options, out Insn[] insns, out string? reason)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        insns = [];
        StraightProgram? straight = StraightProgram.Of(program.Insns);
        ClassicFacts? facts = straight is null ? null : ClassicFacts.Compute(straight, options.Access == PacketAccess.Loads ? int.MaxValue : PacketMax);
        if (facts is null)
        {
            reason = "the program jumps out of itself, or has loops in loops, which eBPF programs of this form cannot";
            return false;
        }
        var pass = new ClassicToEbpf(straight!, facts, options);
        reason = pass.Translate();
        if (reason is not null)
            return false;
        insns = [.. pass._code];
        return true;
    }

    private string? Translate()
    {
        ReadOnlySpan<ClassicInsn> insns = _program.Insns;
        int[] place = new int[insns.Length];
        Prologue(insns);
        for (int pc = 0; pc < insns.Length; pc++)
        {
            place[pc] = _code.Count;
            _ended &= !_facts.IsLeader(pc);
            if (!_facts[pc].Reached || _ended)
                continue;
            string? reason = Translate(insns, pc);
            if (reason is not null)
                return reason;
        }
        int reject = _code.Count;
        if (_rejects)
            Return(_options.Reject);
        foreach ((int at, int target) in _jumps)
        {
            int distance = (target == RejectLabel ? reject : place[target]) - at - 1;
            if (distance > short.MaxValue)
                return "the program is too long: a jump does not fit 16 bits";
            _code[at] = _code[at] with { Offset = (short)distance };
        }
        return null;
    }

    private void Prologue(ReadOnlySpan<ClassicInsn> insns)
    {
        bool packet = false, context = _options.Access == PacketAccess.Loads, length = false, index = false, wide = false;
        int most = 0;
        uint unwritten = 0;
        for (int pc = 0; pc < insns.Length; pc++)
        {
            if (!_facts[pc].Reached)
                continue;
            ClassicInsn insn = insns[pc];
            int kind = insn.Code & C.ClassMask, mode = insn.Code & C.ModeMask;
            bool loads = kind is C.Ld or C.Ldx;
            bool meta = loads && mode == C.Abs && insn.K >= Extension.Base;
            packet |= loads && mode is C.Abs or C.Ind or C.Msh && loads && !meta;
            context |= meta;
            length |= loads && mode == C.Len;
            index |= loads && mode == C.Ind;
            wide |= insn.K > PacketMax - 60 && loads && mode is C.Abs or C.Ind or C.Msh && !meta;
            if (loads && mode is C.Abs or C.Ind or C.Msh && loads && !meta && insn.K < PacketMax)
                most = Math.Max(most, (int)insn.K + ClassicFacts.SizeOf(insn) + (mode == C.Ind ? (int)Math.Min(_facts[pc].X, 1024) : 0));
            unwritten |= Reads(insn) & ~_facts[pc].Written;
        }
        bool tc = _options.Access == PacketAccess.DirectTc;
        if (context || (tc && (length || packet)) || _options.Access == PacketAccess.Loads)
            Put(new Insn(Alu64 | Mov | X, Context, 1));
        if (_options.Access != PacketAccess.Loads && (packet || length))
        {
            LoadPointers(tc ? Context : 1);
            if (tc && packet)
                PullHeaders(most);
        }
        if ((unwritten & ClassicFacts.WrittenA) != 0)
            Put(new Insn(Alu | Mov | K, RegA));
        if ((unwritten & ClassicFacts.WrittenX) != 0)
            Put(new Insn(Alu | Mov | K, RegX));
        for (int i = 0; i < 16; i++)
            if ((unwritten & (1u << i)) != 0)
                Put(new Insn(St | Dw | Mem, Frame, 0, -8 * (i + 1)));
    }

    private void LoadPointers(int context)
    {
        bool tc = _options.Access == PacketAccess.DirectTc;
        Put(new Insn(Ldx | W | Mem, Start, context, tc ? SkBuff.Data : XdpMd.Data));
        Put(new Insn(Ldx | W | Mem, End, context, tc ? SkBuff.DataEnd : XdpMd.DataEnd));
    }

    /// <summary>A packet may lie in pieces; what the program can look at is brought into the first one if it is not there (bpf_skb_pull_data, helper 39).</summary>
    private void PullHeaders(int most)
    {
        most = Math.Min(most, PacketMax);
        Put(new Insn(Alu64 | Mov | X, Pointer, Start));
        Put(new Insn(Alu64 | Add | K, Pointer, 0, 0, most));
        Put(new Insn(Jmp | Jle | X, Pointer, End, 7));
        Put(new Insn(Ldx | W | Mem, 2, Context, SkBuff.Len));
        Put(new Insn(Jmp32 | Jle | K, 2, 0, 1, most));
        Put(new Insn(Alu | Mov | K, 2, 0, 0, most));
        Put(new Insn(Alu64 | Mov | X, 1, Context));
        Put(new Insn(Jmp | Call, 0, 0, 0, 39));
        LoadPointers(Context);
    }

    private static uint Reads(ClassicInsn insn)
    {
        uint x = (insn.Code & C.X) != 0 ? ClassicFacts.WrittenX : 0;
        return (insn.Code & C.ClassMask) switch
        {
            C.Ld or C.Ldx when (insn.Code & C.ModeMask) == C.Mem => 1u << (int)(insn.K & 15),
            C.Ld when (insn.Code & C.ModeMask) == C.Ind => ClassicFacts.WrittenX,
            C.St => ClassicFacts.WrittenA,
            C.Stx => ClassicFacts.WrittenX,
            C.Alu => ClassicFacts.WrittenA | x,
            C.Jmp when (insn.Code & C.OpMask) != C.Ja => ClassicFacts.WrittenA | x,
            C.Ret when (insn.Code & 0x18) == C.A => ClassicFacts.WrittenA,
            C.Misc => (insn.Code & 0xf8) == C.Tax ? ClassicFacts.WrittenA : ClassicFacts.WrittenX,
            _ => 0,
        };
    }

    private string? Translate(ReadOnlySpan<ClassicInsn> insns, int pc)
    {
        ClassicInsn insn = insns[pc];
        switch (insn.Code & C.ClassMask)
        {
            case C.Ld:
            case C.Ldx:
                return Load(insns, pc);
            case C.St:
            case C.Stx:
                Put(new Insn(Stx | Dw | Mem, Frame, (insn.Code & C.ClassMask) == C.St ? RegA : RegX, -8 * ((int)(insn.K & 15) + 1)));
                return null;
            case C.Alu:
                return Compute(insn);
            case C.Jmp:
                Branch(insn, pc);
                return null;
            case C.Ret:
                Return(insn);
                return null;
            default:
                bool tax = (insn.Code & 0xf8) == C.Tax;
                Put(new Insn(Alu | Mov | X, tax ? RegX : RegA, tax ? RegA : RegX));
                return null;
        }
    }

    private void Return(ClassicInsn insn)
    {
        if ((insn.Code & 0x18) != C.A)
        {
            Return(insn.K == 0 ? _options.Reject : _options.Accept ?? (int)insn.K);
            return;
        }
        if (_options.Accept is { } accept)
        {
            Put(new Insn(Jmp32 | Jeq | K, RegA, 0, 2));
            Return(accept);
            Return(_options.Reject);
            return;
        }
        Put(new Insn(Jmp | Exit));
    }

    private void Return(int value)
    {
        Put(new Insn(Alu | Mov | K, RegA, 0, 0, value));
        Put(new Insn(Jmp | Exit));
    }

    private string? Compute(ClassicInsn insn)
    {
        int op = insn.Code & C.OpMask;
        bool byX = (insn.Code & C.X) != 0;
        if (op == C.Neg)
        {
            Put(new Insn(Alu | Neg, RegA));
            return null;
        }
        bool divides = op is C.Div or C.Mod, shifts = op is C.Lsh or C.Rsh;
        if (!byX && ((divides && insn.K == 0) || (shifts && insn.K > 31)))
        {
            if (divides)
                Reject();
            else
                Put(new Insn(Alu | Mov | K, RegA));
            return null;
        }
        if (byX && divides)
            Jump(new Insn(Jmp32 | Jeq | K, RegX), RejectLabel);
        if (byX && shifts)
        {
            Put(new Insn(Jmp32 | Jle | K, RegX, 0, 1, 31));
            Put(new Insn(Alu | Mov | K, RegA));
        }
        Put(byX ? new Insn(Alu | op | X, RegA, RegX) : new Insn(Alu | op | K, RegA, 0, 0, (int)insn.K));
        return null;
    }

    private void Branch(ClassicInsn insn, int pc)
    {
        (int whenTrue, int whenFalse) = (_program.WhenTrue(pc), _program.WhenFalse(pc));
        if (whenTrue == whenFalse)
        {
            if (whenTrue != pc + 1)
                Jump(new Insn(Jmp | Ja), whenTrue);
            return;
        }
        int op = (insn.Code & C.OpMask) switch { C.Jeq => Jeq, C.Jgt => Jgt, C.Jge => Jge, _ => Jset };
        if (whenTrue == pc + 1 && op != Jset) // fall through when true: jump on the contrary
        {
            op = op switch { Jeq => Jne, Jgt => Jle, _ => Jlt };
            (whenTrue, whenFalse) = (whenFalse, whenTrue);
        }
        Jump((insn.Code & C.X) != 0 ? new Insn(Jmp32 | op | X, RegA, RegX) : new Insn(Jmp32 | op | K, RegA, 0, 0, (int)insn.K), whenTrue);
        if (whenFalse != pc + 1)
            Jump(new Insn(Jmp | Ja), whenFalse);
    }

    private void Reject()
    {
        Jump(new Insn(Jmp | Ja), RejectLabel);
        _ended = true;
    }

    private void Jump(Insn insn, int target)
    {
        _rejects |= target == RejectLabel;
        _jumps.Add((_code.Count, target));
        Put(insn);
    }

    private void Put(Insn insn) => _code.Add(insn);
}
