using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Vm.Helpers;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Machine;

/// <summary>The body of a helper function: arguments r1 to r5 stand in the invocation's state; what it gives back goes to r0.</summary>
internal delegate ulong HelperBody(Invocation call);

/// <summary>
/// One running program and all the memory that it may touch. An instance serves one thread at a time, one invocation after the other; its memory lies
/// outside the managed heap, so that compiled code can use it.
/// </summary>
internal sealed unsafe class Invocation : IDisposable
{
    /// <summary>Regions that helpers can add during one invocation: reservations, values of inner maps.</summary>
    public const int DynamicRegionsMax = 240;

    /// <summary>Programs that can follow each other by tail calls (linux/bpf.h, <c>MAX_TAIL_CALL_CNT</c>).</summary>
    public const int TailCallsMax = 33;

    /// <summary>Numbers under which compiled code reaches the machine itself: a packet load (offset, bytes), a call of what a register names,
    /// the entry of a hash table while others write to it.</summary>
    public const int LoadPacketHelper = -1, CallRegisterHelper = -2, FindEntryHelper = -3, ReadContextHelper = -4, WriteContextHelper = -5;

    private const int GuardBytes = 64;
    private const byte Guard = 0xa5;

    private const int StackBytes = Limits.StackBytesMax * Limits.CallFramesMax;

    private readonly VmMap[] _maps;
    private readonly int _firstDynamic;
    private readonly GCHandle _self;
    private byte* _stack;
    private int _dynamicCount;
    private ImmutableArray<ulong> _faultRegisters = [];

    /// <summary>Makes the memory for invocations of programs of one object.</summary>
    /// <param name="maps">The object's maps; their values are regions from <see cref="Region.FirstMap"/> on.</param>
    /// <param name="options">What helpers learn of the world outside.</param>
    public Invocation(VmMap[] maps, VmOptions options)
    {
        Session = new HelperSession(this, maps, options);
        _maps = maps;
        _firstDynamic = Region.FirstMap + maps.Length;
        int count = _firstDynamic + DynamicRegionsMax;
        State = (MachineState*)NativeMemory.AlignedAlloc((nuint)(MachineState.RegionsOffset + count * Region.SizeBytes), 64);
        NativeMemory.Clear(State, (nuint)(MachineState.RegionsOffset + count * Region.SizeBytes));
        _stack = NewStack();
        _self = GCHandle.Alloc(this, GCHandleType.Weak);
        State->Owner = GCHandle.ToIntPtr(_self);
        State->HelperGate = &HelperEntry;
        State->Depth = 1;
        State->RegionCount = (uint)count;
        Regions[Region.Stack].Set(Region.Stack, 0, _stack, StackBytes, isWritable: true);
        for (int i = 0; i < maps.Length; i++)
            // Of a ring buffer a program reaches only what it has reserved.
            if (maps[i].Memory != null && maps[i].IsReadableByPrograms && maps[i].Type != Uapi.MapType.Ringbuf)
                Regions[Region.FirstMap + i].Set(Region.FirstMap + i, 0, maps[i].Memory, maps[i].MemoryBytes, maps[i].IsWritableByPrograms);
    }

    /// <summary>Frees what was not disposed of.</summary>
    ~Invocation() => Free();

    /// <summary>The state that compiled code shares.</summary>
    public MachineState* State { get; private set; }

    /// <summary>The table of regions.</summary>
    public Region* Regions => MachineState.Regions(State);

    /// <summary>The program that runs.</summary>
    public EbpfUnit Unit { get; set; } = null!;

    /// <summary>What the embedder hung on this invocation: the packet, the fake task, sinks. Helpers know what it is.</summary>
    public object? Environment { get; set; }

    /// <summary>What helpers keep for this invocation.</summary>
    public HelperSession Session { get; }

    /// <summary>How the context's fields are to be read where they are not plain memory; null where all is plain.</summary>
    public ContextRules? Layout { get; set; }

    /// <summary>The context's bytes, when a layout stands before them.</summary>
    public byte* ContextMemory { get; set; }

    /// <summary>Where the network header starts in the packet, in bytes.</summary>
    public uint NetworkOffset { get; set; }

    /// <summary>Whose programs it runs.</summary>
    public VmObject? Owner { get; init; }

    /// <summary>Whether a program of its thread runs on it.</summary>
    public bool IsBusy { get; set; }

    /// <summary>Tail calls so far.</summary>
    public int TailCalls { get; set; }

    /// <summary>What the last fault was about, when more is to be said than reason and address tell.</summary>
    public string? FaultText { get; private set; }

