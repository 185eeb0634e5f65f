using Hachi.Vm.Machine;

namespace Hachi.Vm.Contexts;

/// <summary>What a program is run on, when it is more than plain memory: a packet with its metadata, a record that may only be read. One run at a time.</summary>
public abstract class VmContext
{
    internal abstract void Enter(Invocation invocation);

    internal abstract void Leave(Invocation invocation);
}

/// <summary>A record that a program reads and does not change: that of a tracepoint, the data of a system call for a seccomp filter.</summary>
/// <param name="record">Its bytes, in the layout that the program expects.</param>
public sealed class RecordContext(ReadOnlySpan<byte> record) : VmContext
{
    private readonly byte[] _bytes = Pinned(record);

    private static byte[] Pinned(ReadOnlySpan<byte> record)
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(record.Length + 8, pinned: true);
        record.CopyTo(bytes);
        return bytes;
    }

    internal override unsafe void Enter(Invocation invocation)
    {
        fixed (byte* memory = _bytes)
            invocation.Regions[Region.Context].Set(Region.Context, 0, memory, (uint)_bytes.Length - 8, isWritable: false);
    }

    internal override void Leave(Invocation invocation)
    {
    }
}
