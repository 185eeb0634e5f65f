using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Select;

/// <summary>
/// Phis whose edges mostly bring the same constant: that constant is stored once, where all ways to the phi come from, and only the others store their own.
/// </summary>
internal sealed partial class ClassicSelector
{
    private readonly List<(int Phi, int Value, int Block)> _defaults = [];
    private int[] _idom = new int[64], _rank = new int[64];

    private bool IsDefault(int phi, int value)
    {
        foreach ((int p, int v, _) in _defaults)
            if (p == phi)
                return v == value;
        return false;
    }

    private void StoreDefaults(int block)
    {
        foreach ((int phi, int value, int at) in _defaults)
        {
            if (at != block)
                continue;
            ToA(value);
            Put(St, (uint)_slotOf[phi]);
        }
    }

    private void FindDefaults()
    {
        _defaults.Clear();
        if (_slots == 0)
            return;
        ComputeDominators();
        foreach (int b in _order.Blocks)
        {
            int at = 0;
            for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next, at++)
            {
                int phi = _f.Phis[p].Value;
                if (_slotOf[phi] < 0)
                    continue;
                (int value, int count, int edges) = MostCommon(b, at);
                if (count >= 2 || (count == 1 && edges == 2))
                    _defaults.Add((phi, value, _idom[b]));
            }
        }
    }

    private (int Value, int Count, int Edges) MostCommon(int target, int at)
    {
        int best = 0, bestCount = 0, edges = 0;
        foreach (int x in _order.Blocks)
        {
            if (_f.Blocks[x].End != IrEnd.Goto || _f.Blocks[x].True != target)
                continue;
            edges++;
            int value = _f.EdgeArgs[_f.Blocks[x].TrueArgs + at], count = 0;
            if (_f.Values[value].Op != IrOp.Const)
                continue;
            foreach (int y in _order.Blocks)
                if (_f.Blocks[y].End == IrEnd.Goto && _f.Blocks[y].True == target && _f.EdgeArgs[_f.Blocks[y].TrueArgs + at] == value)
                    count++;
            // among equals the one whose edge only passes through: its stub disappears
            if (count > bestCount || (count == bestCount && _f.Blocks[x].Require < 0 && x >= _stubs))
                (best, bestCount) = (value, count);
        }
        return (best, bestCount, edges);
    }

    private void ComputeDominators()
    {
        if (_idom.Length < _f.BlockCount)
        {
            _idom = new int[_f.BlockCount * 2];
            _rank = new int[_f.BlockCount * 2];
        }
        int rank = 0;
        foreach (int b in _order.Blocks)
        {
            _rank[b] = rank++;
            _idom[b] = None;
        }
        _idom[_f.Entry] = _f.Entry;
        foreach (int b in _order.Blocks) // no loops: every block comes after all that lead to it
        {
            ref IrBlock block = ref _f.Blocks[b];
            if (block.End is IrEnd.Goto or IrEnd.Branch)
                Meet(block.True, b);
            if (block.End == IrEnd.Branch)
                Meet(block.False, b);
        }
    }

    private void Meet(int block, int pred)
    {
        int other = _idom[block];
        if (other != None)
        {
            while (other != pred)
            {
                if (_rank[other] > _rank[pred])
                    other = _idom[other];
                else
                    pred = _idom[pred];
            }
        }
        _idom[block] = pred;
    }
}
