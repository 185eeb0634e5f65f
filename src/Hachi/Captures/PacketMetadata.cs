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
}
