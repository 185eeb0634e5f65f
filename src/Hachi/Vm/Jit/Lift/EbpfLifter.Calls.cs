using Hachi.Ir;
using Hachi.Isa;
using Hachi.Uapi;
using Hachi.Vm.Machine;
using static Hachi.Isa.Opcode;
using static Hachi.Vm.Machine.DecodedInsn;

namespace Hachi.Vm.Jit.Lift;

/// <content>Calls, and the helpers that are not worth one.</content>
internal sealed partial class EbpfLifter
{
    private void Call(int slot, in DecodedInsn insn)
    {
        if (insn.Code == (Form1 | Jmp | Opcode.Call))
            CallLocal(slot, insn);
        else if (insn.Code == (Jmp | Opcode.Call | X))
            CallRegister(slot, insn);
        else if (!Inline(slot, insn))
            _env[0] = CallHelper(slot, (int)insn.Imm);
        // Registers r1 to r5 stay as they were: the interpreter keeps them, too, and a program must not depend on them.
    }

    private int Arguments() => _f.AddEdgeArgs([_env[1], _env[2], _env[3], _env[4], _env[5]]);

    private int CallHelper(int slot, int helper)
    {
        int value = Add(new IrEffect { Kind = IrEffectKind.CallHelper, Size = 8, Code = helper, Source = Arguments(), Origin = slot });
        if (helper == _facts.TailCall)
            ReturnIfTaken(slot, value);
        return value;
    }

    // After a tail call that succeeded, the function is over.
    private void ReturnIfTaken(int slot, int value)
    {
        int taken = LoadState(MachineState.TailTakenOffset, 4, slot);
        int over = _f.NewBlock(), on = _f.NewBlock();
        _f.Branch(_block, IrCompare.Eq64, taken, IrFunction.Zero, on, over, slot);
        _block = over;
        StoreState(MachineState.TailTakenOffset, 4, IrFunction.Zero, slot);
        _f.Return(over, value);
        _block = on;
    }

    private void CallLocal(int slot, in DecodedInsn insn) => _env[0] = Add(new IrEffect
    {
        Kind = IrEffectKind.CallLocal,
        Size = 8,
        Code = _code.CalleeIndex(insn.Offset),
        Source = Arguments(),
        Origin = slot,
    });

    // callx: a gate of the machine finds out what the register names, and calls it.
    private void CallRegister(int slot, in DecodedInsn insn)
    {
        StoreState(MachineState.CalleeOffset, 8, Register(insn.Dst), slot);
        int value = Add(new IrEffect { Kind = IrEffectKind.CallHelper, Size = 8, Code = Invocation.CallRegisterHelper, Source = Arguments(), Origin = slot });
        ReturnIfTaken(slot, value);
        _env[0] = value;
    }

    // Bytes of a key that the lifter reads itself (0: the register is not an address that it looks at); -1 where the helper is called for real.
    private int InlineKeyBytes(int slot, int register)
    {
        if ((int)_code.Decoded[slot].Imm != _facts.MapLookup || MapOfCall(slot) is not { IsInlined: true } map)
            return -1;
        return register == 2 ? (int)map.KeySize : register == 1 ? -1 : 0;
    }

    // The map of a look-up, when it is named in the same run of instructions, a little above the call: known before anything is lifted.
    private MapFacts? MapOfCall(int slot)
    {
        for (int i = slot - 1; i >= 0 && i > slot - 16; i--)
        {
            ref DecodedInsn insn = ref _code.Decoded[i];
            if (Flow.EndsBlock(insn) || (insn.Code & 0xff) is (Jmp | Opcode.Call) or (Jmp | Opcode.Call | X))
                return null;
            if (insn.Dst != 1 || (insn.Code & ClassMask) is St or Stx or Jmp or Jmp32 || insn.Code == 0)
                continue;
            if (insn.Code != LdImm64 || Handle.MapIndex((ulong)insn.Imm) is not (>= 0 and var index) || index >= _facts.Maps.Length)
                return null;
            return JumpsInto(i + 1, slot) ? null : _facts.Maps[index];
        }
        return null;
    }

