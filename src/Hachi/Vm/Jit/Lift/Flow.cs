using Hachi.Isa;
using Hachi.Vm.Machine;
using static Hachi.Isa.Opcode;

namespace Hachi.Vm.Jit.Lift;

/// <summary>A run of slots that is entered at its first and left at its last.</summary>
internal struct FlowBlock
{
    /// <summary>First slot, and the slot behind the last.</summary>
    public int Start, End;

    /// <summary>The next blocks: when the jump is taken (or the only one) and when not; -1 for none.</summary>
    public int Taken, Next;

    /// <summary>Variables read before they are written, written, and live on entry: bits, registers first.</summary>
    public ulong Uses, Defs, LiveIn;

    /// <summary>Variables written somewhere in the loop that this block heads; 0 when it heads none.</summary>
    public ulong LoopDefs;

    /// <summary>Position in reverse post-order.</summary>
    public int Rank;
}

/// <summary>The flow graph of one function: what can be reached from its first slot. An instance keeps its storage and may be used again.</summary>
internal sealed class Flow
{
    private const byte Reached = 1, Leader = 2, Branches = 1, Ends = 2;

    private static readonly byte[] s_kinds = Kinds();

    private EbpfCode _code = null!;
    private int[] _blockAt = []; // by slot, -1 where no block starts
    private byte[] _marks = [];
    private int[] _order = new int[32], _starts = new int[32], _work = new int[64], _predStart = new int[33], _preds = new int[64], _seen = new int[32];
    private FlowBlock[] _blocks = new FlowBlock[32];
    private int _first, _generation;

    /// <summary>The blocks; the first is the entry.</summary>
    public FlowBlock[] Blocks => _blocks;

    /// <summary>Number of blocks.</summary>
    public int Count { get; private set; }

    /// <summary>The blocks in reverse post-order.</summary>
    public ReadOnlySpan<int> Ordered => _order.AsSpan(_first, Count);

    /// <summary>Predecessors of a block (one twice when both ways of a branch lead there).</summary>
    public ReadOnlySpan<int> PredsOf(int block) => _preds.AsSpan(_predStart[block], _predStart[block + 1] - _predStart[block]);

    /// <summary>Whether a block starts at a slot.</summary>
    public bool IsLeader(int slot) => _blockAt[slot] >= 0;

    /// <summary>Builds it.</summary>
    public void Compute(EbpfCode code, int start)
    {
        _code = code;
        int slots = code.Decoded.Length + 1;
        if (_blockAt.Length < slots)
        {
            _blockAt = new int[slots * 2];
            _marks = new byte[slots * 2];
        }
        _blockAt.AsSpan(0, slots).Fill(-1);
        _marks.AsSpan(0, slots).Clear();
        FindBlocks(start);
        FindPreds();
        Order();
    }

    /// <summary>Computes what is live on entry of each block and what loops write, from the uses and definitions that were filled in.</summary>
    public void ComputeLiveness()
    {
        bool changed = true, loops = true;
        ReadOnlySpan<int> order = Ordered;
        while (changed && loops)
        {
            changed = loops = false;
            for (int n = order.Length - 1; n >= 0; n--)
            {
                ref FlowBlock block = ref _blocks[order[n]];
                ulong live = 0;
                if (block.Taken >= 0)
                {
                    live |= _blocks[block.Taken].LiveIn;
                    loops |= _blocks[block.Taken].Rank <= n;
                }
                if (block.Next >= 0)
                {
                    live |= _blocks[block.Next].LiveIn;
                    loops |= _blocks[block.Next].Rank <= n;
                }
                live = block.Uses | live & ~block.Defs;
                changed |= live != block.LiveIn;
                block.LiveIn = live;
            }
        }
        if (!loops)
            return;
        foreach (int b in order)
            foreach (int pred in PredsOf(b))
                if (_blocks[pred].Rank >= _blocks[b].Rank)
                    _blocks[b].LoopDefs |= LoopDefs(b, pred);
    }

    // What is written between a loop's head and the block that jumps back to it: everything that reaches the jump without passing the head. Where the function's
    // entry reaches it so, the cycle has another way in, which may bring other values along: then everything counts as written.
    private ulong LoopDefs(int head, int latch)
    {
        ulong defs = _blocks[head].Defs;
        int generation = ++_generation, top = 0;
        _seen[head] = generation;
        Push(ref top, latch);
        while (top > 0)
        {
            int b = _work[--top];
            if (_seen[b] == generation)
                continue;
            _seen[b] = generation;
            if (b == 0)
                return ulong.MaxValue;
            defs |= _blocks[b].Defs;
            foreach (int pred in PredsOf(b))
                Push(ref top, pred);
        }
        return defs;
    }

    private void Push(ref int top, int item)
    {
        if (top == _work.Length)
            Array.Resize(ref _work, top * 2);
        _work[top++] = item;
    }

