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
        Array.Clear(Preds, 0, n);
        Array.Clear(_state, 0, n);
        int top = 0, next = n;
        _stack[top++] = f.Entry;
        _state[f.Entry] = 1;
        while (top > 0)
        {
            int b = _stack[top - 1];
            ref IrBlock block = ref f.Blocks[b];
            int successor = -1;
            if (block.End is IrEnd.Goto or IrEnd.Branch or IrEnd.Member)
            {
                if (_state[b] == 1)
                {
                    _state[b] = 2;
                    successor = block.End == IrEnd.Goto ? block.True : block.False;
                }
                else if (_state[b] == 2 && block.End != IrEnd.Goto)
                {
                    _state[b] = 3;
                    successor = block.True;
                }
            }
            if (successor < 0)
            {
                Order[--next] = b;
                top--;
                continue;
            }
            Preds[successor]++;
            if (_state[successor] == 0)
            {
                _state[successor] = 1;
                _stack[top++] = successor;
            }
        }
        _first = next;
        Count = n - next;
    }
}
