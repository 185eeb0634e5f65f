using Hachi.Isa;
using Hachi.Vm.Machine;
using static Hachi.Isa.Opcode;

namespace Hachi.Vm.Jit.Lift;

/// <summary>
/// Which stack words of a function are variables: read and written at constant offsets, always whole, their address never given away. The lifter keeps them as values; all
/// other stack memory is memory.
/// </summary>
internal sealed class StackSlots
{
    /// <summary>Variables at most.</summary>
    public const int SlotsMax = 48;

    private const int NotStack = int.MinValue, SomeStack = int.MaxValue, Frame = Limits.StackBytesMax, Disagree = 255, Registers = Limits.Registers;

    private readonly Flow _flow;
    private readonly Func<int, int, int> _keyBytes;
    private readonly byte[] _sizes = new byte[Frame]; // by offset above the frame's lowest byte; 0: not accessed
    private readonly sbyte[] _slots = new sbyte[Frame]; // by offset, the number of the variable, or -1
    private readonly List<int> _offsets = [];
    private readonly List<(int Offset, int Size)> _memory = [];
    private EbpfCode _code = null!;
    private int[] _accessAt = [], _entry = []; // by instruction: 1 + offset; by block: its registers
    private byte[] _accessSize = [];
    private bool[] _isEntered = [];
    private bool _escapes, _isAlone;

    /// <summary>For functions of one flow graph after the other.</summary>
    /// <param name="flow">The flow graph.</param>
    /// <param name="keyBytes">For a helper call (slot, argument register): bytes that the lifter reads itself from an address there, or -1 when the helper gets the address.</param>
    public StackSlots(Flow flow, Func<int, int, int> keyBytes) => (_flow, _keyBytes) = (flow, keyBytes);

    /// <summary>Looks through a function, which the flow graph shows already.</summary>
    /// <param name="code">The program.</param>
    /// <param name="isShared">Whether a function of the program reaches outside its frame: then this one has no variables, and clears all of its frame.</param>
    public void Compute(EbpfCode code, bool isShared)
    {
        _code = code;
        Count = MemoryBottom = 0;
        _escapes = isShared;
        _isAlone = code.Functions.Length == 1 && !code.CallsMain;
        Strays = false;
        foreach (int offset in _offsets)
            _sizes[offset] = 0;
        _offsets.Clear();
        _memory.Clear();
        if (_accessAt.Length < code.Decoded.Length)
        {
            _accessAt = new int[code.Decoded.Length * 2];
            _accessSize = new byte[code.Decoded.Length * 2];
        }
        _accessAt.AsSpan(0, code.Decoded.Length).Clear();
        if (!isShared)
            Look();
        if (_escapes)
            MemoryBottom = -Frame;
        else
            Choose();
    }

    /// <summary>Number of slots.</summary>
    public int Count { get; private set; }

    /// <summary>Whether any stack memory stays memory, and from which offset (below r10) on.</summary>
    public int MemoryBottom { get; private set; }

    /// <summary>
    /// Whether the function plainly reaches outside its own frame, into another function's: by an access at a constant offset, by giving away such an address (r10 itself is one), by
    /// returning an address, or by arithmetic on one that is more than adding and subtracting. Compilers make none of that.
    /// </summary>
    public bool Strays { get; private set; }

    // With other functions in the program it is worth looking on for a stray access when the variables are lost already.
    private bool IsDone => _escapes && (_isAlone || Strays);

    /// <summary>The variable (from 0) that the instruction in a slot reads or writes in place of memory, or -1.</summary>
    public int VariableAt(int insn)
    {
        int at = _accessAt[insn] - 1;
        return at < 0 || _escapes || _sizes[at] != _accessSize[insn] ? -1 : _slots[at];
    }

    // What registers hold only becomes less known from round to round, and then all is given up: so what a round has noted holds in the next.
    private void Look()
    {
        if (_isEntered.Length < _flow.Count)
        {
            _isEntered = new bool[_flow.Count * 2];
            _entry = new int[_flow.Count * 2 * Registers];
        }
        _isEntered.AsSpan(0, _flow.Count).Clear();
        Span<int> r = stackalloc int[Registers];
        r.Fill(NotStack);
        r[Limits.FramePointer] = 0;
        Join(0, r);
        bool again = true;
        while (again && !IsDone)
        {
            again = false;
            foreach (int b in _flow.Ordered)
            {
                _entry.AsSpan(b * Registers, Registers).CopyTo(r);
                ref FlowBlock block = ref _flow.Blocks[b];
                for (int slot = block.Start; slot < block.End && !IsDone; slot++)
                {
                    Step(slot, r);
                    if (_code.Decoded[slot].Step == Flow.LdImm64Step)
                        slot++;
                }
                if (block.Taken >= 0)
                    again |= Join(block.Taken, r) && _flow.Blocks[block.Taken].Rank <= block.Rank;
                if (block.Next >= 0)
                    again |= Join(block.Next, r) && _flow.Blocks[block.Next].Rank <= block.Rank;
            }
        }
    }

    private bool Join(int block, ReadOnlySpan<int> r)
    {
        Span<int> old = _entry.AsSpan(block * Registers, Registers);
        if (!_isEntered[block])
        {
            _isEntered[block] = true;
            r.CopyTo(old);
            return true;
        }
        bool changed = false;
        for (int i = 0; i < r.Length; i++)
        {
            if (old[i] == r[i] || old[i] == SomeStack)
                continue;
            old[i] = SomeStack;
            changed = true;
        }
        return changed;
    }

