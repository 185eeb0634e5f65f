using System.Runtime.CompilerServices;
using Hachi.Isa;
using Hachi.Verify;

namespace Hachi.Lang.Pcap.Prove;

/// <summary>
/// What a resolved filter accepts, as a function of the bits of an unknown packet. A test is true, false, or fails (a load outside the packet, a division
/// by zero), and leaves the variables as it found them or in several ways, each with the condition under which it does.
/// </summary>
internal sealed class TreeMeaning(SymbolicValues values, int variableCount)
{
    private readonly DecisionDiagram _diagram = values.Diagram;
    private readonly VariableLife _life = new(variableCount);

    /// <summary>Why the filter cannot be followed (then the function means nothing), or null.</summary>
    public string? Refused { get; private set; }

    /// <summary>When the filter accepts.</summary>
    public int Matches(FilterTree tree)
    {
        if (tree.Root is null)
            return DecisionDiagram.True;
        if (!_life.TryNumber(tree.Root))
            return Refuse(VariableLife.TooDeep);
        var variables = new SymbolicValue[variableCount];
        Array.Fill(variables, values.Zero);
        int matches = DecisionDiagram.False;
        foreach (Outcome outcome in Decide(tree.Root, variables).Outcomes)
            matches = _diagram.Or(matches, outcome.True);
        return matches;
    }

    private int Refuse(string why)
    {
        Refused ??= why;
        return DecisionDiagram.False;
    }

    private Decision Decide(Test test, SymbolicValue[] variables)
    {
        if (Refused is not null || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            Refuse(VariableLife.TooDeep);
            return new Decision(DecisionDiagram.True, []);
        }
        switch (test.Op)
        {
            case TestOp.True:
                return Pure(variables, DecisionDiagram.True, DecisionDiagram.False);
            case TestOp.False:
                return Pure(variables, DecisionDiagram.False, DecisionDiagram.False);
            case TestOp.Not:
                (int fails, List<Outcome> outcomes) = Decide(test.Left!, variables);
                return new Decision(fails, [.. outcomes.Select(o => new Outcome(o.Variables, o.False, o.True))]);
            case TestOp.And:
            case TestOp.Or:
                return Merge(test, Chain(test.Op == TestOp.And, _life.Operands(test), 0, variables));
            case TestOp.With:
                return Merge(test, With(test, variables));
            case TestOp.ProtoChain:
                Refuse("protochain loops");
                return Pure(variables, DecisionDiagram.False, DecisionDiagram.False);
            default:
                return Compare(test, variables);
        }
    }

    private Decision Pure(SymbolicValue[] variables, int whenTrue, int fails) =>
        new(fails, [new Outcome(variables, whenTrue, _diagram.Not(_diagram.Or(whenTrue, fails)))]);

    private Decision Compare(Test test, SymbolicValue[] variables)
    {
        SymbolicValue a = Evaluate(test.A!, variables, out int failsA), b = Evaluate(test.B!, variables, out int failsB);
        int op = test.Op switch { TestOp.Eq => ClassicOpcode.Jeq, TestOp.Gt => ClassicOpcode.Jgt, TestOp.Ge => ClassicOpcode.Jge, _ => ClassicOpcode.Jset };
        int fails = _diagram.Or(failsA, failsB);
        return Pure(variables, _diagram.And(values.Compare(op, a, b), _diagram.Not(fails)), fails);
    }

    /// <summary>
    /// A run of And or Or. As long as operands leave the variables alone they are put together in halves: sets of a thousand hosts are runs of a thousand
    /// tests, and adding one test at a time would touch all that was there before.
    /// </summary>
    private Decision Chain(bool isAnd, IReadOnlyList<Test> operands, int from, SymbolicValue[] variables)
    {
        var pure = new List<(int Goes, int Fails)>();
        for (int i = from; i < operands.Count; i++)
        {
            Decision decision = Decide(operands[i], variables);
            if (decision.Outcomes is [var only] && only.Variables.AsSpan().SequenceEqual(variables))
            {
                pure.Add((isAnd ? only.True : only.False, decision.Fails));
                continue;
            }
            return Behind(isAnd, InHalves(pure, 0, pure.Count), variables, Rest(isAnd, operands, i, decision));
        }
        (int goes, int fails) = InHalves(pure, 0, pure.Count);
        int stops = _diagram.Not(_diagram.Or(goes, fails));
        return new Decision(fails, [isAnd ? new Outcome(variables, goes, stops) : new Outcome(variables, stops, goes)]);
    }

