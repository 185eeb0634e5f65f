using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Verify;

/// <summary>What a classic program returns, as functions of the bits of an unknown packet.</summary>
/// <param name="Returns">When it returns the expected value.</param>
/// <param name="ReturnsOther">When it returns another value than that, and not 0.</param>
/// <param name="States">Places times register contents that were looked at.</param>
/// <param name="Refused">Why the program cannot be followed (then the functions mean nothing), or null.</param>
public readonly record struct ClassicVerdicts(int Returns, int ReturnsOther, int States, string? Refused);

/// <summary>
/// Follows a classic program along all of its paths at once: from every place and every symbolic content of the registers that live there, once. Paths that
/// meet in the same state go on as one; what a state returns is composed of what the states after it return.
/// </summary>
public sealed class ClassicMeaning
{
    private const int AIndex = Limits.ClassicMemoryWords, XIndex = AIndex + 1, Registers = XIndex + 1;

    private readonly SymbolicValues _values;
    private readonly DecisionDiagram _diagram;
    private readonly ClassicInsn[] _insns;
    private readonly uint[] _live;
    private readonly uint _expected;
    private readonly int _statesMax;
    private readonly Dictionary<int[], int> _ids = new(ArrayComparer.Instance);
    private readonly List<State> _states = [];
    private readonly PriorityQueue<int, long> _open = new();
    private readonly Dictionary<int, SymbolicValue> _byId = [];
    private string? _refused;

    private ClassicMeaning(ClassicProgram program, SymbolicValues values, uint expected, int statesMax)
    {
        _values = values;
        _diagram = values.Diagram;
        _insns = program.Insns.ToArray();
        _live = new uint[_insns.Length + 1];
        _expected = expected;
        _statesMax = statesMax;
    }

    /// <summary>Follows a program.</summary>
    /// <param name="program">The program.</param>
    /// <param name="values">The values, shared with what it is compared with.</param>
    /// <param name="expected">What a program that accepts returns.</param>
    /// <param name="statesMax">States after which it gives up.</param>
    /// <param name="fixedFirst">
    /// Whether the diagram asks what is read at fixed offsets before all else: best for searches of sets, and bad where such a byte is computed with another
    /// one that only comes late.
    /// </param>
    public static ClassicVerdicts Follow(ClassicProgram program, SymbolicValues values, uint expected, int statesMax, bool fixedFirst = true)
    {
        var meaning = new ClassicMeaning(program, values, expected, statesMax);
        return meaning.Follow(fixedFirst);
    }

    private ClassicVerdicts Follow(bool fixedFirst)
    {
        CheckAndFindLive();
        if (_refused is null)
        {
            if (fixedFirst)
                foreach ((uint offset, int size) in LoadOrder.Of(_insns))
                    _values.Load(_values.Zero, offset, size, out _);
            var start = new SymbolicValue[Registers];
            Array.Fill(start, _values.Zero);
            int first = Intern(0, start);
            while (_refused is null && _open.TryDequeue(out int state, out _))
                Run(state);
            if (_refused is null)
            {
                Compose();
                return new ClassicVerdicts(_states[first].Returns, _states[first].ReturnsOther, _states.Count, null);
            }
        }
        return new ClassicVerdicts(0, 0, _states.Count, _refused);
    }

    /// <summary>Which registers and words of memory are still read from each instruction on.</summary>
    private void CheckAndFindLive()
    {
        for (int pc = _insns.Length - 1; pc >= 0 && _refused is null; pc--)
        {
            ClassicInsn insn = _insns[pc];
            if (ClassicTable.Find(insn.Code) is not { } form)
            {
                _refused = $"instruction {pc} is unknown";
                return;
            }
            uint live = form.Shape is ClassicShape.ReturnA or ClassicShape.ReturnK ? 0 : _live[pc + 1];
            if (form.Shape is ClassicShape.Jump or ClassicShape.BranchK or ClassicShape.BranchX)
            {
                long t = pc + 1L + (form.Shape == ClassicShape.Jump ? (int)insn.K : insn.Jt), f = form.Shape == ClassicShape.Jump ? t : pc + 1L + insn.Jf;
                if (t <= pc || t >= _insns.Length || f >= _insns.Length)
                {
                    _refused = t <= pc ? "the program loops" : $"instruction {pc} jumps out of the program";
                    return;
                }
                live = _live[t] | _live[f];
            }
            _live[pc] = (live & ~Written(insn)) | Read(insn, form.Shape);
        }
    }

