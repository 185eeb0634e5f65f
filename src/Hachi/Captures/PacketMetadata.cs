using Hachi.Isa;

namespace Hachi.Captures;

/// <summary>
/// What is known about a packet beyond its bytes: the values that Linux's classic BPF extensions read (linux/filter.h, <c>SKF_AD_*</c>), each as the
/// 32-bit word that an extension load puts into A. Everything is 0 where nothing was recorded.
/// </summary>
public struct PacketMetadata
{
    /// <summary>EtherType of the payload in host order (<c>proto</c>).</summary>
    public uint Protocol;

    /// <summary>Linux packet type (<c>type</c>): 0 to us, 1 broadcast, 2 multicast, 3 to somebody else, 4 outgoing.</summary>
    public uint PacketType;

    /// <summary>Index of the interface (<c>ifidx</c>).</summary>
    public uint InterfaceIndex;

    /// <summary>Socket buffer mark (<c>mark</c>).</summary>
    public uint Mark;

    /// <summary>Queue mapping (<c>queue</c>).</summary>
    public uint Queue;

    /// <summary>ARPHRD_ type of the interface (<c>hatype</c>).</summary>
    public uint HardwareType;

    /// <summary>Receive hash (<c>rxhash</c>).</summary>
    public uint RxHash;

    /// <summary>Processor that runs the filter (<c>cpu</c>).</summary>
    public uint Cpu;

    /// <summary>Tag control information of a VLAN tag that the driver took off (<c>vlan_tci</c>).</summary>
    public uint VlanTci;

    /// <summary>1 when such a tag is present (<c>vlan_avail</c>).</summary>
    public uint VlanPresent;

    /// <summary>Its tag protocol identifier (<c>vlan_tpid</c>).</summary>
    public uint VlanTpid;

    /// <summary>What <c>rand</c> reads: the caller draws it, so that the same input gives the same verdict.</summary>
    public uint Random;

    /// <summary>Where the network header starts, in bytes from the start of the packet (<c>SKF_NET_OFF</c> loads and <c>poff</c> count from it).</summary>
    public uint NetworkOffset;

    /// <summary>The field that an extension reads.</summary>
    /// <param name="extension">Number of the extension, as in <see cref="Extension"/>.</param>
    /// <param name="value">The field; 0 when there is none.</param>
    /// <returns>False when it reads no field: it is computed from the packet, or unknown.</returns>
    public readonly bool TryGet(uint extension, out uint value)
    {
        switch (extension)
        {
            case Extension.Proto: value = Protocol; return true;
            case Extension.PktType: value = PacketType; return true;
            case Extension.IfIndex: value = InterfaceIndex; return true;
            case Extension.Mark: value = Mark; return true;
            case Extension.Queue: value = Queue; return true;
            case Extension.HaType: value = HardwareType; return true;
            case Extension.RxHash: value = RxHash; return true;
            case Extension.Cpu: value = Cpu; return true;
            case Extension.VlanTci: value = VlanTci; return true;
            case Extension.VlanAvail: value = VlanPresent; return true;
            case Extension.VlanTpid: value = VlanTpid; return true;
            case Extension.Random: value = Random; return true;
            default: value = 0; return false;
        }
    }

    /// <summary>Sets the field that an extension reads; false when it reads none.</summary>
    public bool TrySet(uint extension, uint value)
    {
        switch (extension)
        {
            case Extension.Proto: Protocol = value; return true;
            case Extension.PktType: PacketType = value; return true;
            case Extension.IfIndex: InterfaceIndex = value; return true;
            case Extension.Mark: Mark = value; return true;
            case Extension.Queue: Queue = value; return true;
            case Extension.HaType: HardwareType = value; return true;
            case Extension.RxHash: RxHash = value; return true;
            case Extension.Cpu: Cpu = value; return true;
            case Extension.VlanTci: VlanTci = value; return true;
            case Extension.VlanAvail: VlanPresent = value; return true;
            case Extension.VlanTpid: VlanTpid = value; return true;
            case Extension.Random: Random = value; return true;
            default: return false;
        }
    }
}
