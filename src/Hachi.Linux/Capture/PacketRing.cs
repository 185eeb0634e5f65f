using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Captures;
using Hachi.Isa;
using Hachi.Linux.Sys;
using Hachi.Vm;

namespace Hachi.Linux.Capture;

/// <summary>One packet socket with its ring (TPACKET_V3): the kernel fills blocks, this walks them and gives them back.</summary>
internal sealed unsafe class PacketRing : IDisposable
{
    /// <summary>A block holds the largest packet that is kept whole; larger ones are cut off by the kernel.</summary>
    private const int BlockBytes = 256 * 1024;

    /// <summary>In front of every packet: for the header of a cooked one and for a VLAN tag.</summary>
    private const int ReserveBytes = 32;

    private readonly PacketSocket _socket;
    private RingMapping? _mapping;
    private readonly int _blockCount;
    private readonly int _snapLength;
    private readonly Lock _counting = new();
    private byte* _next;
    private byte* _behind;
    private int _block;
    private int _taken;
    private uint _left;
    private FilterEngine? _here;
    private CaptureCounters _counters;
    private long _seen;
    private long _delivered;

    /// <summary>Opens the socket; <see cref="Make"/> and then <see cref="Start"/> follow, and nothing arrives before.</summary>
    public PacketRing(CaptureDevice device, int number, LiveCaptureOptions options)
    {
        Device = device;
        Number = number;
        _snapLength = options.SnapLength;
        _blockCount = Math.Max(2, (int)(((long)options.BufferBytes + BlockBytes - 1) / BlockBytes));
        _socket = new PacketSocket(device.IsCooked);
    }

    /// <summary>Makes the ring, which takes the kernel its time.</summary>
    public void Make(int latencyMilliseconds)
    {
        _socket.AttachFilter(KernelFilter.RejectAll);
        _mapping = _socket.MakeRing(new PacketAbi.RingRequest
        {
            BlockSize = BlockBytes,
            BlockCount = (uint)_blockCount,
            FrameSize = BlockBytes,
            FrameCount = (uint)_blockCount,
            RetireMilliseconds = (uint)Math.Max(1, latencyMilliseconds),
        }, ReserveBytes);
    }

    /// <summary>The interface takes packets for everybody from now on. May be asked for while the ring is being made.</summary>
    public void BePromiscuous()
    {
        if (Device.Index != 0)
            _socket.SetPromiscuous(Device.Index);
    }

    /// <summary>The interface.</summary>
    public CaptureDevice Device { get; }

    /// <summary>Its index among the devices of the capture.</summary>
    public int Number { get; }

    /// <summary>Whether the interface is gone.</summary>
    public bool IsGone { get; private set; }

    /// <summary>To poll.</summary>
    public int Descriptor => _socket.Descriptor;

    /// <summary>What was counted so far.</summary>
    public CaptureCounters Counters
    {
        get
        {
            lock (_counting)
            {
                PacketAbi.Statistics taken = _socket.TakeStatistics();
                _counters += new CaptureCounters((long)taken.Packets - taken.Drops, taken.Drops, 0, taken.FreezeCount);
                return _counters with { Delivered = _delivered };
            }
        }
    }

    /// <summary>Whether every packet that was counted has been walked over.</summary>
    public bool IsEmpty => Counters.Received == _seen;

    /// <summary>Attaches a filter in the place of the one before. One that is too large for the socket's memory runs here.</summary>
    public void Attach(in KernelFilter filter)
    {
        bool isHere = filter.Program == filter.Coarse;
        try
        {
            _socket.AttachFilter(filter.Program);
        }
        catch (BpfException e) when (!isHere && e.Errno == (int)Uapi.ErrorNumber.ENOMEM)
        {
            isHere = true;
            _socket.AttachFilter(filter.Coarse);
        }
        _here = isHere && filter.Filter is { } program ? new FilterEngine(program) : null;
    }

    /// <summary>From now on nothing more is let in; returns when the kernel is done with the filter that was there.</summary>
    /// <returns>False where nobody can tell whether it is.</returns>
    public bool Close()
    {
        _socket.AttachFilter(KernelFilter.RejectAll);
        return WakeEvent.WaitForGracePeriod();
    }

    /// <summary>Starts to receive.</summary>
    public void Start()
    {
        _socket.Bind(Device.Index);
        int error = _socket.TakeError();
        if (error != 0)
            throw new BpfException("bind(AF_PACKET)", error, error == (int)Uapi.ErrorNumber.ENETDOWN ? $"{Device.Name} is down (ip link set {Device.Name} up)" : null);
    }

    /// <summary>Shares the interface's packets with other sockets; see <see cref="PacketSocket.JoinFanout"/>.</summary>
    public int Join(int group) => _socket.JoinFanout(group);

    /// <summary>The time of the next packet; false when there is none.</summary>
    public bool TryPeek(out long timestamp)
    {
        timestamp = 0;
        if (_left == 0 && !EnterBlock())
            return false;
        timestamp = Time((PacketAbi.Frame*)_next);
        return true;
    }

    /// <summary>Hands on what is there.</summary>
    /// <param name="handler">Takes the packets.</param>
    /// <param name="before">Stops in front of a packet of this time or later.</param>
    /// <returns>False when the handler wants no more.</returns>
    public bool Drain(LivePacketHandler handler, long before = long.MaxValue)
    {
        while (_left > 0 || EnterBlock())
        {
            var frame = (PacketAbi.Frame*)_next;
            if (Time(frame) > before)
                return true;
            bool goesOn = Hand(frame, handler);
            _seen++;
            _next += frame->NextOffset;
            if (--_left == 0)
                LeaveBlock();
            if (!goesOn)
                return false;
        }
        return true;
    }

