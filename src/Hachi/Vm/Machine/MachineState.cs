using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hachi.Vm.Machine;

/// <summary>
/// What engines share with compiled code during one invocation; it lies in unmanaged memory and is followed at once by the table of regions
/// (<see cref="RegionsOffset"/>). Compiled code relies on the offsets.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = RegionsOffset)]
internal unsafe struct MachineState
{
    /// <summary>Where the table of regions begins.</summary>
    public const int RegionsOffset = 256;

    /// <summary>Offsets that compiled code uses.</summary>
    public const int FuelOffset = 0, FaultOffset = 8, FaultInsnOffset = 12, FaultAddressOffset = 16, FaultSizeOffset = 24, RegionCountOffset = 28, HelperGateOffset = 40,
        DepthOffset = 48, PacketStartOffset = 56, PacketEndOffset = 64, PacketMetaOffset = 72, ArgumentsOffset = 80, TailTakenOffset = 144, MayGotoLeftOffset = 136, CalleeOffset = 152, EntryFoundOffset = 160;

    /// <summary>What is left of the fuel; negative once it ran out.</summary>
    [FieldOffset(FuelOffset)] public long Fuel;

    /// <summary>A <see cref="FaultReason"/>; 0 while all is well. Compiled code stops as soon as it is set.</summary>
    [FieldOffset(FaultOffset)] public int Fault;

    /// <summary>The instruction (slot) of the fault.</summary>
    [FieldOffset(FaultInsnOffset)] public int FaultInsn;

    /// <summary>Both of these as one word, for clearing them.</summary>
    [FieldOffset(FaultOffset)] public long FaultAndInsn;

    /// <summary>The guest address of a failed access.</summary>
    [FieldOffset(FaultAddressOffset)] public ulong FaultAddress;

    /// <summary>Bytes of a failed access; negative for a write.</summary>
    [FieldOffset(FaultSizeOffset)] public int FaultSize;

    /// <summary>Regions in the table.</summary>
    [FieldOffset(RegionCountOffset)] public uint RegionCount;

    /// <summary>A handle of the managed invocation.</summary>
    [FieldOffset(32)] public nint Owner;

    /// <summary>
    /// The unmanaged entry through which machine code calls helpers: <c>ulong (MachineState* rdi, int helper esi, int insn edx)</c>; arguments r1 to r5 stand in
    /// <see cref="Arguments"/>. The caller looks at <see cref="Fault"/> afterwards.
    /// </summary>
    [FieldOffset(HelperGateOffset)] public delegate* unmanaged<MachineState*, int, int, ulong> HelperGate;

    /// <summary>Frames that are open: 1 while only the main function runs.</summary>
    [FieldOffset(DepthOffset)] public long Depth;

    /// <summary>Guest address of the packet's first byte (a helper may move it).</summary>
    [FieldOffset(PacketStartOffset)] public ulong PacketStart;

    /// <summary>Guest address behind its last byte that can be touched directly.</summary>
    [FieldOffset(PacketEndOffset)] public ulong PacketEnd;

    /// <summary>Guest address of the metadata in front of it.</summary>
    [FieldOffset(PacketMetaOffset)] public ulong PacketMeta;

    /// <summary>Arguments of a helper call from compiled code.</summary>
    [FieldOffset(ArgumentsOffset)] public fixed ulong Arguments[6];

    /// <summary>1 once a tail call of the running function succeeded: the function is over, with the value that the call gave.</summary>
    [FieldOffset(TailTakenOffset)] public int TailTaken;

    /// <summary>The instruction that called the running helper.</summary>
    [FieldOffset(132)] public int HelperInsn;

    /// <summary>What a run has left behind for the next one to clear: bits.</summary>
    [FieldOffset(TailTakenOffset + 4)] public int Leftovers;

    /// <summary>Both of these as one word.</summary>
    [FieldOffset(TailTakenOffset)] public long TailTakenAndLeftovers;

    /// <summary>Bits of <see cref="Leftovers"/>: the registers of a fault were kept; regions were added or other programs called.</summary>
    public const int FaultRegistersLeft = 1, OtherLeftovers = 2;

    /// <summary>What a look-up under a map's lock found.</summary>
    [FieldOffset(EntryFoundOffset)] public uint EntryFound;

    /// <summary>What the register of a <c>callx</c> held.</summary>
    [FieldOffset(CalleeOffset)] public ulong Callee;

    /// <summary>Rounds that <c>may_goto</c> still allows.</summary>
    [FieldOffset(MayGotoLeftOffset)] public long MayGotoLeft;

    /// <summary>Rounds that <c>may_goto</c> allows in one invocation (kernel/bpf/verifier.c, <c>BPF_MAX_LOOPS</c>).</summary>
    public const long MayGotoMax = 8 << 20;

    /// <summary>The table of regions behind a state.</summary>
    public static Region* Regions(MachineState* state) => (Region*)((byte*)state + RegionsOffset);

    /// <summary>The host address of a read of 1 &lt;&lt; <paramref name="sizeIndex"/> bytes, or null where it does not lie in a region: the one check that every access comes down to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Find(MachineState* state, ulong address, int sizeIndex)
    {
        uint number = Region.NumberOf(address);
        if (number >= state->RegionCount)
            return null;
        Region* region = MachineState.Regions(state) + number;
        return address - region->Start < region->PastRead[sizeIndex] ? (byte*)(address + (ulong)region->Delta) : null;
    }

    /// <summary>The same for a write.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* FindWritable(MachineState* state, ulong address, int sizeIndex)
    {
        uint number = Region.NumberOf(address);
        if (number >= state->RegionCount)
            return null;
        Region* region = MachineState.Regions(state) + number;
        return address - region->Start < region->PastWrite[sizeIndex] ? (byte*)(address + (ulong)region->Delta) : null;
    }
}
