namespace Hachi.Ir;

/// <summary>The blocks of a function that can be reached, each after all that lead to it (reverse post-order), and how many edges lead to each.</summary>
internal sealed class BlockOrder
{
    private int[] _stack = new int[64];
    private byte[] _state = new byte[64];

    /// <summary>The blocks in order; <see cref="Count"/> of them.</summary>
    public int[] Order { get; private set; } = new int[64];

    /// <summary>Edges into each block, by block id.</summary>
    public int[] Preds { get; private set; } = new int[64];

    /// <summary>Number of blocks reached.</summary>
    public int Count { get; private set; }

    /// <summary>The order, as a span.</summary>
    public ReadOnlySpan<int> Blocks => Order.AsSpan(_first, Count);

    private int _first;

    /// <summary>Computes it. The true successor is laid out right behind its block where possible.</summary>
    public void Compute(IrFunction f)
    {
        int n = f.BlockCount;
        if (Order.Length < n)
        {
            int size = Math.Max(n, Order.Length * 2);
            Order = new int[size];
            Preds = new int[size];
            _state = new byte[size];
            _stack = new int[size];
        }
        int[] order = Order, preds = Preds, stack = _stack;
        byte[] state = _state;
        IrBlock[] blocks = f.Blocks;
        Array.Clear(preds, 0, n);
        Array.Clear(state, 0, n);
        int top = 0, next = n;
        stack[top++] = f.Entry;
        state[f.Entry] = 1;
        while (top > 0)
        {
            int b = stack[top - 1], successor;
            ref IrBlock block = ref blocks[b];
            bool two = block.End is IrEnd.Branch or IrEnd.Member;
            if (state[b] == 1 && (two || block.End == IrEnd.Goto))
            {
                successor = two ? block.False : block.True;
                state[b] = 2;
            }
            else if (state[b] == 2 && two)
            {
                successor = block.True;
                state[b] = 3;
            }
            else
            {
                order[--next] = b;
                top--;
                continue;
            }
            preds[successor]++;
            if (state[successor] == 0)
            {
                state[successor] = 1;
                stack[top++] = successor;
            }
        }
        _first = next;
        Count = n - next;
    }

    /// <summary>
    /// Leaves out what cannot be reached any more. Passes let edges lead farther on and end blocks earlier: what is left stands in the same order, each block
    /// after all that lead to it. Not for functions that have got new blocks.
    /// </summary>
    public void Narrow(IrFunction f)
    {
        int end = _first + Count, next = _first;
        for (int i = _first; i < end; i++)
            Preds[Order[i]] = 0;
        for (int i = _first; i < end; i++)
        {
            int b = Order[i];
            if (Preds[b] == 0 && b != f.Entry)
                continue;
            Order[next++] = b;
            ref IrBlock block = ref f.Blocks[b];
            if (block.End is IrEnd.Goto or IrEnd.Branch or IrEnd.Member)
                Preds[block.True]++;
            if (block.End is IrEnd.Branch or IrEnd.Member)
                Preds[block.False]++;
        }
        Count = next - _first;
    }
}
