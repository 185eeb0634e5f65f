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
    private int[] _alias = new int[128], _shared = new int[64];
    private readonly List<int> _starts = [];
    private readonly List<(int At, int Target)> _back = []; // jumps backwards (header chains), filled in at the end
    private readonly Dictionary<int, int> _stepping = []; // nearest stepping stone towards an instruction that lies out of reach

    private ClassicInsn[] Link()
    {
        if (_place.Length < _count)
            _place = new int[_count * 2];
        _placed = 0;
        _stepping.Clear();
        _back.Clear();
        ShareCode();
        BeginLive();
        for (int i = _count - 1; i >= 0; i--)
        {
            ref Insn insn = ref _code[i];
            if (IsInVain(insn, i) || _alias[i] != i)
            {
                _place[i] = _placed;
            }
            else if (insn.True == None)
            {
                Place(new ClassicInsn(insn.Code, insn.K), i);
            }
            else if ((insn.Code & OpMask) == Ja)
            {
                int target = insn.TrueAt;
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
        int whenTrue = insn.TrueAt, whenFalse = insn.FalseAt;
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

    /// <summary>
    /// The first instruction of a block, or the second where the first only loads what A holds on this way already;
    /// of blocks with the same code, the one that was kept.
    /// </summary>
    private int TargetOf(int block, int from)
    {
        if (block < None)
            return _labels[LabelBase - block];
        while (_start[block] <= Redirected)
            block = Redirected - _start[block];
        return _alias[_start[block] + (_lead[block] != None && _lead[block] == _exitA[from] ? 1 : 0)];
    }

    /// <summary>
    /// Finds blocks that come to the same instructions, from the end backwards, whatever values they were chosen for: one of each is kept.
    /// What a program does next depends on its code and the machine's state, nothing else.
    /// </summary>
    private void ShareCode()
    {
        if (_alias.Length < _count + 1)
            _alias = new int[_count * 2];
        for (int i = 0; i <= _count; i++)
            _alias[i] = i;
        int size = 64;
        while (size < 2 * _starts.Count)
            size *= 2;
        if (_shared.Length < size)
            _shared = new int[size];
        Array.Fill(_shared, -1, 0, size);
        int end = _count;
        for (int s = _starts.Count - 1; s >= 0; s--)
        {
            int start = _starts[s];
            if (start == end)
                continue;
            uint hash = 0;
            for (int i = start; i < end; i++)
            {
                ref Insn insn = ref _code[i];
                if (insn.True != None && (insn.True < None || insn.False < None))
                    hash = 0; // labels within the block: it is its own
                if (insn.True != None)
                    (insn.TrueAt, insn.FalseAt) = (TargetOf(insn.True, insn.Block), TargetOf(insn.False, insn.Block));
                hash = (hash ^ (uint)insn.Code ^ insn.K * 0x9E3779B1u ^ (uint)insn.TrueAt * 0x85EBCA6Bu ^ (uint)insn.FalseAt * 0xC2B2AE35u) * 0x27D4EB2Fu;
                hash ^= hash >> 15;
            }
            for (int at = (int)hash & (size - 1); ; at = (at + 1) & (size - 1))
            {
                int other = _shared[at];
                if (other < 0)
                {
                    _shared[at] = start;
                    break;
                }
                if (SameCode(start, other, end - start))
                {
                    for (int i = start; i < end; i++)
                        _alias[i] = other + i - start;
                    break;
                }
            }
            end = start;
        }
    }

    private bool SameCode(int x, int y, int length)
    {
        if (y + length > _count)
            return false;
        for (int i = 0; i < length; i++)
        {
            ref Insn a = ref _code[x + i], b = ref _code[y + i];
            if (a.Code != b.Code || a.K != b.K || (a.True != None) != (b.True != None)
                || (a.True != None && (a.TrueAt != b.TrueAt || a.FalseAt != b.FalseAt)))
                return false;
        }
        return true;
    }

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