    private bool JumpsInto(int first, int last)
    {
        for (int i = first; i <= last; i++)
            if (_flow.IsLeader(i))
                return true;
        return false;
    }

    private bool Inline(int slot, in DecodedInsn insn)
    {
        if ((int)insn.Imm != _facts.MapLookup || MapOfCall(slot) is not { IsInlined: true } map)
            return false;
        int index = Handle.MapIndex(_f.Values[_env[1]].Imm);
        int variable = _stack.VariableAt(slot);
        int key = variable >= 0 ? _env[FirstSlot + variable] : Add(Access(IrEffectKind.Load, (int)map.KeySize, _env[2], 0, slot));
        _env[0] = map.Type == MapType.Array ? LookUpArray(map, index, key) : LookUpHash(map, index, key, slot);
        return true;
    }

    private void FillUses()
    {
        ulong slots = ((1ul << _stack.Count) - 1) << FirstSlot;
        foreach (int b in _flow.Ordered)
        {
            ref FlowBlock block = ref _flow.Blocks[b];
            for (int slot = block.Start; slot < block.End; slot++)
            {
                ref DecodedInsn insn = ref _code.Decoded[slot];
                (ulong uses, ulong defs) = UsesOf(insn);
                int variable = _stack.VariableAt(slot);
                if (variable >= 0)
                {
                    bool isWrite = (insn.Code & ClassMask) is St or Stx;
                    uses |= isWrite ? 0 : 1ul << FirstSlot + variable;
                    defs |= isWrite ? 1ul << FirstSlot + variable : 0;
                }
                block.Uses |= uses & ~block.Defs;
                block.Defs |= defs;
                if (insn.Step == Flow.LdImm64Step)
                    slot++;
            }
            block.Uses &= (1ul << FirstSlot) - 1 | slots;
            block.Defs &= (1ul << FirstSlot) - 1 | slots;
        }
    }

    private static (ulong Uses, ulong Defs) UsesOf(in DecodedInsn insn)
    {
        ulong dst = 1ul << insn.Dst, src = 1ul << insn.Src;
        const ulong arguments = 0b11_1110;
        int op = insn.Code & OpMask;
        switch (insn.Code & ClassMask)
        {
            case Alu or Alu64:
                bool usesSrc = (insn.Code & SourceMask) != 0 && op != Opcode.End;
                return ((op == Mov ? 0 : dst) | (usesSrc ? src : 0), dst);
            case Ldx:
                return (src, dst);
            case St:
                return (dst, 0);
            case Stx when (insn.Code & ModeMask) == Atomic:
                ulong result = insn.Imm == LoadAcq ? dst : insn.Imm == Cmpxchg ? 1ul : (insn.Imm & Fetch) != 0 ? src : 0;
                return (dst | src | (insn.Imm == Cmpxchg ? 1ul : 0), insn.Imm == StoreRel ? 0 : result);
            case Stx:
                return (dst | src, 0);
            case Ld when insn.Code == LdImm64:
                return (0, dst);
            case Ld:
                return ((insn.Code & ModeMask) == Ind ? src | 1ul << 6 : 1ul << 6, 1);
        }
        if (insn.Code is (Jmp | Exit))
            return (1, 0);
        if ((insn.Code & 0xff) is (Jmp | Opcode.Call))
            return (arguments, 1);
        if (insn.Code == (Jmp | Opcode.Call | X))
            return (arguments | dst, 1);
        if (insn.Code is (Jmp | Ja) or (Jmp32 | Ja) or (Jmp | Jcond) or EbpfCode.Trap)
            return (0, 0);
        return (dst | ((insn.Code & SourceMask) != 0 ? src : 0), 0);
    }
}
