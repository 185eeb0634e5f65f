using System.Buffers.Binary;
using Hachi.Btf;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>Structures of functions that programs stand in for.</summary>
public static unsafe class StructOpsAttach
{
    private const uint LinkFlag = 1 << 13;

    /// <summary>Registers a structure whose functions are programs of a loaded object; the link takes it back. It ends with the process by a link (Linux 6.4), and stays before that.</summary>
    /// <param name="loaded">Loaded with <see cref="LoadOptions.StructOps"/> naming the same structure.</param>
    /// <param name="spec">The structure.</param>
    /// <exception cref="BpfException">EINVAL: the kernel misses a member that it needs; EEXIST: something of this name is registered.</exception>
    public static Link AttachStructOps(this LoadedObject loaded, StructOpsSpec spec)
    {
        ArgumentNullException.ThrowIfNull(loaded);
        ArgumentNullException.ThrowIfNull(spec);
        StructOpsLayout layout = StructOpsLayout.Of(spec.Type);
        bool hasLinks = KernelFeatures.Find("other struct_ops_link") is not { } feature || KernelRelease.WhyWithout(feature) is null;
        string description = $"struct_ops {spec.Type}";
        FileHandle map = CreateMap(layout, spec.Type, hasLinks, description);
        try
        {
            byte[] value = Value(loaded, spec, layout);
            uint key = 0;
            fixed (byte* pointer = value)
            {
                var update = new BpfAttributes { Element = { MapFd = (uint)map.Descriptor, Key = (byte*)&key, ValueOrNextKey = pointer } };
                int result = BpfSystem.Call(BpfCommand.MapUpdateElem, ref update, 32);
                if (result < 0)
                    throw Failure.Of(BpfCommand.MapUpdateElem, result, $"{description}: the kernel does not take it (a member that it needs may be missing, or the name be taken)");
            }
            if (!hasLinks)
                return new UndoLink(description, () =>
                {
                    uint only = 0;
                    var delete = new BpfAttributes { Element = { MapFd = (uint)map.Descriptor, Key = (byte*)&only } };
                    _ = BpfSystem.Call(BpfCommand.MapDeleteElem, ref delete, 32);
                    map.Dispose();
                });
            var attributes = new BpfAttributes { Link = { Fd = (uint)map.Descriptor, Type = (uint)AttachType.StructOps } };
            return BpfLink.Create(ref attributes, 16, description, map);
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    private static FileHandle CreateMap(StructOpsLayout layout, string type, bool hasLinks, string description)
    {
        // The kernel asks for types of the program's, though it looks at its own only.
        using FileHandle types = LoadTypes();
        var attributes = new BpfAttributes
        {
            Map =
            {
                Type = (uint)MapType.StructOps,
                KeySize = sizeof(uint),
                ValueSize = (uint)layout.ValueBytes,
                MaxEntries = 1,
                Flags = hasLinks ? LinkFlag : 0,
                BtfFd = (uint)types.Descriptor,
                VmlinuxValueType = layout.ValueTypeId,
            },
        };
        KernelResource.NameInto(attributes.Map.Name, type);
        int result = BpfSystem.Call(BpfCommand.MapCreate, ref attributes, 64);
        return result < 0 ? throw Failure.Lacking(BpfCommand.MapCreate, result, description, KernelFeatures.Of(MapType.StructOps)) : new FileHandle(result);
    }

    private static FileHandle LoadTypes()
    {
        var writer = new BtfWriter();
        writer.Int("int");
        byte[] section = writer.ToArray();
        fixed (byte* pointer = section)
        {
            var attributes = new BpfAttributes { Btf = { Btf = pointer, Size = (uint)section.Length } };
            int result = BpfSystem.Call(BpfCommand.BtfLoad, ref attributes, 28);
            return result < 0 ? throw Failure.Of(BpfCommand.BtfLoad, result, "a type of its own") : new FileHandle(result);
        }
    }

    private static byte[] Value(LoadedObject loaded, StructOpsSpec spec, StructOpsLayout layout)
    {
        byte[] value = new byte[layout.ValueBytes];
        foreach ((string member, byte[] bytes) in spec.Values)
        {
            (_, int offset, int size) = layout.Member(member);
            if (bytes.Length > size)
                throw new ArgumentException($"member {member} of {spec.Type} has {size} bytes, not {bytes.Length}", nameof(spec));
            bytes.CopyTo(value.AsSpan(offset));
        }
        // The kernel finds the descriptor of a program where the function's address will stand.
        foreach ((string member, string program) in spec.Programs)
            BinaryPrimitives.WriteInt64LittleEndian(value.AsSpan(layout.Member(member).Offset), loaded.Program(program).Descriptor);
        return value;
    }
}
