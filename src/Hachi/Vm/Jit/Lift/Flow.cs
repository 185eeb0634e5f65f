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

    /// <summary>Position in reverse post-order, or -1 when it cannot be reached.</summary>
    public int Rank;
}

/// <summary>The flow graph of one function: what can be reached from its first slot.</summary>
internal sealed class Flow
{
    private readonly EbpfCode _code;
    private readonly List<int> _order = [];
    private readonly int[] _blockAt; // by slot, -1 where no block starts
    private FlowBlock[] _blocks = [];

    /// <summary>Builds it.</summary>
    public Flow(EbpfCode code, int start)
    {
        _code = code;
        _blockAt = new int[code.Decoded.Length];
        Array.Fill(_blockAt, -1);
        FindBlocks(start);
        Order();
    }

    /// <summary>The blocks; the first is the entry.</summary>
    public FlowBlock[] Blocks => _blocks;

    /// <summary>Blocks that can be reached, in reverse post-order.</summary>
    public List<int> Ordered => _order;

    /// <summary>Predecessors of each block (an edge twice when both ways of a branch lead there).</summary>
    public List<int>[] Preds { get; private set; } = [];

    /// <summary>The block that starts at a slot.</summary>
    public int BlockAt(int slot) => _blockAt[slot];

    /// <summary>Whether a block starts at a slot.</summary>
    public bool IsLeader(int slot) => _blockAt[slot] >= 0;

    /// <summary>Computes what is live on entry of each block and what loops write, from the uses and definitions that were filled in.</summary>
    public void ComputeLiveness()
    {
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int n = _order.Count - 1; n >= 0; n--)
            {
                ref FlowBlock block = ref _blocks[_order[n]];
                ulong live = 0;
                if (block.Taken >= 0)
                    live |= _blocks[block.Taken].LiveIn;
                if (block.Next >= 0)
                    live |= _blocks[block.Next].LiveIn;
                live = block.Uses | live & ~block.Defs;
                changed |= live != block.LiveIn;
                block.LiveIn = live;
            }
        }
        foreach (int b in _order)
            foreach (int pred in Preds[b])
                if (_blocks[pred].Rank >= _blocks[b].Rank)
                    _blocks[b].LoopDefs |= LoopDefs(b, pred);
    }

    // What is written between a loop's head and the block that jumps back to it: everything that reaches the jump without passing the head. Where the function's
    // entry reaches it so, the cycle has another way in, which may bring other values along: then everything counts as written.
    private ulong LoopDefs(int head, int latch)
    {
        ulong defs = _blocks[head].Defs;
        bool[] seen = new bool[_blocks.Length];
        seen[head] = true;
        var work = new Stack<int>();
        work.Push(latch);
        while (work.Count > 0)
        {
            int b = work.Pop();
            if (seen[b])
                continue;
            seen[b] = true;
            if (b == 0)
                return ulong.MaxValue;
            defs |= _blocks[b].Defs;
            foreach (int pred in Preds[b])
                work.Push(pred);
        }
        return defs;
    }

    private void FindBlocks(int start)
    {
        const byte reached = 1, leader = 2;
        DecodedInsn[] code = _code.Decoded;
        byte[] marks = new byte[code.Length + 1];
        var work = new Stack<int>();
        work.Push(start);
        marks[start] = leader;
        while (work.Count > 0)
        {
            for (int slot = work.Pop(); (marks[slot] & reached) == 0;)
            {
                marks[slot] |= reached;
                ref DecodedInsn insn = ref code[slot];
                if (IsBranch(insn))
                {
                    marks[insn.Offset] |= leader;
                    work.Push(insn.Offset);
                    marks[slot + 1] |= leader;
                }
                if (EndsFlow(insn))
                    break;
                slot += insn.Code == LdImm64 ? 2 : 1;
            }
        }
        var starts = new List<int> { start };
        for (int slot = 0; slot < code.Length; slot++)
            if (marks[slot] == (reached | leader) && slot != start)
                starts.Add(slot);
        _blocks = new FlowBlock[starts.Count];
        for (int i = 0; i < starts.Count; i++)
            _blockAt[starts[i]] = i;
        for (int i = 0; i < starts.Count; i++)
            Cut(ref _blocks[i], starts[i]);
    }

    private void Cut(ref FlowBlock block, int start)
    {
        DecodedInsn[] code = _code.Decoded;
        block = new FlowBlock { Start = start, Taken = -1, Next = -1, Rank = -1 };
        int slot = start;
        while (true)
        {
            ref DecodedInsn insn = ref code[slot];
            int next = slot + (insn.Code == LdImm64 ? 2 : 1);
            if (IsBranch(insn))
                block.Taken = _blockAt[insn.Offset];
            bool ends = EndsFlow(insn), cut = IsBranch(insn) || ends || _blockAt[next] >= 0;
            if (cut && !ends)
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

    private void Order()
    {
        var stack = new Stack<(int Block, int Stage)>();
        stack.Push((0, 0));
        bool[] seen = new bool[_blocks.Length];
        seen[0] = true;
        Preds = new List<int>[_blocks.Length];
        for (int b = 0; b < Preds.Length; b++)
            Preds[b] = [];
        while (stack.Count > 0)
        {
            (int b, int stage) = stack.Pop();
            if (stage == 2)
            {
                _order.Add(b);
                continue;
            }
            stack.Push((b, stage + 1));
            int next = stage == 0 ? _blocks[b].Taken : _blocks[b].Next;
            if (next < 0)
                continue;
            Preds[next].Add(b);
            if (!seen[next])
            {
                seen[next] = true;
                stack.Push((next, 0));
            }
        }
        _order.Reverse();
        for (int n = 0; n < _order.Count; n++)
            _blocks[_order[n]].Rank = n;
    }

    /// <summary>Whether an instruction may go on at its target.</summary>
    public static bool IsBranch(in DecodedInsn insn)
    {
        int op = insn.Code & OpMask;
        return insn.Code < DecodedInsn.Form1 && IsJump(insn.Code & 0xff) && op is not (Opcode.Call or Exit);
    }

    /// <summary>Whether control never goes on behind an instruction.</summary>
    public static bool EndsFlow(in DecodedInsn insn) => insn.Code is (Jmp | Exit) or (Jmp | Ja) or (Jmp32 | Ja) or EbpfCode.Trap;
}
