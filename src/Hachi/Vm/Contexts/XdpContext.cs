using System.Buffers.Binary;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Contexts;

/// <summary>A frame as XDP programs see it (<c>struct xdp_md</c>), in a buffer like the kernel's: 256 bytes in front, a page in all.</summary>
public sealed unsafe class XdpContext : PacketContext
{
    private const int HeadroomBytes = 256, PageBytes = 4096, TailBytes = 320, FrameHeadBytes = 40, MetadataMax = 252;

    private readonly byte[] _fields = GC.AllocateArray<byte>(32, pinned: true);

    /// <summary>Makes the context of a frame.</summary>
    /// <param name="frame">The frame, from its Ethernet header on; at most 3520 bytes.</param>
    public XdpContext(ReadOnlySpan<byte> frame)
        : base(frame, HeadroomBytes, PageBytes - HeadroomBytes - Math.Min(frame.Length, PageBytes - HeadroomBytes), PageBytes - HeadroomBytes - TailBytes)
    {
    }

    /// <summary>The interface that it came in by.</summary>
    public uint IngressIfindex { get; init; }

    /// <summary>The receive queue.</summary>
    public uint RxQueueIndex { get; init; }

    private protected override bool IsWritable => true;

    internal override void Enter(Invocation invocation)
    {
        base.Enter(invocation);
        BinaryPrimitives.WriteUInt32LittleEndian(_fields.AsSpan(12), IngressIfindex);
        BinaryPrimitives.WriteUInt32LittleEndian(_fields.AsSpan(16), RxQueueIndex);
        fixed (byte* fields = _fields)
            ShowFields(invocation, fields);
    }

    /// <summary>bpf_xdp_adjust_head; metadata moves along.</summary>
    internal bool AdjustHead(int offset)
    {
        long start = (long)Start + offset;
        int metadata = Start - Meta;
        if (start < FrameHeadBytes + metadata || start > End - EthernetBytes)
            return false;
        Buffer.MemoryCopy(Memory + Meta, Memory + Meta + offset, metadata, metadata);
        Start = (int)start;
        Meta += offset;
        return true;
    }

    /// <summary>bpf_xdp_adjust_tail; what is new is zero.</summary>
    internal bool AdjustTail(int offset)
    {
        long end = (long)End + offset;
        if (end > PageBytes - TailBytes || end < Start + EthernetBytes)
            return false;
        if (offset > 0)
            new Span<byte>(Memory + End, offset).Clear();
        End = (int)end;
        return true;
    }

    /// <summary>bpf_xdp_adjust_meta: 0 or -errno.</summary>
    internal int AdjustMeta(int offset)
    {
        long meta = (long)Meta + offset;
        if (meta < FrameHeadBytes || meta > Start)
            return -KernelError.Inval;
        if (Start - meta > MetadataMax || (Start - meta) % 4 != 0)
            return -KernelError.Acces;
        Meta = (int)meta;
        return 0;
    }
}