    /// <summary>Prepares for a run from the beginning.</summary>
    /// <param name="unit">The program.</param>
    /// <param name="fuel">Fuel.</param>
    public void Reset(EbpfUnit unit, long fuel)
    {
        if (!ReferenceEquals(Unit, unit))
            Unit = unit; // storing a reference costs more than all the rest
        MachineState* state = State;
        state->Fuel = fuel;
        // Stores are what an empty run is made of: what the last one left as it found it is not written again.
        if ((state->FaultAndInsn | state->TailTakenAndLeftovers) != 0 || unit.UsesMayGoto)
            ResetAll(state);
    }

    private void ResetAll(MachineState* state)
    {
        state->FaultAndInsn = 0;
        state->Depth = 1;
        state->TailTakenAndLeftovers = 0;
        state->MayGotoLeft = MachineState.MayGotoMax;
        TailCalls = 0;
        if (_dynamicCount > 0)
            DropDynamicRegions();
    }

    /// <summary>The host address of guest memory, if all of it lies in one region.</summary>
    /// <param name="address">Guest address.</param>
    /// <param name="bytes">Bytes; 0 always succeeds.</param>
    /// <param name="isWrite">Whether it will be written.</param>
    /// <param name="host">Host address.</param>
    public bool TryTranslate(ulong address, ulong bytes, bool isWrite, out byte* host)
    {
        host = null;
        if (bytes == 0)
            return true;
        uint number = Region.NumberOf(address);
        if (number >= State->RegionCount)
            return false;
        Region* region = Regions + number;
        ulong distance = address - region->Start;
        if (distance >= region->Length || bytes > region->Length - distance || isWrite && !region->IsWritable)
            return false;
        host = region->Memory + distance;
        return true;
    }

    /// <summary>Reads a field of a context with a layout; false when the address is none.</summary>
    public bool TryReadContext(ulong address, int bytes, out ulong value)
    {
        value = 0;
        if (Layout is null || Region.NumberOf(address) != Region.Context)
            return false;
        int offset = (int)(uint)address;
        if (Layout.PointerAt(offset, bytes) is { } pointer)
        {
            value = *(ulong*)((byte*)State + pointer.StateOffset);
            return true;
        }
        if (!Layout.Allows(offset, bytes, isWrite: false))
            return false;
        value = AtomicMemory.LoadAcquire(ContextMemory + offset, bytes);
        return true;
    }

    /// <summary>Writes a field of a context with a layout; false when the address is none that may be written.</summary>
    public bool TryWriteContext(ulong address, int bytes, ulong value)
    {
        if (Layout is null || Region.NumberOf(address) != Region.Context || !Layout.Allows((uint)address, bytes, isWrite: true))
            return false;
        AtomicMemory.StoreRelease(ContextMemory + (uint)address, bytes, value);
        return true;
    }

    /// <summary>
    /// What LD_ABS and LD_IND do: a big-endian load from the packet; negative offsets count from the network header (<see cref="Extension.NetOff"/>) or the link
    /// layer. False when it does not lie in the packet, which ends the program with 0.
    /// </summary>
    public bool TryLoadPacket(long offset, int bytes, out ulong value)
    {
        value = 0;
        const long linkLayer = unchecked((int)Extension.LinkLayerOff), network = unchecked((int)Extension.NetOff);
        if (offset < 0)
            offset = offset >= network ? offset - network + NetworkOffset : offset >= linkLayer ? offset - linkLayer : -1;
        ulong length = State->PacketEnd - State->PacketStart;
        if (offset < 0 || (ulong)offset + (uint)bytes > length || !TryTranslate(State->PacketStart + (ulong)offset, (ulong)bytes, isWrite: false, out byte* at))
            return false;
        value = bytes switch { 1 => *at, 2 => Semantics.ByteSwap(*(ushort*)at, 16), _ => Semantics.ByteSwap(*(uint*)at, 32) };
        return true;
    }

    /// <summary>Gives the program a piece of memory until the end of the invocation or until it is dropped. 0 when there are too many.</summary>
    /// <param name="memory">Host address; it must not move while the region stands.</param>
    /// <param name="bytes">Bytes.</param>
    /// <param name="isWritable">Whether it may write.</param>
    /// <returns>The guest address of the first byte.</returns>
    public ulong AddRegion(byte* memory, uint bytes, bool isWritable)
    {
        for (int i = 0; i < DynamicRegionsMax; i++)
        {
            Region* region = Regions + _firstDynamic + i;
            if (region->Memory == null)
            {
                region->Set(_firstDynamic + i, 0, memory, bytes, isWritable);
                _dynamicCount = Math.Max(_dynamicCount, i + 1);
                State->Leftovers |= MachineState.OtherLeftovers;
                return region->Start;
            }
        }
        return 0;
    }

