using System.Numerics;
using Hachi.Isa;
using Hachi.Uapi;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Verify.Seccomp;

/// <summary>What a filter answers on every call there is: for each word that it can return, when it does.</summary>
/// <param name="When">Returned word to condition in the diagram of the space; conditions are disjoint and cover everything.</param>
/// <param name="Refused">Why the program cannot be followed (then the conditions mean nothing), or null.</param>
public sealed record SeccompOutcomes(IReadOnlyDictionary<uint, int> When, string? Refused);

/// <summary>
/// Follows a filter along all of its paths at once. At each instruction it keeps what the registers may hold (each bit a function of the call) and when the
/// instruction is reached so; ways that meet with the same registers go on as one.
/// </summary>
public sealed class SeccompMeaning
{
    private const int StatesMax = 20_000, AIndex = Limits.ClassicMemoryWords, XIndex = AIndex + 1, Registers = XIndex + 1;

    private readonly SeccompSpace _space;
    private readonly DecisionDiagram _diagram;
    private readonly ClassicInsn[] _insns;
    private readonly Dictionary<int[], (int[][] Registers, List<int> Reached)>?[] _states;
    private readonly Dictionary<uint, List<int>> _returns = [];
    private readonly int[] _zero = BitVectors.Constant(0);
    private readonly uint[] _live;
    private int _count;
    private string? _refused;

    private SeccompMeaning(ClassicProgram program, SeccompSpace space)
    {
        _space = space;
        _diagram = space.Diagram;
        _insns = program.Insns.ToArray();
        _states = new Dictionary<int[], (int[][], List<int>)>?[_insns.Length];
        _live = SeccompLiveness.Of(_insns);
    }

    /// <summary>Follows a program, valid or not.</summary>
    public static SeccompOutcomes Follow(ClassicProgram program, SeccompSpace space)
    {
        if (SeccompValidity.Check(program.Insns) is [var first, ..])
            return new SeccompOutcomes(new Dictionary<uint, int>(), $"instruction {first.Index}: {first.Diagnostic.Message}");
        var meaning = new SeccompMeaning(program, space);
        meaning.Follow();
        var when = meaning._returns.ToDictionary(row => row.Key, row => space.Any(row.Value));
        return new SeccompOutcomes(when, space.Diagram.IsExhausted ? "the budget is used up" : meaning._refused);
    }

    private void Follow()
    {
        var start = new int[Registers][];
        Array.Fill(start, _zero);
        Reach(0, start, DecisionDiagram.True);
        for (int pc = 0; pc < _insns.Length && _refused is null && !_diagram.IsExhausted; pc++)
        {
            if (_states[pc] is not { } states)
                continue;
            foreach ((int[][] registers, List<int> reached) in states.Values)
                Run(pc, registers, reached);
            _states[pc] = null;
        }
    }

    private void Reach(int pc, int[][] registers, int when)
    {
        if (when == DecisionDiagram.False)
            return;
        var key = new int[BitOperations.PopCount(_live[pc]) * BitVectors.Width];
        var kept = new int[Registers][];
        int used = 0;
        for (int i = 0; i < Registers; i++)
        {
            kept[i] = _zero;
            if ((_live[pc] >> i & 1) == 0)
                continue;
            kept[i] = registers[i];
            kept[i].CopyTo(key, used++ * BitVectors.Width);
        }
        Dictionary<int[], (int[][] Registers, List<int> Reached)> states = _states[pc] ??= new(ArrayComparer.Instance);
        if (states.TryGetValue(key, out (int[][] Registers, List<int> Reached) known))
            known.Reached.Add(when);
        else if (++_count > StatesMax)
            _refused = "too many states of the program";
        else
            states.Add(key, (kept, [when]));
    }

    private void Run(int pc, int[][] r, List<int> ways)
    {
        ClassicInsn insn = _insns[pc];
        if (insn.Code == (Ret | K)) // the ways stay apart until all returns of this word are joined
        {
            AddReturn(insn.K, ways);
            return;
        }
        int reached = _space.Any(ways);
        switch (insn.Code & ClassMask)
        {
            case Jmp when (insn.Code & OpMask) == Ja:
                Reach(pc + 1 + (int)insn.K, r, reached);
                return;
            case Jmp:
                int holds = Compare(insn, r);
                Reach(pc + 1 + insn.Jt, r, _diagram.And(reached, holds));
                Reach(pc + 1 + insn.Jf, r, _diagram.And(reached, _diagram.Not(holds)));
                return;
            case Ret:
                Return(r[AIndex], reached);
                return;
            default:
                int[][] next = [.. r];
                Step(insn, next, ref reached);
                Reach(pc + 1, next, reached);
                return;
        }
    }

