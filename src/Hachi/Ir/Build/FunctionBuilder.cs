using Hachi.Isa;

namespace Hachi.Ir.Build;

/// <summary>
/// Makes one eBPF function in SSA form: what front ends lower through. Values, blocks, variables and slots are numbers that this builder gave out.
/// </summary>
/// <remarks>
/// A value is 64 bits wide. Operations of size 4 look at lower halves and clear the upper one of their result, as eBPF's do. A value that is made in a block
/// is computed there or below, never above, and equal values are shared within a block only: what a branch has shown the verifier of a value (not null, in
/// bounds) then holds for everything that is made of it behind the branch. Loads, stores and calls happen in the order in which they are written; a load that
/// nobody uses is dropped.
/// </remarks>
internal sealed partial class FunctionBuilder
{
    private readonly BlockVariables _variables;
    private readonly IrArithmetic _make;
    private readonly List<SlotSpec> _slots = [];
    private readonly HashSet<int> _heads = [], _started = [];

    internal FunctionBuilder(string name, int index, int parameters, bool isGlobal)
    {
        (Name, Index, ParameterCount, IsGlobal) = (name, index, parameters, isGlobal);
        _make = new IrArithmetic(Function, isForVerifier: true);
        _variables = new BlockVariables(Function);
        Current = Function.NewBlock();
        _variables.Seal(Current);
        _started.Add(Current);
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Its place among the functions of the program.</summary>
    public int Index { get; }

    /// <summary>How many arguments it takes, at most five.</summary>
    public int ParameterCount { get; }

    /// <summary>Whether the kernel checks it on its own (a global function).</summary>
    public bool IsGlobal { get; }

    /// <summary>What has been made so far.</summary>
    internal IrFunction Function { get; } = new();

    internal IReadOnlyList<SlotSpec> Slots => _slots;

    /// <summary>The block that is written to.</summary>
    public int Current { get; private set; }

    /// <summary>Whether the current block still has no end. What is written behind an end is dropped.</summary>
    public bool IsOpen => Function.Blocks[Current].End == IrEnd.Open;

    /// <summary>Where what is made from now on comes from: a number that the front end gives a meaning, -1 for nowhere.</summary>
    public int Origin
    {
        get => _make.Origin;
        set => _make.Origin = value;
    }

    /// <summary>A block that is started after every jump to it has been written.</summary>
    public int NewBlock() => Function.NewBlock();

    /// <summary>A block that is jumped to from below as well: variables that are read in it stay open until <see cref="Seal"/> (or the end of the function).</summary>
    public int NewLoopHead()
    {
        int block = Function.NewBlock();
        _heads.Add(block);
        return block;
    }

    /// <summary>Makes a block the current one. If the current one is open, it goes on here.</summary>
    public void Start(int block)
    {
        if (IsOpen && Current != block)
            Goto(block);
        if (!_started.Add(block))
            throw new InvalidOperationException($"block {block} of {Name} is started twice");
        if (!_heads.Contains(block))
            _variables.Seal(block);
        Current = block;
        _make.Home = block;
    }

    /// <summary>Says that every jump to a loop head has been written.</summary>
    public void Seal(int head) => _variables.Seal(head);

    /// <summary>Whether any jump to a block has been written: if not, what would stand in it is dead.</summary>
    public bool IsReached(int block) => block == Function.Entry || _variables.HasEdges(block);

    /// <summary>Ends the current block with a jump.</summary>
    public void Goto(int target)
    {
        if (!IsOpen)
            return;
        _variables.AddEdge(Current, true, target);
        Function.Goto(Current, target);
        Function.Blocks[Current].Origin = Origin;
    }

    /// <summary>Ends the current block with a choice: to <paramref name="whenTrue"/> if <c>a op b</c>.</summary>
    /// <param name="op">The comparison.</param>
    /// <param name="a">A value.</param>
    /// <param name="b">A value.</param>
    /// <param name="whenTrue">A block.</param>
    /// <param name="whenFalse">A block.</param>
    /// <param name="size">8: whole words; 4: their lower halves.</param>
    public void Branch(CompareOp op, int a, int b, int whenTrue, int whenFalse, int size = 8)
    {
        if (!IsOpen)
            return;
        IrValue x = Function.Values[a], y = Function.Values[b];
        if (x.Op == IrOp.Const && y.Op == IrOp.Const)
        {
            Goto((size == 8 ? Semantics.Compare64(op, x.Imm, y.Imm) : Semantics.Compare32(op, (uint)x.Imm, (uint)y.Imm)) ? whenTrue : whenFalse);
            return;
        }
        if (whenTrue == whenFalse)
        {
            Goto(whenTrue);
            return;
        }
        (IrCompare compare, bool negate) = Comparison(op, size);
        if (negate)
            (whenTrue, whenFalse) = (whenFalse, whenTrue);
        _variables.AddEdge(Current, true, whenTrue);
        _variables.AddEdge(Current, false, whenFalse);
        ref IrBlock block = ref Function.Blocks[Current];
        block.TrueArgs = block.FalseArgs = -1;
        Function.Branch(Current, compare, a, b, whenTrue, whenFalse, Origin);
    }

    /// <summary>Ends the current block with a choice: to <paramref name="whenTrue"/> if a value is not 0.</summary>
    public void BranchIf(int value, int whenTrue, int whenFalse, int size = 8)
    {
        if (AsksOf(value) is { } asked) // the verifier learns nothing from the outcome, but from the question
            Branch(asked.Op, asked.A, asked.B, whenTrue, whenFalse, asked.Size);
        else
            Branch(CompareOp.Jne, value, IrFunction.Zero, whenTrue, whenFalse, size);
    }

    /// <summary>The comparison that a value is the outcome of (1 or another number where it holds, 0 where not), or null.</summary>
    public (CompareOp Op, int A, int B, int Size)? AsksOf(int value)
    {
        IrValue v = Function.Values[value];
        if (v.Op != IrOp.Select || !IsConst(v.B, out long chosen) || !IsConst((int)v.Imm, out long other) || (chosen == 0) == (other == 0))
            return null;
        IrValue asked = Function.Values[v.A];
        (CompareOp op, int size) = Comparison((IrCompare)asked.Size);
        CompareOp? meant = chosen != 0 ? op : Opposite(op);
        return meant is { } sure ? (sure, asked.A, asked.B, size) : null;
    }

    /// <summary>The comparison that holds where another does not; null for <see cref="CompareOp.Jset"/>, which has none.</summary>
    public static CompareOp? Opposite(CompareOp op) => op switch
    {
        CompareOp.Jeq => CompareOp.Jne,
        CompareOp.Jne => CompareOp.Jeq,
        CompareOp.Jgt => CompareOp.Jle,
        CompareOp.Jge => CompareOp.Jlt,
        CompareOp.Jlt => CompareOp.Jge,
        CompareOp.Jle => CompareOp.Jgt,
        CompareOp.Jsgt => CompareOp.Jsle,
        CompareOp.Jsge => CompareOp.Jslt,
        CompareOp.Jslt => CompareOp.Jsge,
        CompareOp.Jsle => CompareOp.Jsgt,
        _ => null,
    };

    /// <summary>Ends the current block with a return.</summary>
    public void Return(int value)
    {
        if (!IsOpen)
            return;
        Function.Return(Current, value);
        Function.Blocks[Current].Origin = Origin;
    }

    /// <summary>A new variable: written and read in any block, a value in each (phis are made where ways with different values meet).</summary>
    public int NewVariable() => _variables.New();

    /// <summary>Gives a variable a value from here on.</summary>
    public void Write(int variable, int value) => _variables.Write(variable, Current, value);

    /// <summary>What a variable holds here; 0 where it was never written.</summary>
    public int Read(int variable) => _variables.Read(variable, Current);

    /// <summary>Ends what is open with <c>return 0</c> and resolves the variables; called once, by the program.</summary>
    internal void Finish()
    {
        for (int b = 0; b < Function.BlockCount; b++)
            if (Function.Blocks[b].End == IrEnd.Open)
                Function.Return(b, IrFunction.Zero);
        _variables.Finish();
    }

    /// <summary>The jump that asks what a comparison asks, and its width in bytes.</summary>
    internal static (CompareOp Op, int Size) Comparison(IrCompare compare)
    {
        bool isWide = compare >= IrCompare.Eq64;
        CompareOp op = (isWide ? compare - (IrCompare.Eq64 - IrCompare.Eq) : compare) switch
        {
            IrCompare.Eq => CompareOp.Jeq,
            IrCompare.Gt => CompareOp.Jgt,
            IrCompare.Ge => CompareOp.Jge,
            IrCompare.Set => CompareOp.Jset,
            IrCompare.SGt => CompareOp.Jsgt,
            _ => CompareOp.Jsge,
        };
        return (op, isWide ? 8 : 4);
    }

    private static (IrCompare Compare, bool Negate) Comparison(CompareOp op, int size)
    {
        (IrCompare compare, bool negate) = op switch
        {
            CompareOp.Jeq => (IrCompare.Eq, false),
            CompareOp.Jne => (IrCompare.Eq, true),
            CompareOp.Jset => (IrCompare.Set, false),
            CompareOp.Jgt => (IrCompare.Gt, false),
            CompareOp.Jge => (IrCompare.Ge, false),
            CompareOp.Jlt => (IrCompare.Ge, true),
            CompareOp.Jle => (IrCompare.Gt, true),
            CompareOp.Jsgt => (IrCompare.SGt, false),
            CompareOp.Jsge => (IrCompare.SGe, false),
            CompareOp.Jslt => (IrCompare.SGe, true),
            _ => (IrCompare.SGt, true),
        };
        return (size == 8 ? compare + (IrCompare.Eq64 - IrCompare.Eq) : compare, negate);
    }
}