    /// <summary>Takes back a piece of memory given by <see cref="AddRegion"/>; false when the address is not the start of one.</summary>
    public bool DropRegion(ulong address, out byte* memory)
    {
        memory = null;
        uint number = Region.NumberOf(address);
        if (number < _firstDynamic || number >= _firstDynamic + _dynamicCount || Regions[number].Memory == null || (uint)address != 0)
            return false;
        memory = Regions[number].Memory;
        Regions[number].Clear();
        return true;
    }

    /// <summary>The map that a value is a handle of, or null.</summary>
    public VmMap? MapOf(ulong handle) => Handle.MapIndex(handle) is >= 0 and var index && index < _maps.Length ? _maps[index] : null;

    /// <summary>The guest address of a map's value.</summary>
    /// <param name="handle">The handle of a map of the object.</param>
    /// <param name="offset">Where the value lies in the map's memory.</param>
    public static ulong ValueAddress(ulong handle, long offset) => Region.AddressOf(Region.FirstMap + Handle.MapIndex(handle), (uint)offset);

    /// <summary>Takes fuel; false, with the fault noted, when there is not so much left.</summary>
    public bool Charge(long units, int insn)
    {
        State->Fuel -= units;
        if (State->Fuel >= 0)
            return true;
        SetFault(FaultReason.OutOfFuel, insn);
        return false;
    }

    /// <summary>Notes a fault; the engine stops as soon as it has control. The first one stays.</summary>
    /// <returns>0, to be returned by a helper.</returns>
    public ulong SetFault(FaultReason reason, int insn, string? text = null, ulong address = 0, int size = 0)
    {
        if (State->Fault != 0)
            return 0;
        State->Fault = (int)reason;
        State->FaultInsn = insn;
        State->FaultAddress = address;
        State->FaultSize = size;
        FaultText = text;
        _faultRegisters = [];
        return 0;
    }

    /// <summary>Adds the registers to a fault that was just noted.</summary>
    public void SetFaultRegisters(ulong* registers) => _faultRegisters = [.. new ReadOnlySpan<ulong>(registers, Limits.Registers)];

    /// <summary>Calls a function of the program (from a helper) with up to five arguments; its r0.</summary>
    public ulong CallBack(int functionStart, ulong a1, ulong a2, ulong a3, ulong a4, ulong a5)
    {
        int insn = State->HelperInsn;
        if (!Unit.Code.IsFunction(functionStart))
            return SetFault(FaultReason.NoFunction, insn);
        if (State->Depth >= Limits.CallFramesMax)
            return SetFault(FaultReason.CallDepth, insn);
        State->Depth++;
        ulong* args = stackalloc ulong[] { a1, a2, a3, a4, a5 };
        ulong result = Unit.Engine.Call(this, functionStart, args);
        State->Depth--;
        State->HelperInsn = insn;
        return result;
    }

    /// <summary>Runs another program in place of the running function (bpf_tail_call): same context, a stack of its own.</summary>
    /// <returns>Its r0; <see cref="MachineState.TailTaken"/> tells the engine to return it.</returns>
    public ulong TailCall(EbpfUnit unit)
    {
        TailCalls++;
        State->Leftovers |= MachineState.OtherLeftovers;
        if (unit.UsesMayGoto)
            State->MayGotoLeft = MachineState.MayGotoMax; // each program has rounds of its own
        EbpfUnit caller = Unit;
        byte* stack = _stack;
        long depth = State->Depth;
        _stack = NewStack();
        Regions[Region.Stack].Set(Region.Stack, 0, _stack, StackBytes, isWritable: true);
        Unit = unit;
        State->Depth = 1;
        ulong result = unit.Run(this, Region.AddressOf(Region.Context, 0), 0);
        FreeStack(_stack);
        _stack = stack;
        Regions[Region.Stack].Set(Region.Stack, 0, _stack, StackBytes, isWritable: true);
        Unit = caller;
        State->Depth = depth;
        State->TailTaken = 1;
        return result;
    }

    /// <summary>Calls a helper whose arguments stand in the state.</summary>
    /// <param name="helper">Its index in the unit's table.</param>
    /// <param name="insn">The calling instruction.</param>
    public ulong CallHelper(int helper, int insn)
    {
        State->HelperInsn = insn;
        return helper switch
        {
            >= 0 => Unit.Helpers[helper](this),
            LoadPacketHelper => LoadPacketCall(),
            CallRegisterHelper => CallRegister(),
            FindEntryHelper => FindEntry(),
            ReadContextHelper => ReadContextCall(insn),
            _ => WriteContextCall(insn),
        };
    }

