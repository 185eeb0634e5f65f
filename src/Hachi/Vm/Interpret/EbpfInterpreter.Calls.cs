using Hachi.Isa;
using Hachi.Vm.Machine;
using static Hachi.Isa.Opcode;

namespace Hachi.Vm.Interpret;

/// <content>Memory and calls.</content>
internal static unsafe partial class EbpfInterpreter
{
    // Which of the two loops runs: the compiler makes one of each, and that without a watch has no trace of it.
    private readonly struct Unwatched;

    private readonly struct Watched;

    private static bool IsStopped(Invocation invocation, int slot, ulong* r)
    {
        if (invocation.Unit.Watch!(invocation, slot, r))
            return false;
        invocation.SetFault(FaultReason.Interrupted, slot);
        return true;
    }

    private struct Frame
    {
        public int ReturnTo;
        private fixed ulong _registers[10];

        // A callee gets arguments and nothing else, and gives back r0 and nothing else.
        public void Save(ulong* r)
        {
            for (int i = 1; i <= 10; i++)
                _registers[i - 1] = r[i];
            r[0] = r[6] = r[7] = r[8] = r[9] = 0;
        }

        public void Restore(ulong* r)
        {
            for (int i = 1; i <= 10; i++)
                r[i] = _registers[i - 1];
        }
    }

    // The frame of the innermost function: zeroed, so that no run sees what another left behind.
    private static ulong OpenFrame(Invocation invocation)
    {
        Region* stack = invocation.Regions + Region.Stack;
        uint top = (uint)(invocation.State->Depth * Limits.StackBytesMax);
        new Span<byte>(stack->Memory + top - Limits.StackBytesMax, Limits.StackBytesMax).Clear();
        return Region.AddressOf(Region.Stack, top);
    }

    private static ulong Fault(Invocation invocation, ulong* r)
    {
        if ((invocation.State->Leftovers & MachineState.FaultRegistersLeft) == 0)
        {
            invocation.State->Leftovers |= MachineState.FaultRegistersLeft; // the innermost frame's, not those of functions around a callback
            invocation.SetFaultRegisters(r);
        }
        return 0;
    }

    private static bool Enter(Invocation invocation, EbpfCode code, int target, Frame* frame, DecodedInsn* i, DecodedInsn* first, ulong* r)
    {
        MachineState* s = invocation.State;
        int insn = (int)(i - first);
        if (s->Depth >= Limits.CallFramesMax)
        {
            invocation.SetFault(FaultReason.CallDepth, insn);
            return false;
        }
        if (!invocation.Charge(code.SizeOf(target), target))
            return false;
        frame->Save(r);
        frame->ReturnTo = insn + 1;
        s->Depth++;
        r[Limits.FramePointer] = OpenFrame(invocation);
        return true;
    }

    // True when the function is over: a tail call took its place.
    private static bool CallHelper(Invocation invocation, DecodedInsn* i, DecodedInsn* first, ulong* r) => Invoke(invocation, (int)i->Imm, (int)(i - first), r);

    // callx with a number, as uBPF has it: the id of a helper.
    private static bool CallHelperById(Invocation invocation, DecodedInsn* i, DecodedInsn* first, ulong* r)
    {
        ulong id = r[i->Dst];
        int index = id <= int.MaxValue ? invocation.Unit.HelperIndex((int)id) : -1;
        if (index >= 0)
            return Invoke(invocation, index, (int)(i - first), r);
        invocation.SetFault(FaultReason.NoFunction, (int)(i - first));
        return false;
    }

    private static bool Invoke(Invocation invocation, int helper, int insn, ulong* r)
    {
        MachineState* s = invocation.State;
        for (int a = 0; a < Limits.CallArgumentsMax; a++)
            s->Arguments[a] = r[a + 1];
        r[0] = invocation.CallHelper(helper, insn);
        if (s->TailTaken == 0)
            return false;
        s->TailTaken = 0;
        return s->Fault == 0;
    }

    private static bool LoadPacket(Invocation invocation, DecodedInsn* i, ulong* r)
    {
        int size = SizeOf(i->Code);
        long offset = (i->Code & ModeMask) == Ind ? (int)(uint)(r[i->Src] + (ulong)i->Imm) : (int)i->Imm;
        return invocation.TryLoadPacket(offset, size, out r[0]);
    }

    private static bool ReadField(Invocation invocation, DecodedInsn* i, int insn, ulong* r)
    {
        ulong address = r[i->Src] + (ulong)i->Offset;
        int size = SizeOf(i->Code);
        if (!invocation.TryReadContext(address, size, out ulong value))
        {
            invocation.SetFault(FaultReason.ReadOutOfBounds, insn, null, address, size);
            return false;
        }
        r[i->Dst] = (i->Code & ModeMask) == Memsx ? Semantics.SignExtend(value, size * 8) : value;
        return true;
    }

    private static bool WriteField(Invocation invocation, DecodedInsn* i, int insn, ulong* r)
    {
        ulong address = r[i->Dst] + (ulong)i->Offset;
        int size = SizeOf(i->Code);
        ulong value = (i->Code & ClassMask) == St ? (ulong)i->Imm : r[i->Src];
        if (invocation.TryWriteContext(address, size, value))
            return true;
        invocation.SetFault(FaultReason.WriteOutOfBounds, insn, null, address, -size);
        return false;
    }

    private static bool RunAtomic(Invocation invocation, DecodedInsn* i, ulong* r)
    {
        int size = SizeOf(i->Code), index = System.Numerics.BitOperations.Log2((uint)size);
        MachineState* s = invocation.State;
        bool isLoad = i->Imm == LoadAcq;
        ulong address = r[isLoad ? i->Src : i->Dst] + (ulong)i->Offset;
        byte* at = isLoad ? MachineState.Find(s, address, index) : MachineState.FindWritable(s, address, index);
        if (at == null)
        {
            invocation.SetFault(isLoad ? FaultReason.ReadOutOfBounds : FaultReason.WriteOutOfBounds, invocation.Unit.Code.IndexOf(i), null, address, isLoad ? size : -size);
            return false;
        }
        if (isLoad)
            r[i->Dst] = AtomicMemory.LoadAcquire(at, size);
        else if (i->Imm == StoreRel)
            AtomicMemory.StoreRelease(at, size, r[i->Src]);
        else
        {
            ulong old = AtomicMemory.Modify(at, size, (int)i->Imm, r[i->Src], r[0]);
            if (i->Imm == Cmpxchg)
                r[0] = old;
            else if ((i->Imm & Fetch) != 0)
                r[i->Src] = old;
        }
        return true;
    }
}