    private static uint Written(ClassicInsn insn) => (insn.Code & ClassMask) switch
    {
        Ld => 1u << AIndex,
        Ldx => 1u << XIndex,
        St or Stx => 1u << (int)(insn.K % Limits.ClassicMemoryWords),
        Alu => 1u << AIndex,
        Misc => 1u << (insn.Code == (Misc | Tax) ? XIndex : AIndex),
        _ => 0,
    };

    private static uint Read(ClassicInsn insn, ClassicShape shape) => shape switch
    {
        ClassicShape.Indirect => 1u << XIndex,
        ClassicShape.Memory when (insn.Code & ClassMask) == St => 1u << AIndex,
        ClassicShape.Memory when (insn.Code & ClassMask) == Stx => 1u << XIndex,
        ClassicShape.Memory => 1u << (int)(insn.K % Limits.ClassicMemoryWords),
        ClassicShape.AluX or ClassicShape.BranchX => (1u << AIndex) | (1u << XIndex),
        ClassicShape.AluK or ClassicShape.BranchK or ClassicShape.ReturnA => 1u << AIndex,
        ClassicShape.Plain => 1u << (insn.Code == (Misc | Txa) ? XIndex : AIndex),
        _ => 0,
    };

    /// <summary>The state of a place and what its live registers hold; a new one is put on the list of those to run.</summary>
    private int Intern(int pc, SymbolicValue[] registers)
    {
        var key = new int[Registers + 1];
        key[Registers] = pc;
        for (int i = 0; i < Registers; i++)
        {
            SymbolicValue value = (_live[pc] >> i & 1) != 0 ? registers[i] : _values.Zero;
            key[i] = value.Id;
            _byId.TryAdd(value.Id, value);
        }
        if (_ids.TryGetValue(key, out int id))
            return id;
        id = _states.Count;
        _ids.Add(key, id);
        _states.Add(new State { Key = key });
        _open.Enqueue(id, ((long)pc << 32) | (uint)id); // in the program's order, which is the one in which it is best to meet bits
        if (id > _statesMax)
            _refused = "too many states of the program";
        return id;
    }

    /// <summary>From a state to the next branch or return.</summary>
    private void Run(int id)
    {
        State state = _states[id];
        int pc = state.Key[Registers];
        var r = new SymbolicValue[Registers];
        for (int i = 0; i < Registers; i++)
            r[i] = _byId[state.Key[i]];
        for (; ; pc++)
        {
            if (pc >= _insns.Length)
            {
                _refused = "the program runs past its end";
                return;
            }
            ClassicInsn insn = _insns[pc];
            switch (insn.Code & ClassMask)
            {
                case Jmp:
                    Branch(state, insn, pc, r);
                    return;
                case Ret:
                    Return(state, (insn.Code & 0x18) == ClassicOpcode.A ? r[AIndex] : _values.Constant(insn.K));
                    return;
                default:
                    int fails = Step(insn, r);
                    state.Fails = _diagram.Or(state.Fails, fails);
                    if (state.Fails == DecisionDiagram.True || _refused is not null)
                        return;
                    break;
            }
        }
    }

    private void Branch(State state, ClassicInsn insn, int pc, SymbolicValue[] r)
    {
        int op = insn.Code & OpMask;
        state.Condition = op == Ja
            ? DecisionDiagram.True
            : _values.Compare(op, r[AIndex], (insn.Code & X) != 0 ? r[XIndex] : _values.Constant(insn.K));
        int t = pc + 1 + (op == Ja ? (int)insn.K : insn.Jt);
        if (state.Condition != DecisionDiagram.False)
            state.WhenTrue = Intern(t, r);
        if (state.Condition != DecisionDiagram.True)
            state.WhenFalse = Intern(pc + 1 + insn.Jf, r);
    }

    private void Return(State state, SymbolicValue value)
    {
        state.Returns = _values.Compare(Jeq, value, _values.Constant(_expected));
        state.ReturnsOther = _diagram.And(_values.IsNotZero(value), _diagram.Not(state.Returns));
    }

