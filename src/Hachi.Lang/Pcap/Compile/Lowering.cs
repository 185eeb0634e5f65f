using Hachi.Ir;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Compile;

/// <summary>
/// From the resolved tree to the one SSA form. Tests become branches, loads become requirements, in the tree's order; only long lists of alternatives are
/// brought together, where that is wanted, because the passes take long to find out what the tree shows.
/// </summary>
internal sealed class Lowering
{
    private readonly IrVariables _variables = new();
    private Work[] _work = new Work[32];
    private int _left;
    private readonly Alternatives _alternatives = new();
    private readonly Memberships _memberships = new();
    private bool _gathers, _hasVariables;
    private readonly List<Arith> _spine = [];
    private IrFunction _f = null!;
    private int _block;

    private struct Work
    {
        public Test Test;
        public int True, False, Block;
        public bool IsPart; // of a longer or
    }

    /// <summary>Fills an empty function: accepted packets return <paramref name="snapLength"/>, others 0.</summary>
    /// <param name="tree">The tree.</param>
    /// <param name="snapLength">What accepted packets return.</param>
    /// <param name="f">The function to fill.</param>
    /// <param name="gather">Whether alternatives are brought together by what they begin with (<see cref="Alternatives"/>).</param>
    public void Lower(FilterTree tree, uint snapLength, IrFunction f, bool gather = true)
    {
        _f = f;
        _gathers = gather;
        _hasVariables = tree.VariableCount > 0;
        _variables.Reset(f, tree.VariableCount);
        int entry = f.NewBlock(), accept = f.NewBlock(), reject = f.NewBlock();
        f.Return(accept, f.Const(snapLength));
        f.Return(reject, IrFunction.Zero);
        f.Entry = entry;
        if (tree.Root is null)
            f.Goto(entry, accept);
        else
            Decide(tree.Root, entry, accept, reject);
        Array.Clear(_work); // (nothing of the tree is held)
    }

    /// <summary>The place in the text that an origin stands for.</summary>
    public static TextSpan SpanOf(int origin) => origin < 0 ? default : new TextSpan(origin >> 12, origin & 0xfff);

    /// <summary>The origin that stands for a place in the text.</summary>
    public static int OriginOf(TextSpan span) => span.Start >= 1 << 18 ? -1 : (span.Start << 12) | Math.Min(span.Length, 0xfff);

    private void Decide(Test root, int block, int whenTrue, int whenFalse)
    {
        int bottom = _left;
        Push(root, whenTrue, whenFalse, block, false);
        while (_left > bottom)
        {
            ref Work work = ref _work[--_left];
            Test test = work.Test;
            int t = work.True, e = work.False, at = work.Block;
            bool gathers = _gathers && !work.IsPart && test.Op == TestOp.Or;
            if (gathers)
                test = _alternatives.Gather(test); // (which may begin with what all share)
            bool isOr = test.Op == TestOp.Or;
            if (at != _block || _f.Blocks[at].End != IrEnd.Open)
                _variables.Start(at);
            _block = at;
            if (gathers && isOr && !_hasVariables && _memberships.TryLower(_f, test, at, t, e))
                continue;
            switch (test.Op)
            {
                case TestOp.And:
                case TestOp.Or:
                    int second = _f.NewBlock();
                    Push(test.Right!, t, e, second, isOr);
                    Push(test.Left!, isOr ? t : second, isOr ? second : e, _block, isOr);
                    break;
                case TestOp.Not:
                    Push(test.Left!, e, t, _block, false);
                    break;
                case TestOp.With:
                    Execute(test.Steps!);
                    Push(test.Left!, t, e, _block, false);
                    break;
                case TestOp.True:
                    Goto(t);
                    break;
                case TestOp.False:
                    Goto(e);
                    break;
                default:
                    Compare(test, t, e);
                    break;
            }
        }
    }

    private void Push(Test test, int whenTrue, int whenFalse, int block, bool isPart)
    {
        if (_left == _work.Length)
            Array.Resize(ref _work, _left * 2);
        _work[_left++] = new Work { Test = test, True = whenTrue, False = whenFalse, Block = block, IsPart = isPart };
    }

    private void Compare(Test test, int whenTrue, int whenFalse)
    {
        int origin = OriginOf(test.Span);
        int a, b = IrFunction.Zero;
        IrCompare compare = IrCompare.Eq;
        if (test.Op == TestOp.ProtoChain)
        {
            a = _f.Intern(IrOp.ProtoChain, (byte)test.K2, test.A is null ? IrFunction.Zero : Value(test.A), 0, ((ulong)test.K << 32) | test.K3, origin);
            _f.AddRequire(_block, a);
            (whenTrue, whenFalse) = (whenFalse, whenTrue);
        }
        else
        {
            a = Value(test.A!);
            b = Value(test.B!);
            compare = test.Op switch { TestOp.Eq => IrCompare.Eq, TestOp.Gt => IrCompare.Gt, TestOp.Ge => IrCompare.Ge, _ => IrCompare.Set };
        }
        _variables.Edge(_block, true, whenTrue);
        _variables.Edge(_block, false, whenFalse);
        _f.Branch(_block, compare, a, b, whenTrue, whenFalse, origin);
    }