    private void Return(int[] value, int reached)
    {
        if (BitVectors.TryConstant(value) is not { } returned)
        {
            _refused = "the program returns a word that it has read";
            return;
        }
        AddReturn(returned, [reached]);
    }

    private void AddReturn(uint word, List<int> ways)
    {
        if (!_returns.TryGetValue(word, out List<int>? all))
            _returns.Add(word, all = []);
        all.AddRange(ways);
    }

    private void Step(ClassicInsn insn, int[][] r, ref int reached)
    {
        switch (insn.Code & ClassMask)
        {
            case Ld:
                r[AIndex] = Load(insn, r);
                break;
            case Ldx:
                r[XIndex] = Load(insn, r);
                break;
            case St:
                r[insn.K] = r[AIndex];
                break;
            case Stx:
                r[insn.K] = r[XIndex];
                break;
            case Alu:
                r[AIndex] = Compute(insn, r, ref reached);
                break;
            default:
                if (insn.Code == (Misc | Tax))
                    r[XIndex] = r[AIndex];
                else
                    r[AIndex] = r[XIndex];
                break;
        }
    }

    private int[] Load(ClassicInsn insn, int[][] r) => (insn.Code & ModeMask) switch
    {
        Abs => _space.Word(insn.K),
        Imm => BitVectors.Constant(insn.K),
        Mem => r[insn.K],
        _ => BitVectors.Constant(SeccompData.Size),
    };

    private int Compare(ClassicInsn insn, int[][] r)
    {
        int[] a = r[AIndex], b = (insn.Code & X) != 0 ? r[XIndex] : BitVectors.Constant(insn.K);
        switch (insn.Code & OpMask)
        {
            case Jeq:
                return BitVectors.Equal(_diagram, a, b);
            case Jgt:
                return BitVectors.Greater(_diagram, a, b, orEqual: false);
            case Jge:
                return BitVectors.Greater(_diagram, a, b, orEqual: true);
            default:
                int any = DecisionDiagram.False;
                for (int i = 0; i < BitVectors.Width; i++)
                    any = _diagram.Or(any, _diagram.And(a[i], b[i]));
                return any;
        }
    }

    private int[] Compute(ClassicInsn insn, int[][] r, ref int reached)
    {
        int[] a = r[AIndex], b = (insn.Code & X) != 0 ? r[XIndex] : BitVectors.Constant(insn.K);
        uint? constant = BitVectors.TryConstant(b);
        switch (insn.Code & OpMask)
        {
            case And:
                return Each((x, y) => _diagram.And(x, y));
            case Or:
                return Each((x, y) => _diagram.Or(x, y));
            case Xor:
                return Each((x, y) => _diagram.Xor(x, y));
            case Add:
                return BitVectors.Add(_diagram, a, b);
            case Sub:
                return BitVectors.Add(_diagram, a, BitVectors.Negate(_diagram, b));
            case Neg:
                return BitVectors.Negate(_diagram, a);
            case Lsh when constant is { } left:
                return left < 32 ? BitVectors.Shift(a, (int)left) : _zero;
            case Rsh when constant is { } right:
                return right < 32 ? BitVectors.Shift(a, -(int)right) : _zero;
            case Mul when constant is { } factor:
                return BitVectors.Scale(_diagram, a, factor);
            default:
                return TabulateOrRefuse(insn, a, b, ref reached);
        }

        int[] Each(Func<int, int, int> operation)
        {
            var result = new int[BitVectors.Width];
            for (int i = 0; i < result.Length; i++)
                result[i] = operation(a[i], b[i]);
            return result;
        }
    }

    private int[] TabulateOrRefuse(ClassicInsn insn, int[] a, int[] b, ref int reached)
    {
        var support = new HashSet<int>();
        BitVectors.AddSupport(_diagram, a, support);
        BitVectors.AddSupport(_diagram, b, support);
        if (support.Count > 12)
        {
            _refused = "arithmetic on several words";
            return _zero;
        }
        if ((insn.Code & OpMask) == Div) // by zero: the filter returns 0
        {
            int fails = BitVectors.Equal(_diagram, b, _zero);
            Return(_zero, _diagram.And(reached, fails));
            reached = _diagram.And(reached, _diagram.Not(fails));
        }
        return BitVectors.Tabulate(_diagram, a, b, (x, y) => Semantics.ClassicAlu(insn.Code, x, y, out uint result) ? result : 0);
    }
}