    private ulong ReadContextCall(int insn)
    {
        (ulong address, int bytes) = (State->Arguments[0], (int)State->Arguments[1]);
        return TryReadContext(address, bytes, out ulong value) ? value : SetFault(FaultReason.ReadOutOfBounds, insn, null, address, bytes);
    }

    private ulong WriteContextCall(int insn)
    {
        (ulong address, int bytes) = (State->Arguments[0], (int)State->Arguments[1]);
        return TryWriteContext(address, bytes, State->Arguments[2]) ? 0 : SetFault(FaultReason.WriteOutOfBounds, insn, null, address, -bytes);
    }

    private ulong LoadPacketCall() => TryLoadPacket((long)State->Arguments[0], (int)State->Arguments[1], out ulong value) ? value : ulong.MaxValue;

    // Map and key stand in the arguments; the entry's number goes to the state.
    private ulong FindEntry()
    {
        ulong key = State->Arguments[1];
        VmMap map = _maps[(int)State->Arguments[0]];
        long offset = map.FindOffset((byte*)&key, 0);
        State->EntryFound = offset <= 0 ? 0 : (uint)(offset / map.ValueStride);
        return 0;
    }

    private ulong CallRegister()
    {
        ulong* a = State->Arguments;
        int start = Handle.FunctionStart(State->Callee);
        if (start >= 0)
            return CallBack(start, a[0], a[1], a[2], a[3], a[4]);
        int index = State->Callee <= int.MaxValue ? Unit.HelperIndex((int)State->Callee) : -1;
        return index >= 0 ? Unit.Helpers[index](this) : SetFault(FaultReason.NoFunction, State->HelperInsn);
    }

    /// <summary>The fault that stopped the last run, or null.</summary>
    public Fault? TakeFault()
    {
        if (State->Fault == 0)
            return null;
        var reason = (FaultReason)State->Fault;
        ulong address = State->FaultAddress;
        if (reason == FaultReason.WriteOutOfBounds && TryTranslate(address, (ulong)Math.Abs(State->FaultSize), isWrite: false, out _))
            reason = FaultReason.ReadOnly;
        string message = FaultText ?? FaultWords.Describe(this, reason, address, Math.Abs(State->FaultSize));
        FaultText = null;
        return new Fault(reason, State->FaultInsn, message) { Registers = _faultRegisters, Address = address };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    [UnmanagedCallersOnly]
    private static ulong HelperEntry(MachineState* state, int helper, int insn) => Gate(state, helper, insn);

    /// <summary>The invocation that a state belongs to.</summary>
    public static Invocation Of(MachineState* state) => (Invocation)GCHandle.FromIntPtr(state->Owner).Target!;

    /// <summary>How compiled code calls helpers: no exception gets out, since it could not pass through machine code.</summary>
    internal static ulong Gate(MachineState* state, int helper, int insn)
    {
        Invocation invocation = Of(state);
        try
        {
            return invocation.CallHelper(helper, insn);
        }
#pragma warning disable CA1031 // whatever an embedder's helper throws must not unwind machine code
        catch (Exception e)
#pragma warning restore CA1031
        {
            return invocation.SetFault(FaultReason.HelperArgument, insn, $"helper failed: {e.Message}");
        }
    }

    /// <summary>Whether the bytes around the stack are as they were made: for tests.</summary>
    internal bool HasIntactGuards =>
        !new ReadOnlySpan<byte>(_stack - GuardBytes, GuardBytes).ContainsAnyExcept(Guard) && !new ReadOnlySpan<byte>(_stack + StackBytes, GuardBytes).ContainsAnyExcept(Guard);

    private static byte* NewStack()
    {
        byte* stack = (byte*)NativeMemory.AlignedAlloc(StackBytes + 2 * GuardBytes, 64);
        new Span<byte>(stack, StackBytes + 2 * GuardBytes).Fill(Guard);
        NativeMemory.Clear(stack + GuardBytes, StackBytes);
        return stack + GuardBytes;
    }

    private static void FreeStack(byte* stack) => NativeMemory.AlignedFree(stack - GuardBytes);

    private void DropDynamicRegions()
    {
        for (int i = 0; i < _dynamicCount; i++)
            Regions[_firstDynamic + i].Clear();
        _dynamicCount = 0;
    }

    private void Free()
    {
        if (State == null)
            return;
        NativeMemory.AlignedFree(State);
        FreeStack(_stack);
        State = null;
        _self.Free();
    }
}