    private void Step(int slot, Span<int> r)
    {
        ref DecodedInsn insn = ref _code.Decoded[slot];
        int cls = insn.Code & ClassMask;
        if (insn.Code == LdImm64)
            r[insn.Dst] = NotStack;
        else if (cls is Alu or Alu64)
            Arithmetic(insn, r);
        else if (cls == Ldx)
        {
            Access(slot, r[insn.Src], insn.Offset, SizeOf(insn.Code));
            r[insn.Dst] = NotStack;
        }
        else if (cls is St or Stx)
            Write(slot, insn, r);
        else if ((insn.Code & 0xff) is (Jmp | Opcode.Call) or (Jmp | Opcode.Call | X))
            Call(slot, insn, r);
        else if (insn.Code == (Jmp | Exit))
            Strays |= r[0] != NotStack;
        else if (cls == Ld)
            r[..6].Fill(NotStack);
    }

    private void Arithmetic(in DecodedInsn insn, Span<int> r)
    {
        int dst = r[insn.Dst], src = (insn.Code & SourceMask) != 0 ? r[insn.Src] : NotStack;
        switch (insn.Code)
        {
            case Alu64 | Mov | X:
                r[insn.Dst] = src;
                break;
            case Alu64 | Mov | K or Alu | Mov | K:
                r[insn.Dst] = NotStack;
                break;
            case Alu64 | Add | K when dst is not (NotStack or SomeStack):
                r[insn.Dst] = Math.Abs((long)dst + insn.Imm) < 1 << 20 ? dst + (int)insn.Imm : SomeStack;
                break;
            default:
                if (dst == NotStack && src == NotStack)
                    return;
                r[insn.Dst] = SomeStack;
                if ((insn.Code & OpMask) != Mov || src != NotStack)
                    Strays |= (insn.Code & ~SourceMask) is not (Alu64 | Add or Alu64 | Sub);
                break;
        }
    }

    private void Write(int slot, in DecodedInsn insn, Span<int> r)
    {
        bool isLoad = (insn.Code & ModeMask) == Atomic && insn.Imm == LoadAcq;
        if ((insn.Code & ClassMask) == Stx && r[insn.Src] != NotStack)
        {
            _escapes = true; // an address goes to memory
            Strays |= !isLoad && IsForeign(r[insn.Src]);
        }
        if ((insn.Code & ModeMask) == Atomic)
        {
            int at = r[isLoad ? insn.Src : insn.Dst];
            _escapes |= at == SomeStack;
            if (at is not (NotStack or SomeStack))
            {
                if (!IsInFrame(at + insn.Offset, SizeOf(insn.Code)))
                    _escapes = Strays = true;
                _memory.Add((at + insn.Offset, SizeOf(insn.Code)));
            }
            if (isLoad)
                r[insn.Dst] = NotStack;
            else if ((insn.Imm & Fetch) != 0)
                r[insn.Imm == Cmpxchg ? 0 : insn.Src] = NotStack;
            return;
        }
        Access(slot, r[insn.Dst], insn.Offset, SizeOf(insn.Code));
    }

    private void Access(int insn, int pointer, int offset, int size)
    {
        if (pointer == NotStack)
            return;
        if (pointer == SomeStack)
        {
            _escapes = true;
            return;
        }
        int at = pointer + offset;
        if (!IsInFrame(at, size))
        {
            _escapes = Strays = true; // another frame's, or none: let the check decide
            return;
        }
        at += Frame;
        (_accessAt[insn], _accessSize[insn]) = (at + 1, (byte)size);
        if (_sizes[at] == 0)
        {
            _sizes[at] = (byte)size;
            _offsets.Add(at);
        }
        else if (_sizes[at] != size)
        {
            _sizes[at] = Disagree;
        }
    }

    private static bool IsForeign(int pointer) => pointer is not (NotStack or SomeStack) && !IsInFrame(pointer, 1);

    private static bool IsInFrame(int offset, int size) => offset >= -Limits.StackBytesMax && offset + size <= 0;

    private void Call(int slot, in DecodedInsn insn, Span<int> r)
    {
        for (int a = 1; a <= Limits.CallArgumentsMax; a++)
        {
            if (r[a] == NotStack)
                continue;
            int bytes = insn.Code == (Jmp | Opcode.Call) && r[a] != SomeStack ? _keyBytes(slot, a) : -1;
            if (bytes < 0)
            {
                _escapes = true; // perhaps a stale address in a register that the helper does not read: then this is only cautious
                Strays |= IsForeign(r[a]);
            }
            else if (bytes > 0)
                Access(slot, r[a], 0, bytes);
        }
        r[..6].Fill(NotStack);
    }

    private void Choose()
    {
        _offsets.Sort();
        int bottom = 0;
        for (int i = 0; i < _offsets.Count; i++)
        {
            int at = _offsets[i], size = _sizes[at];
            bool alone = size != Disagree && Count < SlotsMax && (i == 0 || EndOf(_offsets[i - 1]) <= at) && (i == _offsets.Count - 1 || at + size <= _offsets[i + 1]);
            for (int before = i - 2; before >= 0 && alone && _offsets[before] > at - 8; before--)
                alone = EndOf(_offsets[before]) <= at;
            foreach ((int other, int otherSize) in _memory)
                alone &= other + otherSize + Frame <= at || at + size <= other + Frame;
            _slots[at] = alone ? (sbyte)Count++ : (sbyte)-1;
            if (!alone)
                bottom = Math.Min(bottom, at - Frame);
        }
        foreach ((int offset, _) in _memory)
            bottom = Math.Min(bottom, offset);
        MemoryBottom = bottom;
    }

    private int EndOf(int offset) => offset + (_sizes[offset] == Disagree ? 8 : _sizes[offset]);
}
