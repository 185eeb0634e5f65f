using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Select;

/// <summary>Places instructions and fills in jump distances, from the end backwards: every jump goes forward, so distances are known when they are needed.</summary>
internal sealed partial class ClassicSelector
{
    private const int ReachMax = 255;

    private int[] _place = new int[64];
    private ClassicInsn[] _output = new ClassicInsn[128];
    private int _placed;
    private readonly List<(int At, int Target)> _back = []; // jumps backwards (header chains), filled in at the end
    private readonly Dictionary<int, int> _stepping = []; // nearest stepping stone towards an instruction that lies out of reach

    private ClassicInsn[] Link()
    {
        if (_place.Length < _count)
            _place = new int[_count * 2];
        _placed = 0;
        _stepping.Clear();
        _back.Clear();
        for (int i = _count - 1; i >= 0; i--)
        {
            ref Insn insn = ref _code[i];
            if (insn.True == None)
            {
                Place(new ClassicInsn(insn.Code, insn.K), i);
            }
            else if ((insn.Code & OpMask) == Ja)
            {
                int target = TargetOf(insn.True, insn.Block);
                if (target <= i)
                    _back.Add((_placed, target));
                int distance = target <= i ? 1 : _placed - _place[target];
                if (distance > 0)
                    Place(new ClassicInsn(insn.Code, (uint)distance), i);
                else
                    _place[i] = _placed; // jumps to what comes next anyhow
            }
            else
            {
                PlaceJump(ref insn, i);
            }
        }
        foreach ((int at, int target) in _back)
            _output[at] = _output[at] with { K = (uint)(at - _place[target]) };
        ClassicInsn[] program = _output.AsSpan(0, _placed).ToArray();
        Array.Reverse(program);
        return program;
    }

    private void PlaceJump(ref Insn insn, int i)
    {
        int whenTrue = TargetOf(insn.True, insn.Block), whenFalse = TargetOf(insn.False, insn.Block);
        // a stepping stone for one lies between here and the other: look again until both are in reach
        int trueAt = Reach(whenTrue, 1), falseAt = Reach(whenFalse, 0);
        trueAt = Math.Max(trueAt, Reach(whenTrue, 0));
        Place(new ClassicInsn((ushort)insn.Code, (byte)(_placed - trueAt), (byte)(_placed - falseAt), insn.K), i);
    }

    /// <summary>The place to jump to for an instruction: itself, or a stepping stone that is made when it lies out of reach.</summary>
    private int Reach(int target, int spare)
    {
        int at = _place[target];
        if (_placed - at + spare <= ReachMax)
            return at;
        if (_stepping.TryGetValue(target, out int stone) && _placed - stone + spare <= ReachMax)
            return stone;
        ClassicInsn aim = _output[at - 1];
        Append((aim.Code & ClassMask) == Ret ? aim : new ClassicInsn(Jmp | Ja, (uint)(_placed - at)));
        _stepping[target] = _placed;
        return _placed;
    }

    /// <summary>The first instruction of a block, or the second where the first only loads what A holds on this way already.</summary>
    private int TargetOf(int block, int from) => block < None ? _labels[LabelBase - block] : _start[block] + (_lead[block] != None && _lead[block] == _exitA[from] ? 1 : 0);

    private void Place(ClassicInsn insn, int index)
    {
        Append(insn);
        _place[index] = _placed;
    }

    private void Append(ClassicInsn insn)
    {
        if (_placed == _output.Length)
            Array.Resize(ref _output, _placed * 2);
        _output[_placed++] = insn;
    }
}
