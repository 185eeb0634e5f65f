using System.Buffers.Binary;
using Hachi.Linux.Load;
using Hachi.Linux.Load.Fit;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>Structures of functions that programs stand in for.</summary>
public static unsafe class StructOpsAttach
{
    /// <summary>Registers a structure whose functions are programs of a loaded object; the link takes it back. It ends with the process by a link (Linux 6.4), and stays before that.</summary>
    /// <param name="loaded">Loaded with <see cref="LoadOptions.StructOps"/> naming the same structure.</param>
    /// <param name="spec">The structure.</param>
    /// <exception cref="BpfException">EINVAL: the kernel misses a member that it needs; EEXIST: something of this name is registered.</exception>
    public static Link AttachStructOps(this LoadedObject loaded, StructOpsSpec spec)
    {
        ArgumentNullException.ThrowIfNull(loaded);
        ArgumentNullException.ThrowIfNull(spec);
        Map map = StructOpsMaps.Create(spec.Type, spec.Type, StructOpsMaps.HasLinks ? (uint)MapFlags.Link : 0, null);
        return Register(loaded, spec, map.Handle, map.Flags.HasFlag(MapFlags.Link), map);
    }

    /// <summary>Registers a structure that stands in the object itself (a variable in the section <c>.struct_ops</c> or <c>.struct_ops.link</c>); the link takes it back, and ends with the process where the kernel has links for it (Linux 6.4), whichever section it is.</summary>
    /// <param name="loaded">The loaded object.</param>
    /// <param name="map">The variable's name, which is its map's.</param>
    /// <exception cref="BpfException">EINVAL: the kernel misses a member that it needs; EEXIST: something of this name is registered.</exception>
    /// <exception cref="KeyNotFoundException">There is no such structure.</exception>
    public static Link AttachStructOps(this LoadedObject loaded, string map)
    {
        ArgumentNullException.ThrowIfNull(loaded);
        foreach ((string name, StructOpsSpec spec) in StructOpsMaps.SpecsOf(loaded.Spec))
            if (name == map)
                return Register(loaded, spec, loaded.Map(map).Handle.Duplicate(), loaded.Map(map).Flags.HasFlag(MapFlags.Link), null);
        throw new KeyNotFoundException($"the object has no structure of functions '{map}'");
    }

    private static Link Register(LoadedObject loaded, StructOpsSpec spec, FileHandle handle, bool isLink, Map? own)
    {
        string description = $"struct_ops {spec.Type}";
        IDisposable held = own is null ? handle : own;
        try
        {
            byte[] value = Value(loaded, spec, StructOpsLayout.Of(spec.Type));
            uint key = 0;
            fixed (byte* pointer = value)
            {
                var update = new BpfAttributes { Element = { MapFd = (uint)handle.Descriptor, Key = (byte*)&key, ValueOrNextKey = pointer } };
                int result = BpfSystem.Call(BpfCommand.MapUpdateElem, ref update, 32);
                if (result < 0)
                    throw Failure.Of(BpfCommand.MapUpdateElem, result, $"{description}: the kernel does not take it (a member that it needs may be missing, or the name be taken)");
            }
            if (!isLink)
                return new UndoLink(description, () =>
                {
                    uint only = 0;
                    var delete = new BpfAttributes { Element = { MapFd = (uint)handle.Descriptor, Key = (byte*)&only } };
                    _ = BpfSystem.Call(BpfCommand.MapDeleteElem, ref delete, 32);
                    held.Dispose();
                });
            var attributes = new BpfAttributes { Link = { Fd = (uint)handle.Descriptor, Type = (uint)AttachType.StructOps } };
            return BpfLink.Create(ref attributes, 16, description, held);
        }
        catch
        {
            held.Dispose();
            throw;
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
