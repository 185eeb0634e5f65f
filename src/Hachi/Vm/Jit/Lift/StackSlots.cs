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
    private const int NotStack = int.MinValue, SomeStack = int.MaxValue, SlotsMax = 48;

    private readonly Flow _flow;
    private readonly EbpfCode _code;
    private readonly Func<int, int, int> _keyBytes;
    private readonly Dictionary<int, int> _sizes = []; // offset => size, 0 when accesses disagree
    private readonly List<(int Offset, int Size)> _memory = [];
    private readonly Dictionary<int, int> _slots = [];
    private readonly Dictionary<int, (int Offset, int Size)> _accesses = [];
    private bool _escapes;

    /// <summary>Looks through a function.</summary>
    /// <param name="code">The code.</param>
    /// <param name="flow">Its flow graph.</param>
    /// <param name="keyBytes">For a helper call (slot, argument register): bytes that the lifter reads itself from an address there, or -1 when the helper gets the address.</param>
    public StackSlots(EbpfCode code, Flow flow, Func<int, int, int> keyBytes)
    {
        _code = code;
        _flow = flow;
        _keyBytes = keyBytes;
        Look();
        if (_escapes)
            MemoryBottom = -Limits.StackBytesMax;
        else
            Choose();
    }

    /// <summary>Number of slots.</summary>
    public int Count => _slots.Count;

    /// <summary>Whether any stack memory stays memory, and from which offset (below r10) on.</summary>
    public int MemoryBottom { get; private set; }

    /// <summary>The variable (from 0) that the instruction in a slot reads or writes in place of memory, or -1.</summary>
    public int VariableAt(int insn) =>
        _accesses.TryGetValue(insn, out (int Offset, int Size) access) && _slots.TryGetValue(access.Offset, out int slot) && _sizes[access.Offset] == access.Size ? slot : -1;

    private void Look()
    {
        int[][] entry = new int[_flow.Blocks.Length][];
        entry[0] = new int[Limits.Registers];
        Array.Fill(entry[0], NotStack);
        entry[0][Limits.FramePointer] = 0;
        bool changed = true;
        for (int round = 0; changed && !_escapes; round++)
        {
            changed = false;
            _sizes.Clear();
            _memory.Clear();
            _accesses.Clear();
            foreach (int b in _flow.Ordered)
            {
                if (entry[b] is null)
                    continue;
                int[] r = [.. entry[b]];
                ref FlowBlock block = ref _flow.Blocks[b];
                for (int slot = block.Start; slot < block.End && !_escapes; slot++)
                {
                    Step(slot, r);
                    if (_code.Decoded[slot].Code == LdImm64)
                        slot++;
                }
                changed |= Join(entry, block.Taken, r) | Join(entry, block.Next, r);
            }
        }
    }

    private static bool Join(int[][] entry, int block, int[] r)
    {
        if (block < 0)
            return false;
        if (entry[block] is not { } old)
        {
            entry[block] = [.. r];
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

    private void Step(int slot, int[] r)
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
        else if (cls == Ld)
            Array.Fill(r, NotStack, 0, 6);
    }

    private static void Arithmetic(in DecodedInsn insn, int[] r)
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
                r[insn.Dst] = dst == NotStack && src == NotStack ? NotStack : SomeStack;
                break;
        }
    }

    private void Write(int slot, in DecodedInsn insn, int[] r)
    {
        if ((insn.Code & ClassMask) == Stx && r[insn.Src] != NotStack)
            _escapes = true; // an address goes to memory
        if ((insn.Code & ModeMask) == Atomic)
        {
            bool isLoad = insn.Imm == LoadAcq;
            int at = r[isLoad ? insn.Src : insn.Dst];
            _escapes |= at == SomeStack;
            if (at is not (NotStack or SomeStack))
            {
                _escapes |= !IsInFrame(at + insn.Offset, SizeOf(insn.Code));
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
        _accesses[insn] = (at, size);
        if (!IsInFrame(at, size))
            _escapes = true; // another frame's, or none: let the check decide
        else if (!_sizes.TryGetValue(at, out int other))
            _sizes[at] = size;
        else if (other != size)
            _sizes[at] = 0;
    }

    private static bool IsInFrame(int offset, int size) => offset >= -Limits.StackBytesMax && offset + size <= 0;

    private void Call(int slot, in DecodedInsn insn, int[] r)
    {
        for (int a = 1; a <= Limits.CallArgumentsMax; a++)
        {
            if (r[a] == NotStack)
                continue;
            int bytes = insn.Code == (Jmp | Opcode.Call) && r[a] != SomeStack ? _keyBytes(slot, a) : -1;
            if (bytes < 0)
                _escapes = true; // perhaps a stale address in a register that the helper does not read: then this is only cautious
            else if (bytes > 0)
                Access(slot, r[a], 0, bytes);
        }
        Array.Fill(r, NotStack, 0, 6);
    }

    private void Choose()
    {
        foreach ((int offset, int size) in _sizes.OrderBy(pair => pair.Key))
        {
            bool alone = size != 0 && _slots.Count < SlotsMax;
            foreach ((int other, int otherSize) in _sizes)
                alone &= other == offset || other + (otherSize == 0 ? 8 : otherSize) <= offset || offset + size <= other;
            foreach ((int other, int otherSize) in _memory)
                alone &= other + otherSize <= offset || offset + size <= other;
            if (alone)
                _slots[offset] = _slots.Count;
            else
                MemoryBottom = Math.Min(MemoryBottom, offset);
        }
        foreach ((int offset, _) in _memory)
            MemoryBottom = Math.Min(MemoryBottom, offset);
    }
}
