using Hachi.Ir.Build;
using Hachi.Ir.Schedule;
using Hachi.Isa;
using static Hachi.Isa.Opcode;

namespace Hachi.Ir.Emit;

/// <summary>Chooses instructions for a lowered function, on virtual registers: constants become immediates, addresses of slots displacements from r10, phis copies at the ends of blocks.</summary>
internal sealed partial class Selector
{
    private readonly BlockGraph _graph = new();
    private readonly Placement _placement = new();
    private readonly LocalOrder _order = new();
    private readonly IrFunction _f;
    private readonly LirFunction _to = new();
    private readonly IrArithmetic _bits;
    private readonly int[] _register;
    private readonly int _level;
    private LirBlock _block = null!;
    private int _origin = -1;

    private Selector(IrFunction f, int level)
    {
        (_f, _level) = (f, level);
        _bits = new IrArithmetic(f, isForVerifier: true);
        _register = new int[f.ValueCount];
        Array.Fill(_register, -1);
    }

    /// <summary>Selects instructions.</summary>
    /// <param name="f">A function of <see cref="EbpfLowering"/>.</param>
    /// <param name="slots">Its slots.</param>
    /// <param name="level">The level of instructions.</param>
    public static LirFunction Run(IrFunction f, IReadOnlyList<SlotSpec> slots, int level)
    {
        var selector = new Selector(f, level);
        selector._to.Slots.AddRange(slots);
        selector.Run();
        return selector._to;
    }

    private void Run()
    {
        _graph.Compute(_f);
        _placement.Compute(_f, _graph);
        _order.Compute(_f, _graph, _placement);
        foreach (int b in _graph.Order)
        {
            _to.Blocks.Add(new LirBlock { Depth = _graph.DepthOf(b) });
            for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
                _register[_f.Phis[p].Value] = _to.NewRegister();
        }
        _block = _to.Blocks[0];
        for (int v = 0; v < _f.ValueCount; v++)
            if (_f.Values[v].Op == IrOp.Param && _placement.UsesOf(v) > 0)
                Move(_register[v] = _to.NewRegister(), (int)_f.Values[v].Imm);
        foreach (int b in _graph.Order)
            SelectBlock(b);
    }

    private void SelectBlock(int b)
    {
        int rank = _graph.RankOf(b);
        _block = _to.Blocks[rank];
        for (int i = _order.StartOf(rank); i < _order.StartOf(rank + 1); i++)
        {
            int item = _order.Items[i];
            if (item >= 0)
            {
                _origin = _f.Values[item].Origin;
                SelectValue(item);
            }
            else
            {
                _origin = _f.Effects[~item].Origin;
                SelectEffect(~item);
            }
        }
        _origin = _f.Blocks[b].Origin;
        SelectEnd(b);
    }

    private void SelectEnd(int b)
    {
        IrBlock block = _f.Blocks[b];
        _block.Origin = _origin;
        switch (block.End)
        {
            case IrEnd.Goto:
                PassArguments(block);
                (_block.End, _block.True) = (LirEnd.Goto, _graph.RankOf(block.True));
                break;
            case IrEnd.Branch:
                (_block.End, _block.True, _block.False) = (LirEnd.Branch, _graph.RankOf(block.True), _graph.RankOf(block.False));
                (_block.Op, _block.IsWide, _block.A, _block.B, _block.Imm) = Comparison(block.Compare, block.A, block.B);
                break;
            case IrEnd.Return:
                LoadInto(0, block.A);
                _block.End = LirEnd.Exit;
                break;
            default:
                throw new NotSupportedException($"a block that ends with {block.End} has no eBPF form");
        }
    }

    // A comparison as an instruction has it: the constant on the right, in the immediate where it fits.
    private (CompareOp Op, bool IsWide, int A, int B, int Imm) Comparison(IrCompare compare, int a, int b)
    {
        (CompareOp op, int size) = FunctionBuilder.Comparison(compare);
        if (_f.Values[a].Op == IrOp.Const && _f.Values[b].Op != IrOp.Const)
            (a, b, op) = (b, a, Mirrored(op));
        int x = Register(a);
        if (_f.Values[b].Op == IrOp.Const && Immediate(size, _f.Values[b].Imm) is { } imm)
            return (op, size == 8, x, -1, imm);
        return (op, size == 8, x, Register(b), 0);
    }

    /// <summary>The comparison that says of (b, a) what one says of (a, b).</summary>
    internal static CompareOp Mirrored(CompareOp op) => op switch
    {
        CompareOp.Jgt => CompareOp.Jlt,
        CompareOp.Jge => CompareOp.Jle,
        CompareOp.Jlt => CompareOp.Jgt,
        CompareOp.Jle => CompareOp.Jge,
        CompareOp.Jsgt => CompareOp.Jslt,
        CompareOp.Jsge => CompareOp.Jsle,
        CompareOp.Jslt => CompareOp.Jsgt,
        CompareOp.Jsle => CompareOp.Jsge,
        _ => op,
    };

