using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Vm.Jit.X64.Encode;

namespace Hachi.Vm.Jit.X64.Select;

/// <summary>Addresses as sums: what does not change in the loop of an access is summed up outside it.</summary>
internal sealed partial class X64Lowering
{
    private const int SplitDepthMax = 4;

    private int _fixedSum, _movingSum, _loop;
    private long _constantSum;

    /// <summary>
    /// The sum of an address and the distance of its region (or the address minus the start of the region) as fixed part + moving part; its constant part is
    /// left in the displacement.
    /// </summary>
    private int Split(ref IrEffect effect, int block, int word, bool negative)
    {
        IrFunction g = Function;
        _loop = _graph.LoopOf(block);
        (_fixedSum, _movingSum, _constantSum) = (-1, -1, effect.Displacement);
        Collect(effect.Address, SplitDepthMax);
        int low = (int)_constantSum;
        long high = _constantSum - low;
        effect.Displacement = low;
        if (high != 0)
            _fixedSum = Sum(_fixedSum, g.Const64((ulong)high));
        if (negative)
        {
            if (_fixedSum < 0)
                return g.Intern(IrOp.Sub, 8, _movingSum < 0 ? IrFunction.Zero : _movingSum, word, 0, -1);
            return Sum(g.Intern(IrOp.Sub, 8, _fixedSum, word, 0, -1), _movingSum);
        }
        return Sum(Sum(word, _fixedSum), _movingSum);
    }

    private void Collect(int value, int depth)
    {
        IrFunction g = Function;
        IrValue v = g.Values[value];
        if (v.Op == IrOp.Const)
        {
            _constantSum += (long)v.Imm;
            return;
        }
        if (v.Op == IrOp.Add && v.Size == 8 && depth > 0 && IsMixed(value, depth))
        {
            Collect(v.A, depth - 1);
            Collect(v.B, depth - 1);
            return;
        }
        if (_loop >= 0 && IsFixed(value))
            _fixedSum = Sum(_fixedSum, value);
        else
            _movingSum = Sum(_movingSum, value);
    }

    /// <summary>Whether a sum has a constant in it, or parts that change in the loop and parts that do not.</summary>
    private bool IsMixed(int value, int depth)
    {
        IrValue v = Function.Values[value];
        if (v.Op != IrOp.Add || v.Size != 8 || depth == 0)
            return false;
        if (Function.Values[v.B].Op == IrOp.Const)
            return true;
        return (_loop >= 0 && IsFixed(v.A) != IsFixed(v.B)) || IsMixed(v.A, depth - 1) || IsMixed(v.B, depth - 1);
    }

    private int Sum(int a, int b)
    {
        if (a < 0)
            return b;
        return b < 0 ? a : Function.Intern(IrOp.Add, 8, a, b, 0, -1);
    }

    /// <summary>Whether a value does not change in the loop at hand.</summary>
    private bool IsFixed(int value) => !_graph.IsInLoop(Early(value), _loop);

    /// <summary>The first block in which a value can be computed.</summary>
    private int Early(int value)
    {
        IrFunction g = Function;
        if (_early.Length < g.ValueCount)
            Array.Resize(ref _early, g.ValueCount * 2);
        Span<int> operands = stackalloc int[3];
        for (; _earlyCount < g.ValueCount; _earlyCount++)
        {
            ref IrValue v = ref g.Values[_earlyCount];
            int early = g.Entry;
            if (v.Op == IrOp.Phi)
            {
                early = (int)v.Imm;
            }
            else if (v.Op == IrOp.Result)
            {
                early = _effectBlock[(int)v.Imm];
            }
            else
            {
                int count = Placement.Operands(v, operands);
                for (int i = 0; i < count; i++)
                    if (_graph.LevelOf(_early[operands[i]]) > _graph.LevelOf(early))
                        early = _early[operands[i]];
            }
            _early[_earlyCount] = early;
        }
        return _early[value];
    }
}
