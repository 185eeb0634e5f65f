using Hachi.Ir;
using Hachi.Ir.Schedule;

namespace Hachi.Vm.Jit.X64.Select;

/// <summary>
/// Turns branches that do nothing but choose what one or two phis get into choices (<see cref="IrOp.Select"/>): a processor that guesses such a branch wrong loses more than computing
/// both sides costs.
/// </summary>
internal static class X64Choices
{
    private const int PhisMax = 2;

    /// <summary>Runs the pass; true when the blocks changed.</summary>
    public static bool Run(IrFunction f, BlockGraph graph)
    {
        bool changed = false;
        ReadOnlySpan<int> order = graph.Order;
        for (int rank = order.Length - 1; rank >= 0; rank--)
            changed |= f.Blocks[order[rank]].End == IrEnd.Branch && Convert(f, graph, order[rank]);
        return changed;
    }

    private static bool Convert(IrFunction f, BlockGraph graph, int b)
    {
        IrBlock block = f.Blocks[b];
        (int join, int trueArgs) = Behind(f, graph, block.True, block.TrueArgs);
        (int other, int falseArgs) = Behind(f, graph, block.False, block.FalseArgs);
        if (join != other || join == b || block.True == block.False)
            return false;
        int count = 0, differ = 0;
        for (int p = f.Blocks[join].Phi; p >= 0; p = f.Phis[p].Next, count++)
        {
            (int x, int y) = (f.EdgeArgs[trueArgs + count], f.EdgeArgs[falseArgs + count]);
            if (x == y)
                continue;
            differ++;
            if (!IsCheap(f, x) || !IsCheap(f, y))
                return false;
        }
        if (differ is 0 or > PhisMax)
            return false;
        int[] args = new int[count];
        int compared = f.Intern(IrOp.Compared, (byte)block.Compare, block.A, block.B, 0, block.Origin);
        for (int i = 0; i < count; i++)
        {
            (int x, int y) = (f.EdgeArgs[trueArgs + i], f.EdgeArgs[falseArgs + i]);
            args[i] = x == y ? x : f.Intern(IrOp.Select, 8, compared, x, (ulong)y, block.Origin);
        }
        f.Goto(b, join, f.AddEdgeArgs(args));
        return true;
    }

    /// <summary>Where a way leads: past a block of its own that does nothing.</summary>
    private static (int Block, int Args) Behind(IrFunction f, BlockGraph graph, int target, int args)
    {
        ref IrBlock block = ref f.Blocks[target];
        bool empty = block.End == IrEnd.Goto && block.FirstEffect < 0 && block.Phi < 0 && block.Require < 0 && block.True != target && graph.PredsOf(target).Length == 1;
        return empty ? (block.True, block.TrueArgs) : (target, args);
    }

    /// <summary>Whether a value costs one instruction at most, once its operands are there.</summary>
    private static bool IsCheap(IrFunction f, int value)
    {
        ref IrValue v = ref f.Values[value];
        return IsThere(v) || (v.Op is IrOp.Add or IrOp.Sub or IrOp.And or IrOp.Or or IrOp.Xor or IrOp.Shl or IrOp.Shr or IrOp.ZeroExtend && IsThere(f.Values[v.A]) && IsThere(f.Values[v.B]));
    }

    private static bool IsThere(in IrValue v) => v.Op is IrOp.Const or IrOp.Phi or IrOp.Result or IrOp.Param;
}
