using Hachi.Vm.Machine;

namespace Hachi.Vm.Contexts;

/// <summary>How a program sent a packet elsewhere.</summary>
public enum RedirectKind : byte
{
    /// <summary>To an interface (<c>bpf_redirect</c>).</summary>
    Interface,

    /// <summary>To the peer of an interface (<c>bpf_redirect_peer</c>).</summary>
    Peer,

    /// <summary>To a neighbour behind an interface (<c>bpf_redirect_neigh</c>).</summary>
    Neighbour,

    /// <summary>A copy to an interface (<c>bpf_clone_redirect</c>).</summary>
    Clone,
}

/// <summary>A redirection that a program asked for. Nothing is sent: it is for the embedder to do.</summary>
/// <param name="Kind">Which kind.</param>
/// <param name="InterfaceIndex">The interface.</param>
/// <param name="Flags">Flags of the helper.</param>
public readonly record struct PacketRedirect(RedirectKind Kind, uint InterfaceIndex, ulong Flags);

/// <summary>A packet in a buffer with room in front of it and behind it: what helpers that move its ends work on.</summary>
public abstract unsafe class PacketContext : VmContext
{
    private protected const int EthernetBytes = 14;

    private readonly byte[] _buffer;
    private readonly byte* _memory;
    private readonly List<PacketRedirect> _redirects = [];

    private protected PacketContext(ReadOnlySpan<byte> frame, int headroomBytes, int tailroomBytes, int capacityMax)
    {
        if (frame.Length > capacityMax)
            throw new ArgumentException($"a packet of at most {capacityMax} bytes", nameof(frame));
        _buffer = GC.AllocateArray<byte>(headroomBytes + frame.Length + tailroomBytes, pinned: true);
        fixed (byte* memory = _buffer)
            _memory = memory; // the array never moves
        frame.CopyTo(_buffer.AsSpan(headroomBytes));
        Start = Meta = headroomBytes;
        End = headroomBytes + frame.Length;
    }

    /// <summary>The packet as it is now.</summary>
    public ReadOnlySpan<byte> Data => _buffer.AsSpan(LinkStart, End - LinkStart);

    /// <summary>The metadata in front of it.</summary>
    public ReadOnlySpan<byte> Metadata => _buffer.AsSpan(Meta, Start - Meta);

    /// <summary>Redirections that the last run asked for, in their order.</summary>
    public IReadOnlyList<PacketRedirect> Redirects => _redirects;

    internal int Start { get; private protected set; }

    internal int End { get; private protected set; }

    internal int Meta { get; private protected set; }

    internal int BufferBytes => _buffer.Length;

    internal byte* Memory => _memory;

    /// <summary>The packet from where programs count offsets on.</summary>
    internal Span<byte> Bytes => _buffer.AsSpan(Start, End - Start);

    private protected virtual int LinkStart => Start;

    private protected abstract bool IsWritable { get; }

    internal void Redirect(PacketRedirect redirect) => _redirects.Add(redirect);

    internal override void Enter(Invocation invocation)
    {
        _redirects.Clear();
        Show(invocation);
    }

    internal override void Leave(Invocation invocation) => invocation.Regions[Region.Packet].Clear();

    /// <summary>The packet's ends moved.</summary>
    internal virtual void Show(Invocation invocation)
    {
        invocation.Regions[Region.Packet].Set(Region.Packet, (uint)Meta, _memory + Meta, (uint)(End - Meta), IsWritable);
        invocation.State->PacketMeta = Region.AddressOf(Region.Packet, (uint)Meta);
        invocation.State->PacketStart = Region.AddressOf(Region.Packet, (uint)Start);
        invocation.State->PacketEnd = Region.AddressOf(Region.Packet, (uint)End);
    }

    // Fields of the context are read from here; checks fail all the same, so that the rules are asked.
    private protected static void ShowFields(Invocation invocation, byte* fields)
    {
        invocation.ContextMemory = fields;
        invocation.Regions[Region.Context].Set(Region.Context, 0, fields, 0, isWritable: false);
    }
}
