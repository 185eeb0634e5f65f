using System.Runtime.CompilerServices;
using Hachi.Verify;

namespace Hachi.Lang.Pcap.Prove;

/// <summary>Where in a filter, read from left to right, each variable is read for the last time: behind that place it no longer tells paths apart.</summary>
internal sealed class VariableLife(int variableCount)
{
    public const string TooDeep = "nested too deeply";

    private readonly int[] _lastRead = new int[variableCount];
    private readonly Dictionary<Test, int> _ends = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Test, List<Test>> _operands = new(ReferenceEqualityComparer.Instance);
    private int _position;

    /// <summary>Numbers all places; false when the filter is nested too deeply to be followed.</summary>
    public bool TryNumber(Test test)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            return false;
        bool isDone = true;
        switch (test.Op)
        {
            case TestOp.And:
            case TestOp.Or:
                foreach (Test operand in Operands(test))
                    isDone &= TryNumber(operand);
                break;
            case TestOp.Not:
                isDone = TryNumber(test.Left!);
                break;
            case TestOp.With:
                isDone = TryNumber(test.Steps!) && TryNumber(test.Left!);
                break;
            default:
                isDone = TryNumber(test.A) && TryNumber(test.B);
                break;
        }
        _ends.TryAdd(test, ++_position);
        return isDone;
    }

    private bool TryNumber(IReadOnlyList<Step> steps)
    {
        foreach (Step step in steps)
            if (!TryNumber(step.Value) || (step.Condition is not null && !TryNumber(step.Condition)) || !TryNumber(step.Then ?? []) || !TryNumber(step.Else ?? []))
                return false;
        return true;
    }

    private bool TryNumber(Arith? arith)
    {
        if (arith is null)
            return true;
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            return false;
        if (arith.Op == ArithOp.Variable)
            _lastRead[arith.K] = ++_position;
        return TryNumber(arith.A) && TryNumber(arith.B);
    }

    /// <summary>What a run of And, or of Or, connects, from left to right, however it is nested.</summary>
    public IReadOnlyList<Test> Operands(Test test)
    {
        if (_operands.TryGetValue(test, out List<Test>? operands))
            return operands;
        operands = [];
        var work = new Stack<Test>();
        work.Push(test);
        while (work.TryPop(out Test? next))
        {
            if (next.Op == test.Op)
            {
                work.Push(next.Right!);
                work.Push(next.Left!);
            }
            else
            {
                operands.Add(next);
            }
        }
        _operands.Add(test, operands);
        return operands;
    }

    /// <summary>The variables without those that nothing reads behind the test.</summary>
    public SymbolicValue[] Forget(Test test, SymbolicValue[] variables, SymbolicValue zero)
    {
        int end = _ends.GetValueOrDefault(test);
        SymbolicValue[]? kept = null;
        for (int i = 0; i < variables.Length; i++)
            if (_lastRead[i] < end && variables[i] != zero)
                (kept ??= [.. variables])[i] = zero;
        return kept ?? variables;
    }
}
