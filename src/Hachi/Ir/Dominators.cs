namespace Hachi.Ir;

/// <summary>Which block every way to a block passes through last: its immediate dominator. For graphs without loops.</summary>
internal sealed class Dominators
{
    private int[] _idom = new int[64], _rank = new int[64];

    /// <summary>The immediate dominator of a block that can be reached; the entry is its own.</summary>
    public int this[int block] => _idom[block];

    /// <summary>Computes them for blocks in an order where each stands after all that lead to it.</summary>
    public void Compute(IrFunction f, BlockOrder order)
    {
        if (_idom.Length < f.BlockCount)
        {
            _idom = new int[f.BlockCount * 2];
            _rank = new int[f.BlockCount * 2];
        }
        int rank = 0;
        foreach (int b in order.Blocks)
        {
            _rank[b] = rank++;
            _idom[b] = -1;
        }
        _idom[f.Entry] = f.Entry;
        foreach (int b in order.Blocks)
        {
            ref IrBlock block = ref f.Blocks[b];
            if (block.End is IrEnd.Goto or IrEnd.Branch or IrEnd.Member)
                Meet(block.True, b);
            if (block.End is IrEnd.Branch or IrEnd.Member)
                Meet(block.False, b);
        }
    }

    /// <summary>The last block that all ways to both blocks pass through.</summary>
    public int Common(int a, int b)
    {
        while (a != b)
        {
            if (_rank[a] > _rank[b])
                a = _idom[a];
            else
                b = _idom[b];
        }
        return a;
    }

    /// <summary>Whether every way to a block passes through another.</summary>
    public bool Dominates(int above, int below) => Common(above, below) == above;

    private void Meet(int block, int pred) => _idom[block] = _idom[block] == -1 ? pred : Common(_idom[block], pred);
}