    /// <summary>Two tests one after the other: when both let the run go on, and when one fails.</summary>
    private (int Goes, int Fails) InHalves(List<(int Goes, int Fails)> tests, int from, int to)
    {
        if (to - from <= 1)
            return from == to ? (DecisionDiagram.True, DecisionDiagram.False) : tests[from];
        int middle = (from + to) / 2;
        (int goes, int fails) = InHalves(tests, from, middle);
        (int goesThen, int failsThen) = InHalves(tests, middle, to);
        return (_diagram.And(goes, goesThen), _diagram.Or(fails, _diagram.And(goes, failsThen)));
    }

    /// <summary>An operand that changes variables, and the operands behind it, for each of the ways in which it does.</summary>
    private Decision Rest(bool isAnd, IReadOnlyList<Test> operands, int at, Decision decision)
    {
        if (at == operands.Count - 1)
            return decision;
        int fails = decision.Fails;
        var outcomes = new List<Outcome>();
        foreach (Outcome outcome in decision.Outcomes)
        {
            int goes = isAnd ? outcome.True : outcome.False, stops = isAnd ? outcome.False : outcome.True;
            if (stops != DecisionDiagram.False)
                outcomes.Add(isAnd ? new Outcome(outcome.Variables, 0, stops) : new Outcome(outcome.Variables, stops, 0));
            if (goes == DecisionDiagram.False)
                continue;
            Decision rest = Chain(isAnd, operands, at + 1, outcome.Variables);
            fails = _diagram.Or(fails, _diagram.And(goes, rest.Fails));
            outcomes.AddRange(rest.Outcomes.Select(o => new Outcome(o.Variables, _diagram.And(goes, o.True), _diagram.And(goes, o.False))));
        }
        return new Decision(fails, outcomes);
    }

    private Decision Behind(bool isAnd, (int Goes, int Fails) first, SymbolicValue[] variables, Decision then)
    {
        int stops = _diagram.Not(_diagram.Or(first.Goes, first.Fails));
        List<Outcome> outcomes = [isAnd ? new Outcome(variables, 0, stops) : new Outcome(variables, stops, 0)];
        outcomes.AddRange(then.Outcomes.Select(o => new Outcome(o.Variables, _diagram.And(first.Goes, o.True), _diagram.And(first.Goes, o.False))));
        return new Decision(_diagram.Or(first.Fails, _diagram.And(first.Goes, then.Fails)), outcomes);
    }

    private Decision With(Test test, SymbolicValue[] variables)
    {
        var ways = new List<Way> { new(variables, DecisionDiagram.True) };
        int fails = Execute(test.Steps!, ref ways);
        var outcomes = new List<Outcome>();
        foreach (Way way in ways)
        {
            Decision decision = Decide(test.Left!, way.Variables);
            fails = _diagram.Or(fails, _diagram.And(way.Condition, decision.Fails));
            foreach (Outcome o in decision.Outcomes)
                outcomes.Add(new Outcome(o.Variables, _diagram.And(way.Condition, o.True), _diagram.And(way.Condition, o.False)));
        }
        return new Decision(fails, outcomes);
    }

    /// <summary>Steps, in all the ways in which they may be reached; the result tells when one fails.</summary>
    private int Execute(IReadOnlyList<Step> steps, ref List<Way> ways)
    {
        int fails = DecisionDiagram.False;
        foreach (Step step in steps)
        {
            var next = new List<Way>();
            foreach (Way way in ways)
                fails = _diagram.Or(fails, Execute(step, way, next));
            ways = next;
        }
        return fails;
    }

    private int Execute(Step step, Way way, List<Way> next)
    {
        if (step.Condition is null)
        {
            SymbolicValue value = Evaluate(step.Value!, way.Variables, out int fails);
            SymbolicValue[] variables = way.Variables;
            if (step.Variable >= 0)
            {
                variables = [.. variables];
                variables[step.Variable] = value;
            }
            Add(next, new Way(variables, _diagram.And(way.Condition, _diagram.Not(fails))));
            return _diagram.And(way.Condition, fails);
        }
        Decision choice = Decide(step.Condition, way.Variables);
        int failed = _diagram.And(way.Condition, choice.Fails);
        foreach (Outcome outcome in choice.Outcomes)
        {
            failed = _diagram.Or(failed, Branch(step.Then, new Way(outcome.Variables, _diagram.And(way.Condition, outcome.True)), next));
            failed = _diagram.Or(failed, Branch(step.Else, new Way(outcome.Variables, _diagram.And(way.Condition, outcome.False)), next));
        }
        return failed;
    }