    private void FindBlocks(int start)
    {
        DecodedInsn[] code = _code.Decoded;
        byte[] marks = _marks;
        int top = 0, last = start;
        Push(ref top, start);
        marks[start] = Leader;
        while (top > 0)
        {
            for (int slot = _work[--top]; (marks[slot] & Reached) == 0;)
            {
                marks[slot] |= Reached;
                last = Math.Max(last, slot);
                ref DecodedInsn insn = ref code[slot];
                int kind = s_kinds[insn.Step];
                if ((kind & Branches) != 0)
                {
                    marks[insn.Offset] |= Leader;
                    Push(ref top, insn.Offset);
                    marks[slot + 1] |= Leader;
                }
                if ((kind & Ends) != 0)
                    break;
                slot += insn.Step == LdImm64Step ? 2 : 1;
            }
        }
        Count = 0;
        AddBlock(start);
        for (int slot = 0; slot <= last; slot++)
            if (marks[slot] == (Reached | Leader) && slot != start)
                AddBlock(slot);
        for (int i = 0; i < Count; i++)
            Cut(ref _blocks[i], _starts[i]);
    }

    private void AddBlock(int start)
    {
        if (Count == _blocks.Length)
        {
            int length = Count * 2;
            Array.Resize(ref _blocks, length);
            Array.Resize(ref _starts, length);
            _order = new int[length];
            _seen = new int[length];
            _predStart = new int[length + 1];
            _preds = new int[length * 2];
        }
        _blockAt[start] = Count;
        _starts[Count++] = start;
    }

    private void Cut(ref FlowBlock block, int start)
    {
        DecodedInsn[] code = _code.Decoded;
        block = new FlowBlock { Start = start, Taken = -1, Next = -1, Rank = -1 };
        int slot = start;
        while (true)
        {
            ref DecodedInsn insn = ref code[slot];
            int next = slot + (insn.Step == LdImm64Step ? 2 : 1), kind = s_kinds[insn.Step];
            if ((kind & Branches) != 0)
                block.Taken = _blockAt[insn.Offset];
            bool cut = kind != 0 || _blockAt[next] >= 0;
            if (cut && (kind & Ends) == 0)
                block.Next = _blockAt[next];
            slot = next;
            if (cut)
                break;
        }
        block.End = slot;
        if (block.Taken >= 0 && block.Next < 0)
            return;
        if (block.Taken < 0)
            (block.Taken, block.Next) = (block.Next, -1);
    }

    private void FindPreds()
    {
        Array.Clear(_predStart, 0, Count + 1);
        for (int b = 0; b < Count; b++)
        {
            if (_blocks[b].Taken >= 0)
                _predStart[_blocks[b].Taken]++;
            if (_blocks[b].Next >= 0)
                _predStart[_blocks[b].Next]++;
        }
        int sum = 0;
        for (int b = 0; b < Count; b++)
            _predStart[b] = sum += _predStart[b]; // the end of each range; filling moves it to the start
        _predStart[Count] = sum;
        for (int b = Count - 1; b >= 0; b--)
        {
            if (_blocks[b].Next >= 0)
                _preds[--_predStart[_blocks[b].Next]] = b;
            if (_blocks[b].Taken >= 0)
                _preds[--_predStart[_blocks[b].Taken]] = b;
        }
    }

    private void Order()
    {
        const int leave = 1 << 30;
        int generation = ++_generation, top = 0, next = Count;
        Push(ref top, 0);
        while (top > 0)
        {
            int b = _work[--top];
            if (b >= leave)
            {
                _order[--next] = b - leave;
                continue;
            }
            if (_seen[b] == generation)
                continue;
            _seen[b] = generation;
            Push(ref top, b + leave);
            if (_blocks[b].Next >= 0)
                Push(ref top, _blocks[b].Next);
            if (_blocks[b].Taken >= 0)
                Push(ref top, _blocks[b].Taken);
        }
        _first = next; // 0: all blocks can be reached
        for (int n = 0; n < Count; n++)
            _blocks[_order[n]].Rank = n;
    }

    /// <summary>The step of a wide load.</summary>
    public static ushort LdImm64Step { get; } = Step.Of(LdImm64);

    /// <summary>Whether an instruction may go on at its target.</summary>
    public static bool IsBranch(in DecodedInsn insn) => (s_kinds[insn.Step] & Branches) != 0;

    /// <summary>Whether control never goes on behind an instruction.</summary>
    public static bool EndsFlow(in DecodedInsn insn) => (s_kinds[insn.Step] & Ends) != 0;

    /// <summary>Whether an instruction is the last of its block.</summary>
    public static bool EndsBlock(in DecodedInsn insn) => s_kinds[insn.Step] != 0;

    private static byte[] Kinds()
    {
        byte[] kinds = new byte[Fusion.Behind];
        for (int step = 0; step < kinds.Length; step++)
        {
            int code = Step.CodeOf((ushort)step), op = code & OpMask;
            bool branches = code < DecodedInsn.Form1 && IsJump(code & 0xff) && op is not (Opcode.Call or Exit);
            bool ends = code is (Jmp | Exit) or (Jmp | Ja) or (Jmp32 | Ja) or EbpfCode.Trap;
            kinds[step] = (byte)((branches ? Branches : 0) | (ends ? Ends : 0));
        }
        return kinds;
    }
}
