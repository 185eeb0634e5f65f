using System.Runtime.InteropServices;
using Hachi.Ir;

namespace Hachi.Lang.Pcap.Compile;

/// <summary>
/// Long lists of alternatives that all compare words of the packet with constants (the addresses of many hosts), lowered to interval sets at once. The passes
/// over the SSA form come to the same, test by test.
/// </summary>
/// <remarks>
/// What a load outside the packet does must not change: alternatives are brought together only from where each word that they look at has been
/// loaded, up to the next one that looks at a word for the first time.
/// </remarks>
internal sealed class Memberships
{
    private const int AlternativesMin = 13, LoadsMax = 8, LargeMin = 12;

    private readonly List<Item> _items = [];
    private readonly List<(uint Lo, uint Hi)> _parts = [];
    private readonly Stack<Test> _work = new();
    private readonly int[] _loads = new int[LoadsMax];
    private int _loadCount;

    private readonly record struct Item(Test Test, int Load, uint Lo, uint Hi, bool IsNew);

    /// <summary>Ends an open block with the decision; false, with nothing made, when the alternatives are few or of another kind.</summary>
    /// <param name="f">The function.</param>
    /// <param name="or">An <see cref="TestOp.Or"/>.</param>
    /// <param name="block">The block.</param>
    /// <param name="whenTrue">Where it goes on when one of them holds.</param>
    /// <param name="whenFalse">Where it goes on when none does.</param>
    public bool TryLower(IrFunction f, Test or, int block, int whenTrue, int whenFalse)
    {
        if (!Alternatives.HasMany(or, AlternativesMin, out Test first) || first.Op != TestOp.Eq || !Collect(f, or))
            return false;
        Span<Item> items = CollectionsMarshal.AsSpan(_items);
        for (int start = 0, end; start < items.Length; start = end)
        {
            for (end = start + 1; end < items.Length && !items[end].IsNew;)
                end++;
            f.AddRequire(block, items[start].Load);
            int next = end == items.Length ? whenFalse : f.NewBlock();
            LowerRun(f, items[start..end], block, whenTrue, next);
            block = next;
        }
        _items.Clear();
        return true;
    }

    private bool Collect(IrFunction f, Test or)
    {
        _items.Clear();
        _work.Clear();
        _loadCount = 0;
        _work.Push(or);
        while (_work.TryPop(out Test? test))
        {
            if (test.Op == TestOp.Or)
            {
                _work.Push(test.Right!);
                _work.Push(test.Left!);
            }
            else if (!Add(f, test))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Adds a comparison of a word, or of its leading bits, with a constant; false for anything else.</summary>
    private bool Add(IrFunction f, Test test)
    {
        if (test.Op != TestOp.Eq || test.B is not { Op: ArithOp.Const, K: var k })
            return false;
        Arith word = test.A!;
        uint mask = uint.MaxValue;
        if (word is { Op: ArithOp.And, A: { } inner, B: { Op: ArithOp.Const, K: var bits } })
            (word, mask) = (inner, bits);
        byte size = word.Op switch { ArithOp.Load8 => 1, ArithOp.Load16 => 2, ArithOp.Load32 => 4, _ => 0 };
        uint free = ~mask & (uint.MaxValue >> (32 - (8 * size)));
        if (size == 0 || word.A is not null || (free & (free + 1)) != 0 || (k & free) != 0)
            return false;
        int load = IrFold.Load(f, size, IrFunction.Zero, word.K, Lowering.OriginOf(word.Span));
        if (load < 0)
            return false;
        bool isNew = !_loads.AsSpan(0, _loadCount).Contains(load);
        if (isNew && _loadCount == LoadsMax)
            return false;
        if (isNew)
            _loads[_loadCount++] = load;
        _items.Add(new Item(test, load, k, k | free, isNew));
        return true;
    }

    /// <summary>Alternatives whose order is free: those about one word come together.</summary>
    private void LowerRun(IrFunction f, ReadOnlySpan<Item> run, int block, int whenTrue, int whenFalse)
    {
        int left = run.Length, done = 0;
        for (int first = 0; left > 0; first++)
        {
            int load = run[first].Load, bit = 1 << Array.IndexOf(_loads, load);
            if ((done & bit) != 0)
                continue;
            done |= bit;
            _parts.Clear();
            for (int i = first; i < run.Length; i++)
                if (run[i].Load == load)
                    _parts.Add((run[i].Lo, run[i].Hi));
            left -= _parts.Count;
            if (_parts.Count > LargeMin)
            {
                int next = left == 0 ? whenFalse : f.NewBlock();
                f.Member(block, load, IntervalSet.Of(CollectionsMarshal.AsSpan(_parts)), whenTrue, next, Lowering.OriginOf(run[first].Test.Span));
                block = next;
                continue;
            }
            for (int i = first, more = _parts.Count; more > 0; i++)
            {
                if (run[i].Load != load)
                    continue;
                int next = --more == 0 && left == 0 ? whenFalse : f.NewBlock();
                Compare(f, run[i], block, whenTrue, next);
                block = next;
            }
        }
    }

    private static void Compare(IrFunction f, in Item item, int block, int whenTrue, int whenFalse)
    {
        int origin = Lowering.OriginOf(item.Test.Span), word = item.Load;
        if (item.Test.A!.Op == ArithOp.And)
            word = IrFold.Make(f, IrOp.And, word, f.Const(item.Test.A.B!.K), origin);
        f.Branch(block, IrCompare.Eq, word, f.Const(item.Lo, origin), whenTrue, whenFalse, origin);
    }
}
