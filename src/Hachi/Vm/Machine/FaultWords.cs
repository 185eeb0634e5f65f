using System.Globalization;

namespace Hachi.Vm.Machine;

/// <summary>Faults in plain words.</summary>
internal static unsafe class FaultWords
{
    /// <summary>One sentence about a fault.</summary>
    public static string Describe(Invocation invocation, FaultReason reason, ulong address, int size) => reason switch
    {
        FaultReason.OutOfFuel => "out of fuel: the program ran longer than it was allowed to",
        FaultReason.ReadOutOfBounds => $"read of {Bytes(size)} {Where(invocation, address, size)}",
        FaultReason.WriteOutOfBounds => $"write of {Bytes(size)} {Where(invocation, address, size)}",
        FaultReason.ReadOnly => $"write of {Bytes(size)} to {Name(invocation, Region.NumberOf(address))}, which the program may only read",
        FaultReason.CallDepth => $"more than {Isa.Limits.CallFramesMax} nested calls",
        FaultReason.NoFunction => "call of something that is no function",
        FaultReason.HelperArgument => "a helper was given something that it cannot work on",
        FaultReason.Quota => "a quota was reached",
        FaultReason.Interrupted => "interrupted",
        _ => "control ran off the end of the program",
    };

    private static string Bytes(int size) => size == 1 ? "1 byte" : string.Create(CultureInfo.InvariantCulture, $"{size} bytes");

    private static string Where(Invocation invocation, ulong address, int size)
    {
        uint number = Region.NumberOf(address);
        if (number == Region.None)
            return address < 4096 ? string.Create(CultureInfo.InvariantCulture, $"through a null pointer (address {address})") : $"at 0x{address:x}, which is no address of the program's memory";
        if (number >= invocation.State->RegionCount)
            return Handle.MapIndex(address) >= 0 ? "through a map handle: look the value up first" : $"at 0x{address:x}, which is no address of the program's memory";
        Region* region = invocation.Regions + number;
        if (region->Memory == null && !(number == Region.Context && invocation.Layout is not null))
            return $"at 0x{address:x}, which is no address of the program's memory";
        long offset = (long)(address - region->Start);
        uint length = region->Length;
        string name = Name(invocation, number);
        if (number == Region.Context && invocation.Layout is not null)
            return string.Create(CultureInfo.InvariantCulture, $"at offset {(uint)address} of the context, where it has no such field");
        if (number == Region.Stack)
            return string.Create(CultureInfo.InvariantCulture, $"outside the stack (r10 of the first frame {offset - Isa.Limits.StackBytesMax:+0;-0;+0})");
        return offset < 0
            ? string.Create(CultureInfo.InvariantCulture, $"{-offset} bytes in front of {name}")
            : string.Create(CultureInfo.InvariantCulture, $"at offset {offset} of {name}, which has {length} bytes");
    }

    private static string Name(Invocation invocation, uint number) => number switch
    {
        Region.Context => "the context",
        Region.Packet => "the packet",
        Region.Stack => "the stack",
        < Region.FirstMap => "memory of the machine",
        _ => invocation.Unit.RegionName((int)number),
    };
}