    /// <summary>Executes an instruction that neither jumps nor returns; the result tells when it ends the program instead.</summary>
    private int Step(ClassicInsn insn, SymbolicValue[] r)
    {
        int fails = DecisionDiagram.False;
        switch (insn.Code & ClassMask)
        {
            case Ld:
                r[AIndex] = Load(insn, r, out fails);
                break;
            case Ldx:
                r[XIndex] = LoadX(insn, r, out fails);
                break;
            case St:
                r[insn.K % Limits.ClassicMemoryWords] = r[AIndex];
                break;
            case Stx:
                r[insn.K % Limits.ClassicMemoryWords] = r[XIndex];
                break;
            case Alu:
                r[AIndex] = _values.Compute(insn.Code, r[AIndex], (insn.Code & X) != 0 ? r[XIndex] : _values.Constant(insn.K), out fails);
                break;
            default:
                if (insn.Code == (Misc | Tax))
                    r[XIndex] = r[AIndex];
                else
                    r[AIndex] = r[XIndex];
                break;
        }
        return fails;
    }

    private SymbolicValue Load(ClassicInsn insn, SymbolicValue[] r, out int fails)
    {
        fails = DecisionDiagram.False;
        int size = (insn.Code & SizeMask) switch { W => 4, H => 2, _ => 1 };
        switch (insn.Code & ModeMask)
        {
            case Imm or Len or Mem:
                return LoadWord(insn, r);
            case Ind:
                return _values.Load(r[XIndex], insn.K, size, out fails);
            case Abs when insn.K < 0x80000000:
                return _values.Load(_values.Zero, insn.K, size, out fails);
            case Abs when insn.K is >= Extension.LinkLayerOff and < Extension.NetOff:
                return _values.Load(_values.Zero, insn.K - Extension.LinkLayerOff, size, out fails);
            case Abs when insn.K < Extension.LinkLayerOff:
                fails = DecisionDiagram.True;
                return _values.Zero;
            case Abs when insn.K == Extension.AluXorX:
                return _values.Compute(Xor, r[AIndex], r[XIndex], out fails);
            case Abs when ClassicTable.FindExtension(insn.K) is not null && insn.K is not (Extension.Nla or Extension.NlaNest or Extension.PayOff):
                return _values.Extension(insn.K);
            default:
                _refused = "the program reads what is neither a byte of the packet nor a recorded number";
                return _values.Zero;
        }
    }

    private SymbolicValue LoadX(ClassicInsn insn, SymbolicValue[] r, out int fails)
    {
        fails = DecisionDiagram.False;
        if ((insn.Code & ModeMask) is Imm or Len or Mem)
            return LoadWord(insn, r);
        SymbolicValue first = _values.Load(_values.Zero, insn.K, 1, out fails);
        SymbolicValue words = _values.Compute(And, first, _values.Constant(0xf), out _);
        return _values.Compute(Mul, words, _values.Constant(4), out _);
    }

    /// <summary>What both registers can be loaded with, and what never fails.</summary>
    private SymbolicValue LoadWord(ClassicInsn insn, SymbolicValue[] r) => (insn.Code & ModeMask) switch
    {
        Imm => _values.Constant(insn.K),
        Len => _values.WireLength,
        _ => r[insn.K % Limits.ClassicMemoryWords],
    };

    /// <summary>From the last place to the first: jumps only go forward.</summary>
    private void Compose()
    {
        foreach (State state in _states.OrderByDescending(state => state.Key[Registers]))
        {
            if (state.WhenTrue >= 0 || state.WhenFalse >= 0)
            {
                (int t, int tOther) = state.WhenTrue < 0 ? (0, 0) : (_states[state.WhenTrue].Returns, _states[state.WhenTrue].ReturnsOther);
                (int f, int fOther) = state.WhenFalse < 0 ? (0, 0) : (_states[state.WhenFalse].Returns, _states[state.WhenFalse].ReturnsOther);
                state.Returns = _diagram.Ite(state.Condition, t, f);
                state.ReturnsOther = _diagram.Ite(state.Condition, tOther, fOther);
            }
            int survives = _diagram.Not(state.Fails);
            state.Returns = _diagram.And(survives, state.Returns);
            state.ReturnsOther = _diagram.And(survives, state.ReturnsOther);
            if (_diagram.IsExhausted)
                return;
        }
    }

    private sealed class State
    {
        public required int[] Key { get; init; }

        public int Fails { get; set; }

        public int Condition { get; set; }

        public int WhenTrue { get; set; } = -1;

        public int WhenFalse { get; set; } = -1;

        public int Returns { get; set; }

        public int ReturnsOther { get; set; }
    }
}