    /// <summary>The copies to the phis of the next block, all at once in meaning: ordered so that none overwrites what another still reads, a ring broken by one copy more.</summary>
    private void PassArguments(in IrBlock block)
    {
        if (block.TrueArgs < 0)
            return;
        var copies = new List<(int To, int From)>();
        var constants = new List<(int To, int Value)>();
        int args = block.TrueArgs;
        for (int p = _f.Blocks[block.True].Phi; p >= 0; p = _f.Phis[p].Next, args++)
        {
            int phi = _f.Phis[p].Value, value = _f.EdgeArgs[args];
            if (_placement.UsesOf(phi) == 0)
                continue;
            if (_register[value] < 0)
                constants.Add((_register[phi], value));
            else if (_register[value] != _register[phi])
                copies.Add((_register[phi], _register[value]));
        }
        while (copies.Count > 0)
        {
            int free = copies.FindIndex(copy => !copies.Exists(other => other.From == copy.To && other.To != copy.To));
            if (free >= 0)
            {
                Move(copies[free].To, copies[free].From);
                copies.RemoveAt(free);
                continue;
            }
            int kept = _to.NewRegister(), from = copies[0].To;
            Move(kept, from);
            for (int i = 0; i < copies.Count; i++)
                if (copies[i].From == from)
                    copies[i] = (copies[i].To, kept);
        }
        foreach ((int to, int value) in constants)
            LoadInto(to, value);
    }

    /// <summary>The register of a value; one that is made where it is used (constants, addresses) gets a new one, filled here.</summary>
    private int Register(int value)
    {
        if (_f.Values[value].Op == IrOp.Frame)
            return Limits.FramePointer;
        if (_register[value] >= 0)
            return _register[value];
        int register = _to.NewRegister();
        LoadInto(register, value);
        return register;
    }

    /// <summary>Puts a value into a register.</summary>
    private void LoadInto(int register, int value)
    {
        IrValue v = _f.Values[value];
        if (_register[value] >= 0 || v.Op == IrOp.Frame)
        {
            Move(register, Register(value));
            return;
        }
        switch (v.Op)
        {
            case IrOp.Const:
                Constant(register, v.Imm);
                break;
            case IrOp.SlotAddress:
                Put(new Lir { Kind = LirKind.Address, Dst = register, Src = Limits.FramePointer, Slot = (int)v.Imm, Imm = v.B });
                break;
            case IrOp.MapAddress:
                Put(new Lir { Kind = LirKind.Wide, Dst = register, Pseudo = Pseudo.MapIdx, Imm = (long)v.Imm, Slot = -1 });
                break;
            case IrOp.MapValueAddress:
                Put(new Lir { Kind = LirKind.Wide, Dst = register, Pseudo = Pseudo.MapIdxValue, Imm = (long)v.Imm | (long)v.B << 32, Slot = -1 });
                break;
            case IrOp.FunctionAddress:
                Put(new Lir { Kind = LirKind.Wide, Dst = register, Pseudo = Pseudo.Func, Imm = (long)v.Imm, Slot = -1 });
                break;
            default:
                throw new InvalidOperationException($"value {value} ({v.Op}) is used where it does not exist");
        }
    }

    private void Constant(int register, ulong k)
    {
        if (k <= uint.MaxValue)
            Put(new Lir { Opcode = Alu | Mov | K, Dst = register, Imm = (int)(uint)k, Slot = -1 });
        else if ((long)k == (int)k)
            Put(new Lir { Opcode = Alu64 | Mov | K, Dst = register, Imm = (int)k, Slot = -1 });
        else
            Put(new Lir { Kind = LirKind.Wide, Dst = register, Imm = (long)k, Slot = -1 });
    }

    /// <summary>A constant as the immediate of an operation of a size, or null when it does not fit.</summary>
    private static int? Immediate(int size, ulong k) => size == 4 ? (int)(uint)k : (long)k == (int)k ? (int)k : null;

    private void Move(int to, int from) => Put(new Lir { Kind = LirKind.Move, Opcode = Alu64 | Mov | X, Dst = to, Src = from, Slot = -1 });

    private void Put(Lir insn)
    {
        insn.Origin = _origin;
        _block.Insns.Add(insn);
    }

    private static int SizeBits(int bytes) => bytes switch { 1 => B, 2 => H, 4 => W, _ => Dw };
}