    private void Goto(int target)
    {
        _variables.Edge(_block, true, target);
        _f.Goto(_block, target);
    }

    private void Execute(IReadOnlyList<Step> steps)
    {
        foreach (Step step in steps)
        {
            if (step.Condition is null)
            {
                int value = Value(step.Value!);
                if (step.Variable >= 0)
                    _variables[step.Variable] = value;
                continue;
            }
            int then = _f.NewBlock(), otherwise = _f.NewBlock(), join = _f.NewBlock();
            Decide(step.Condition, _block, then, otherwise);
            Branch(then, step.Then, join);
            Branch(otherwise, step.Else, join);
            Start(join);
        }
    }

    private void Branch(int block, IReadOnlyList<Step>? steps, int join)
    {
        Start(block);
        if (steps is not null)
            Execute(steps);
        Goto(join);
    }

    private void Start(int block)
    {
        _variables.Start(block);
        _block = block;
    }

    /// <summary>The value of a number; its loads and divisions become requirements of the current block. Left operands are walked, right ones recursed into.</summary>
    private int Value(Arith root)
    {
        if (root.A is null)
            return Node(root, IrFunction.Zero);
        if (root.A.A is null)
            return Node(root, Node(root.A, IrFunction.Zero));
        int bottom = _spine.Count;
        Arith at = root;
        while (true)
        {
            _spine.Add(at);
            if (at.A is null)
                break;
            at = at.A;
        }
        int value = IrFunction.Zero;
        for (int i = _spine.Count - 1; i >= bottom; i--)
            value = Node(_spine[i], value);
        _spine.RemoveRange(bottom, _spine.Count - bottom);
        return value;
    }

    private int Node(Arith node, int a)
    {
        int origin = OriginOf(node.Span);
        switch (node.Op)
        {
            case ArithOp.Const:
                return _f.Const(node.K, origin);
            case ArithOp.Length:
                return _f.Intern(IrOp.Length, 0, 0, 0, 0, origin);
            case ArithOp.Extension:
                return _f.Intern(IrOp.Extension, 0, 0, 0, node.K, origin);
            case ArithOp.Variable:
                return _variables[(int)node.K];
            case ArithOp.Load8:
            case ArithOp.Load16:
            case ArithOp.Load32:
                byte size = node.Op switch { ArithOp.Load8 => 1, ArithOp.Load16 => 2, _ => 4 };
                int load = IrFold.Load(_f, size, node.A is null ? IrFunction.Zero : a, node.K, origin);
                if (load < 0)
                    return Rejected();
                _f.AddRequire(_block, load);
                return load;
            case ArithOp.Neg:
                return IrFold.Make(_f, IrOp.Neg, a, IrFunction.Zero, origin);
            default:
                return Binary(node, a, origin);
        }
    }

    private int Binary(Arith node, int a, int origin)
    {
        int b = Value(node.B!);
        IrOp op = node.Op switch
        {
            ArithOp.Add => IrOp.Add,
            ArithOp.Sub => IrOp.Sub,
            ArithOp.Mul => IrOp.Mul,
            ArithOp.Div => IrOp.Div,
            ArithOp.Mod => IrOp.Mod,
            ArithOp.And => IrOp.And,
            ArithOp.Or => IrOp.Or,
            ArithOp.Xor => IrOp.Xor,
            ArithOp.Lsh => IrOp.Lsh,
            _ => IrOp.Rsh,
        };
        bool divides = op is IrOp.Div or IrOp.Mod;
        if (divides && b == IrFunction.Zero)
            return Rejected();
        int value = IrFold.Make(_f, op, a, b, origin);
        if (divides && _f.Values[b].Op != IrOp.Const)
        {
            if (_f.Values[value].Op == op && _f.Values[value].B == b)
                _f.AddRequire(_block, value);
            else
                _f.AddRequire(_block, _f.Intern(op, 0, a, b, 0, origin)); // folded away, but a divisor of 0 still rejects
        }
        return value;
    }

    /// <summary>A value that can never be computed: the packet is rejected here, what follows is never reached.</summary>
    private int Rejected()
    {
        _f.Return(_block, IrFunction.Zero);
        int unreached = _f.NewBlock();
        _block = unreached;
        return IrFunction.Zero;
    }
}
