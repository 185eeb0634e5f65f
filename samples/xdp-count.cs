#!/usr/bin/env dotnet
#:project ../src/Hachi.Lang
#:project ../src/Hachi.Linux
#:property AllowUnsafeBlocks=true
#:property PublishAot=false
#:property DebugType=portable
#:property NoWarn=CS0649

// An XDP program in C#: counts packets by IPv4 source, drops UDP to port 9. One file, no clang:
//
//     dotnet run samples/xdp-count.cs               compiles it, prints the instructions, lets the kernel check and run it once over a packet (needs CAP_BPF)
//     dotnet run samples/xdp-count.cs -- eth0       attaches it until Enter is pressed

using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using Hachi.Asm;
using Hachi.Lang.CSharp;
using Hachi.Linux;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;

string self = typeof(Filter).Assembly.Location;
CSharpCompilation compiled = CSharpCompiler.Compile([.. File.ReadAllBytes(self)], [.. File.ReadAllBytes(Path.ChangeExtension(self, ".pdb"))]);
foreach (CSharpDiagnostic diagnostic in compiled.Diagnostics)
    Console.Error.WriteLine(diagnostic);
if (compiled.Object is not BpfObject bpf)
    return 2;
Console.WriteLine(Printer.Print(bpf.Programs[0].Insns.AsSpan()));
try
{
    using LoadedObject loaded = bpf.Load();
    Hachi.Linux.Load.Program program = loaded.Program(nameof(Filter.Count));
    if (args.Length == 0)
    {
        byte[] packet = new byte[60];
        (packet[12], packet[13], packet[14], packet[23], packet[26], packet[37]) = (8, 0, 0x45, 17, 10, 9);
        Console.WriteLine($"UDP to port 9: {(XdpAction)program.Run(packet).ReturnValue}");
        return 0;
    }
    int index = NetworkInterface.GetAllNetworkInterfaces().First(each => each.Name == args[0]).GetIPProperties().GetIPv4Properties().Index;
    using (program.AttachXdp(index))
    {
        Console.WriteLine($"attached to {args[0]} ({index.ToString(CultureInfo.InvariantCulture)}); Enter ends");
        Console.ReadLine();
    }
    return 0;
}
catch (BpfException e)
{
    Console.Error.WriteLine(e.Message);
    return 4;
}

internal static class Filter
{
    [Map(MaxEntries = 10_240)]
    private static readonly HashMap<uint, ulong> s_bySource = new();

    [Xdp]
    public static XdpAction Count(ref XdpContext context)
    {
        Packet packet = context.Packet;
        if (!packet.TryRead(out Ref<Ethernet> ethernet) || ethernet.Value.Protocol != BinaryPrimitives.ReverseEndianness((ushort)0x800))
            return XdpAction.Pass;
        if (!packet.TryRead(out Ref<Ipv4> ip))
            return XdpAction.Pass;
        if (s_bySource.TryGetRef(ip.Value.Source, out Ref<ulong> packets))
            Interlocked.Increment(ref packets.Value);
        else
            s_bySource.Set(ip.Value.Source, 1);
        if (ip.Value.Protocol != 17 || !packet.TryRead(out Ref<Udp> udp))
            return XdpAction.Pass;
        return udp.Value.Destination == BinaryPrimitives.ReverseEndianness((ushort)9) ? XdpAction.Drop : XdpAction.Pass;
    }
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct Ethernet
{
    public ulong Low;
    public uint High;
    public ushort Protocol;
}

internal struct Ipv4
{
    public byte VersionLength, Service;
    public ushort Length, Id, Fragment;
    public byte TimeToLive, Protocol;
    public ushort Check;
    public uint Source, Destination;
}

internal struct Udp
{
    public ushort Source, Destination, Length, Check;
}
