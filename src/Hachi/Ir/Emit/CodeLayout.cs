using System.Runtime.InteropServices;
using Hachi.Isa;
using static Hachi.Isa.Opcode;

namespace Hachi.Ir.Emit;

/// <summary>Writes a function whose registers are the machine's: the frame, blocks in their order, jumps as short as can be.</summary>
internal sealed class CodeLayout
{
    private readonly LirFunction _f;
    private readonly int _level;
    private readonly int[] _slotOffsets;
    private readonly List<Insn> _code = [];
    private readonly List<int> _origins = [];
    private readonly List<(int At, int Block)> _jumps = [];
    private readonly int[] _starts;
    private bool _isLong;

    private CodeLayout(LirFunction f, int level)
    {
        (_f, _level) = (f, level);
        _slotOffsets = new int[f.Slots.Count];
        _starts = new int[f.Blocks.Count];
    }

    /// <summary>A written function.</summary>
    /// <param name="Insns">Its instructions; calls name functions by index, still.</param>
    /// <param name="Origins">Where each slot comes from.</param>
    /// <param name="StackBytes">Bytes of its frame.</param>
    /// <param name="IsTooLong">Whether a jump reaches farther than the level of instructions allows.</param>
    internal readonly record struct Result(List<Insn> Insns, List<int> Origins, int StackBytes, bool IsTooLong);

    /// <summary>Writes a function.</summary>
    public static Result Run(LirFunction f, int level)
    {
        var layout = new CodeLayout(f, level);
        int stack = layout.PlaceSlots();
        bool fits = layout.Write();
        if (!fits && level >= 4)
        {
            layout._isLong = true;
            fits = layout.Write();
        }
        return new Result(layout._code, layout._origins, stack, !fits);
    }

    // From r10 down: the greatest alignment first, so that nothing is lost between.
    private int PlaceSlots()
    {
        int bottom = 0;
        foreach (int slot in Enumerable.Range(0, _f.Slots.Count).OrderByDescending(slot => _f.Slots[slot].AlignBytes))
        {
            bottom -= _f.Slots[slot].SizeBytes;
            bottom &= -_f.Slots[slot].AlignBytes;
            _slotOffsets[slot] = bottom;
        }
        return (-bottom + 7) & ~7;
    }

    private bool Write()
    {
        _code.Clear();
        _origins.Clear();
        _jumps.Clear();
        List<int> order = _f.ReachedBlocks();
        for (int i = 0; i < order.Count; i++)
        {
            _starts[order[i]] = _code.Count;
            LirBlock block = _f.Blocks[order[i]];
            WriteInsns(block);
            WriteEnd(block, i + 1 < order.Count ? order[i + 1] : -1);
        }
        bool fits = true;
        Span<Insn> code = CollectionsMarshal.AsSpan(_code);
        foreach ((int at, int target) in _jumps)
        {
            int distance = _starts[target] - at - 1;
            fits &= _isLong || distance == (short)distance;
            code[at] = code[at].Opcode == (Jmp32 | Ja) ? code[at] with { Imm = distance } : code[at] with { Offset = (short)distance };
        }
        return fits;
    }

    private void WriteInsns(LirBlock block)
    {
        int skip = -1;
        foreach (Lir insn in block.Insns)
        {
            int offset = insn.Offset + (insn.Slot >= 0 ? _slotOffsets[insn.Slot] : 0);
            switch (insn.Kind)
            {
                case LirKind.Wide:
                    (Insn first, Insn second) = Insn.Wide(insn.Dst, insn.Pseudo, insn.Imm);
                    Put(first, insn.Origin);
                    Put(second, insn.Origin);
                    break;
                case LirKind.Address:
                    Put(new Insn(Alu64 | Mov | X, insn.Dst, Limits.FramePointer), insn.Origin);
                    if (_slotOffsets[insn.Slot] + (int)insn.Imm is not 0 and var down)
                        Put(new Insn(Alu64 | Add | K, insn.Dst, 0, 0, down), insn.Origin);
                    break;
                case LirKind.Call:
                    Put(new Insn(Jmp | Call, 0, (int)insn.Pseudo, 0, (int)insn.Imm), insn.Origin);
                    break;
                case LirKind.Skip:
                    skip = _code.Count;
                    Put(new Insn((int)insn.Opcode, insn.Dst, Math.Max(0, insn.Src), 0, (int)insn.Imm), insn.Origin);
                    break;
                default:
                    bool hasSource = insn.Src >= 0;
                    Put(new Insn((int)insn.Opcode, insn.Dst, hasSource ? insn.Src : 0, offset, (int)insn.Imm), insn.Origin);
                    break;
            }
            if (insn.IsConditional && skip >= 0)
            {
                _code[skip] = _code[skip] with { Offset = (short)(_code.Count - skip - 1) };
                skip = -1;
            }
        }
    }

    private void WriteEnd(LirBlock block, int next)
    {
        switch (block.End)
        {
            case LirEnd.Exit:
                Put(new Insn(Jmp | Exit), block.Origin);
                break;
            case LirEnd.Goto:
                Jump(block.True, next, block.Origin);
                break;
            default:
                WriteBranch(block, next);
                break;
        }
    }

    private void WriteBranch(LirBlock block, int next)
    {
        (CompareOp op, int whenTrue, int whenFalse) = (block.Op, block.True, block.False);
        bool mustInvert = _level < 2 && op is CompareOp.Jlt or CompareOp.Jle or CompareOp.Jslt or CompareOp.Jsle;
        bool canInvert = op != CompareOp.Jset && (_level >= 2 || op is not (CompareOp.Jgt or CompareOp.Jge or CompareOp.Jsgt or CompareOp.Jsge));
        if (mustInvert || (whenTrue == next && canInvert))
            (op, whenTrue, whenFalse) = (Build.FunctionBuilder.Opposite(op)!.Value, whenFalse, whenTrue);
        int opcode = (block.IsWide ? Jmp : Jmp32) | ((int)op << 4) | (block.B >= 0 ? X : K);
        var jump = new Insn(opcode, block.A, Math.Max(0, block.B), 0, block.Imm);
        if (_isLong)
        {
            Put(jump with { Offset = 1 }, block.Origin);
            Put(new Insn(Jmp | Ja, 0, 0, 1), block.Origin);
            Jump(whenTrue, -1, block.Origin);
        }
        else
        {
            _jumps.Add((_code.Count, whenTrue));
            Put(jump, block.Origin);
        }
        Jump(whenFalse, next, block.Origin);
    }

    private void Jump(int target, int next, int origin)
    {
        if (target == next)
            return;
        _jumps.Add((_code.Count, target));
        Put(new Insn((_isLong ? Jmp32 : Jmp) | Ja), origin);
    }

    private void Put(Insn insn, int origin)
    {
        _code.Add(insn);
        _origins.Add(origin);
    }
}
