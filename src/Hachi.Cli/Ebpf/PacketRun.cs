using System.Buffers.Binary;
using Hachi.Captures;
using Hachi.Uapi;
using Hachi.Vm;
using Hachi.Vm.Contexts;

namespace Hachi.Cli.Ebpf;

/// <summary>Runs a program on a packet, in the context that its kind has.</summary>
internal static class PacketRun
{
    private const int EthernetBytes = 14;

    /// <summary>Runs; what else happened to the packet is told in lines.</summary>
    public static VmResult Run(VmProgram program, DebugPacket packet, out List<string> notes)
    {
        notes = [];
        if (MakeContext(program.Spec.Type, packet) is not { } context)
            return program.Run(packet.Data.ToArray());
        VmResult result = program.Run(context);
        foreach (PacketRedirect redirect in context.Redirects)
            notes.Add($"redirect: {redirect.Kind.ToString().ToLowerInvariant()} {redirect.InterfaceIndex}");
        if (result.Success && !context.Data.SequenceEqual(packet.Data))
            notes.Add($"packet: {Convert.ToHexStringLower(context.Data)}");
        return result;
    }

    /// <summary>The context that a kind of program has for a packet; null for kinds that run over memory.</summary>
    public static PacketContext? MakeContext(ProgramType type, DebugPacket packet)
    {
        PacketMetadata metadata = packet.Metadata;
        try
        {
            switch (type)
            {
                case ProgramType.Xdp:
                    return new XdpContext(packet.Data) { IngressIfindex = metadata.InterfaceIndex, RxQueueIndex = metadata.Queue };
                case ProgramType.SocketFilter or ProgramType.SchedCls or ProgramType.SchedAct or ProgramType.CgroupSkb:
                    // Programs at control groups begin at the network header.
                    int link = type == ProgramType.CgroupSkb && packet.LinkType == LinkType.Ethernet ? Math.Min(EthernetBytes, packet.Data.Length) : 0;
                    return new SkbContext(packet.Data, link)
                    {
                        Mark = metadata.Mark,
                        PacketType = metadata.PacketType,
                        Ifindex = metadata.InterfaceIndex,
                        IngressIfindex = metadata.InterfaceIndex,
                        QueueMapping = metadata.Queue,
                        Hash = metadata.RxHash,
                        VlanTci = metadata.VlanPresent != 0 ? (ushort)metadata.VlanTci : null,
                        VlanProtocol = BinaryPrimitives.ReverseEndianness((ushort)metadata.VlanTpid),
                    };
                default:
                    return null;
            }
        }
        catch (ArgumentException e)
        {
            throw new CommandException($"the packet does not fit: {e.Message}");
        }
    }
}