    /// <summary>
    /// Hands on the packets of the block that the kernel has not handed over yet, which it does when the block's time is over. Only after <see cref="Close"/>, when
    /// nobody writes there; and only if the block holds exactly what is missing: one that was not opened anew still has the numbers of its last use.
    /// </summary>
    /// <returns>False when the handler wants no more; the rest is counted as seen.</returns>
    public bool DrainUnfinished(LivePacketHandler handler)
    {
        bool goesOn = true;
        var block = (PacketAbi.Block*)(_mapping!.Start + ((nint)_block * BlockBytes));
        int count = Volatile.Read(ref block->PacketCount);
        if (_left > 0 || (Volatile.Read(ref block->Status) & PacketAbi.StatusUser) != 0 || count - _taken != Counters.Received - _seen)
            return true;
        for (byte* next = _taken == 0 ? (byte*)block + block->FirstOffset : _behind; _taken < count; _taken++, _seen++)
        {
            goesOn = goesOn && Hand((PacketAbi.Frame*)next, handler);
            _behind = next += ((PacketAbi.Frame*)next)->NextOffset;
        }
        return goesOn;
    }

    /// <summary>Looks why poll reports an error: the interface is down, which may pass, or gone.</summary>
    public void CheckDevice()
    {
        int error = _socket.TakeError();
        if (error == (int)Uapi.ErrorNumber.ENETDOWN)
            IsGone = Device.Index != 0 && LinkList.Read().TrueForAll(row => row.Index != Device.Index);
        else if (error != 0)
            throw new BpfException("recv(AF_PACKET)", error);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping?.Dispose();
        _socket.Dispose();
    }

    private static long Time(PacketAbi.Frame* frame) => (frame->Seconds * 1_000_000_000L) + frame->Nanoseconds;

    private bool EnterBlock()
    {
        var block = (PacketAbi.Block*)(_mapping!.Start + ((nint)_block * BlockBytes));
        while ((Volatile.Read(ref block->Status) & PacketAbi.StatusUser) != 0)
        {
            // Some may have been taken out before the block was handed over.
            _left = (uint)(block->PacketCount - _taken);
            _next = _taken == 0 ? (byte*)block + block->FirstOffset : _behind;
            _taken = 0;
            if (_left > 0)
                return true;
            LeaveBlock();
            block = (PacketAbi.Block*)(_mapping!.Start + ((nint)_block * BlockBytes));
        }
        return false;
    }

    private void LeaveBlock()
    {
        var block = (PacketAbi.Block*)(_mapping!.Start + ((nint)_block * BlockBytes));
        Volatile.Write(ref block->Status, 0);
        _block = _block + 1 == _blockCount ? 0 : _block + 1;
    }

    private bool Hand(PacketAbi.Frame* frame, LivePacketHandler handler)
    {
        byte* data = (byte*)frame + frame->MacOffset;
        int captured = (int)frame->CapturedLength;
        uint original = frame->OriginalLength;
        if (Device.IsCooked)
        {
            CookedHeader.Write(ref data, ref captured, ref original, frame, Device.LinkType);
            if (_here is not null && Rejects(data, captured, original, frame))
                return true;
            if ((frame->Status & PacketAbi.StatusVlanValid) != 0)
                CookedHeader.PutTag(ref data, ref captured, ref original, frame, Device.LinkType);
        }
        else
        {
            if (_here is not null && Rejects(data, captured, original, frame))
                return true;
            if ((frame->Status & PacketAbi.StatusVlanValid) != 0 && Device.LinkType == LinkType.Ethernet && captured >= 12)
                PutTag(ref data, ref captured, ref original, frame);
        }
        _delivered++;
        var packet = new LivePacket(Number, Time(frame), original, new ReadOnlySpan<byte>(data, Math.Min(captured, _snapLength)), frame->Address.PacketType, frame->Address.InterfaceIndex);
        return handler(packet);
    }

    /// <summary>The network card, or the kernel, took the tag off: it goes back behind the addresses, which move four bytes to the front.</summary>
    private static void PutTag(ref byte* data, ref int captured, ref uint original, PacketAbi.Frame* frame)
    {
        const int Addresses = 12, Tag = 4;
        Buffer.MemoryCopy(data, data - Tag, Addresses, Addresses);
        data -= Tag;
        CookedHeader.PutHalf(data + Addresses, CookedHeader.TpidOf(frame));
        CookedHeader.PutHalf(data + Addresses + 2, (ushort)frame->VlanTci);
        captured += Tag;
        original += Tag;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Rejects(byte* data, int captured, uint original, PacketAbi.Frame* frame)
    {
        bool isTagged = (frame->Status & PacketAbi.StatusVlanValid) != 0;
        var metadata = new PacketMetadata
        {
            Protocol = CookedHeader.Swap(frame->Address.Protocol),
            PacketType = frame->Address.PacketType,
            InterfaceIndex = (uint)frame->Address.InterfaceIndex,
            HardwareType = frame->Address.HardwareType,
            VlanPresent = isTagged ? 1u : 0,
            VlanTci = isTagged ? frame->VlanTci : 0,
            VlanTpid = isTagged ? CookedHeader.TpidOf(frame) : 0u,
            NetworkOffset = (uint)(frame->NetworkOffset - frame->MacOffset),
        };
        return _here!.Run(new ReadOnlySpan<byte>(data, captured), original, metadata) == 0;
    }
}
