using Hachi.Ir;

namespace Hachi.Lang.Seccomp.Compile;

/// <summary>A run of words that all lead to one block.</summary>
/// <param name="Low">The first.</param>
/// <param name="High">The last.</param>
/// <param name="Target">The block.</param>
/// <param name="Weight">How often words of the run are expected, in any unit.</param>
internal readonly record struct Region(uint Low, uint High, int Target, double Weight)
{
    public bool IsSingle => Low == High;
}

/// <summary>
/// The search for the region of a word, as comparisons: of all trees the one with the least expected number of them (dynamic programming over runs of
/// regions, Knuth 1971), where each comparison in the program costs a little, too.
/// </summary>
internal sealed class SearchTree
{
    /// <summary>What one more instruction costs, as a share of an instruction on every path.</summary>
    private const double InsnCost = 0.004;

    private const int ChainMax = 5, RegionsMax = 1500;

    private readonly IrFunction _f;
    private readonly int _value;
    private readonly Region[] _regions;
    private readonly double[] _sums;
    private readonly double[,] _cost;
    private readonly short[,] _choice; // first region of the right part, 0: a chain
    private readonly double _price;

    private SearchTree(IrFunction f, int value, Region[] regions)
    {
        _f = f;
        _value = value;
        _regions = regions;
        int n = regions.Length;
        _sums = new double[n + 1];
        for (int i = 0; i < n; i++)
            _sums[i + 1] = _sums[i] + regions[i].Weight;
        _price = _sums[n] * InsnCost;
        _cost = new double[n, n];
        _choice = new short[n, n];
    }

    /// <summary>Makes the blocks of the search; returns the first. The regions are in order and cover every word.</summary>
    public static int Build(IrFunction f, int value, IReadOnlyList<Region> regions)
    {
        Region[] joined = Join(regions);
        if (joined.Length > RegionsMax) // too many for the tables: halves are still trees
        {
            int middle = joined.Length / 2;
            int left = Build(f, value, joined[..middle]), right = Build(f, value, joined[middle..]);
            return Test(f, value, IrCompare.Ge, joined[middle].Low, right, left);
        }
        var tree = new SearchTree(f, value, joined);
        tree.Plan();
        return tree.Emit(0, joined.Length - 1);
    }

    private static Region[] Join(IReadOnlyList<Region> regions)
    {
        var joined = new List<Region>(regions.Count);
        foreach (Region region in regions)
        {
            if (joined.Count > 0 && joined[^1].Target == region.Target)
                joined[^1] = joined[^1] with { High = region.High, Weight = joined[^1].Weight + region.Weight };
            else
                joined.Add(region);
        }
        return [.. joined];
    }

    private double Weight(int i, int j) => _sums[j + 1] - _sums[i];

    private void Plan()
    {
        int n = _regions.Length;
        for (int length = 2; length <= n; length++)
        {
            for (int i = 0; i + length <= n; i++)
            {
                int j = i + length - 1;
                double best = ChainCost(i, j), passes = Weight(i, j) + _price;
                int choice = 0;
                // The best place to part moves with the ends; where a chain stood before, nothing is known.
                int from = length > 2 && _choice[i, j - 1] > 0 ? Math.Max(i + 1, _choice[i, j - 1] - 2) : i + 1;
                int to = length > 2 && _choice[i + 1, j] > 0 ? Math.Min(j, _choice[i + 1, j] + 2) : j;
                for (int k = from; k <= to; k++)
                {
                    double cost = passes + _cost[i, k - 1] + _cost[k, j];
                    if (cost < best)
                        (best, choice) = (cost, k);
                }
                _cost[i, j] = best;
                _choice[i, j] = (short)choice;
            }
        }
    }

    /// <summary>The cost of asking for single words one after the other, where all others lead to one block.</summary>
    private double ChainCost(int i, int j)
    {
        if (ChainOf(i, j) is not { } chain)
            return double.PositiveInfinity;
        double cost = chain.Length * (_price + Weight(i, j)), passed = 0;
        foreach (int single in chain)
        {
            cost -= passed; // whoever was found does not go on
            passed += _regions[single].Weight;
        }
        return cost;
    }

    private int[]? ChainOf(int i, int j)
    {
        if (j - i > 2 * ChainMax) // neighbours lead to different blocks: every other one at least would have to be asked for
            return null;
        int rest = -1;
        for (int r = i; r <= j; r++)
        {
            if (_regions[r].IsSingle)
                continue;
            if (rest >= 0 && rest != _regions[r].Target)
                return null;
            rest = _regions[r].Target;
        }
        if (rest < 0)
            rest = MostFrequent(i, j);
        int count = 0;
        for (int r = i; r <= j; r++)
            if (_regions[r].Target != rest && ++count > ChainMax)
                return null;
        var chain = new int[count];
        count = 0;
        for (int r = i; r <= j; r++)
            if (_regions[r].Target != rest)
                chain[count++] = r;
        Array.Sort(chain, (x, y) => _regions[y].Weight != _regions[x].Weight ? _regions[y].Weight.CompareTo(_regions[x].Weight) : x.CompareTo(y));
        return chain;
    }

    private int MostFrequent(int i, int j)
    {
        int best = _regions[i].Target, bestCount = 0;
        for (int r = i; r <= j; r++)
        {
            int count = 0;
            for (int s = i; s <= j; s++)
                count += _regions[s].Target == _regions[r].Target ? 1 : 0;
            if (count > bestCount)
                (best, bestCount) = (_regions[r].Target, count);
        }
        return best;
    }

    private int Emit(int i, int j)
    {
        if (i == j)
            return _regions[i].Target;
        if (_choice[i, j] is > 0 and var k)
            return Test(_f, _value, IrCompare.Ge, _regions[k].Low, Emit(k, j), Emit(i, k - 1));
        int[] chain = ChainOf(i, j)!;
        int next = -1;
        for (int r = i; r <= j && next < 0; r++)
            if (!chain.Contains(r))
                next = _regions[r].Target;
        for (int c = chain.Length - 1; c >= 0; c--)
            next = Test(_f, _value, IrCompare.Eq, _regions[chain[c]].Low, _regions[chain[c]].Target, next);
        return next;
    }

    private static int Test(IrFunction f, int value, IrCompare compare, uint k, int whenTrue, int whenFalse)
    {
        if (whenTrue == whenFalse)
            return whenTrue;
        int block = f.NewBlock();
        f.Branch(block, compare, value, f.Const(k), whenTrue, whenFalse);
        return block;
    }
}