    private int Branch(IReadOnlyList<Step>? steps, Way way, List<Way> next)
    {
        if (way.Condition == DecisionDiagram.False)
            return DecisionDiagram.False;
        var ways = new List<Way> { way };
        int fails = Execute(steps ?? [], ref ways);
        foreach (Way end in ways)
            Add(next, end);
        return fails;
    }

    private void Add(List<Way> ways, Way way)
    {
        int same = ways.FindIndex(other => other.Variables.AsSpan().SequenceEqual(way.Variables));
        if (same < 0)
            ways.Add(way);
        else
            ways[same] = way with { Condition = _diagram.Or(ways[same].Condition, way.Condition) };
    }

    /// <summary>Forgets variables that nothing reads behind a test, and makes outcomes one that then leave the same.</summary>
    private Decision Merge(Test test, Decision decision)
    {
        var merged = new List<Outcome>();
        foreach (Outcome outcome in decision.Outcomes)
        {
            if (outcome.True == DecisionDiagram.False && outcome.False == DecisionDiagram.False)
                continue;
            SymbolicValue[] variables = _life.Forget(test, outcome.Variables, values.Zero);
            int same = merged.FindIndex(other => other.Variables.AsSpan().SequenceEqual(variables));
            if (same < 0)
                merged.Add(outcome with { Variables = variables });
            else
                merged[same] = new Outcome(variables, _diagram.Or(merged[same].True, outcome.True), _diagram.Or(merged[same].False, outcome.False));
        }
        return decision with { Outcomes = merged };
    }

    private SymbolicValue Evaluate(Arith arith, SymbolicValue[] variables, out int fails)
    {
        fails = DecisionDiagram.False;
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            Refuse(VariableLife.TooDeep);
            return values.Zero;
        }
        switch (arith.Op)
        {
            case ArithOp.Const:
                return values.Constant(arith.K);
            case ArithOp.Length:
                return values.WireLength;
            case ArithOp.Variable:
                return variables[arith.K];
            case ArithOp.Extension:
                return values.Extension(arith.K);
        }
        SymbolicValue a = arith.A is null ? values.Zero : Evaluate(arith.A, variables, out fails);
        SymbolicValue result;
        int failsHere;
        if (arith.Op is ArithOp.Load8 or ArithOp.Load16 or ArithOp.Load32)
        {
            result = values.Load(a, arith.K, arith.Op == ArithOp.Load8 ? 1 : arith.Op == ArithOp.Load16 ? 2 : 4, out failsHere);
        }
        else
        {
            int failsB = DecisionDiagram.False;
            SymbolicValue b = arith.B is null ? values.Zero : Evaluate(arith.B, variables, out failsB);
            result = values.Compute(Code(arith.Op), a, b, out failsHere);
            fails = _diagram.Or(fails, failsB);
        }
        fails = _diagram.Or(fails, failsHere);
        return result;
    }

    private static int Code(ArithOp op) => op switch
    {
        ArithOp.Add => ClassicOpcode.Add,
        ArithOp.Sub => ClassicOpcode.Sub,
        ArithOp.Mul => ClassicOpcode.Mul,
        ArithOp.Div => ClassicOpcode.Div,
        ArithOp.Mod => ClassicOpcode.Mod,
        ArithOp.And => ClassicOpcode.And,
        ArithOp.Or => ClassicOpcode.Or,
        ArithOp.Xor => ClassicOpcode.Xor,
        ArithOp.Lsh => ClassicOpcode.Lsh,
        ArithOp.Rsh => ClassicOpcode.Rsh,
        _ => ClassicOpcode.Neg,
    };

    /// <summary>The variables as a test leaves them, and when it leaves them so being true, or false.</summary>
    private readonly record struct Outcome(SymbolicValue[] Variables, int True, int False);

    private readonly record struct Decision(int Fails, List<Outcome> Outcomes);

    /// <summary>The variables as steps leave them, and when they do.</summary>
    private readonly record struct Way(SymbolicValue[] Variables, int Condition);
}
