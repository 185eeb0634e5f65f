using System.Runtime.InteropServices;
using System.Text;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

/// <summary>Types (BTF) in the kernel: its own, a module's, or those that came with an object.</summary>
public sealed unsafe class LoadedTypes : KernelResource
{
    private LoadedTypes(FileHandle handle)
        : base(handle)
    {
        const int NameBytesMax = 64;
        byte* name = stackalloc byte[NameBytesMax];
        var info = new TypesInfo { Name = name, NameLength = NameBytesMax };
        int result = ReadInfo(handle.Descriptor, &info, sizeof(TypesInfo));
        if (result < 0)
            throw Failure.Of(BpfCommand.ObjGetInfoByFd, result, "types");
        (Id, SizeBytes, IsKernel) = (info.Id, (int)info.Size, info.IsKernel != 0);
        Name = Encoding.UTF8.GetString(new ReadOnlySpan<byte>(name, NameBytesMax).SliceToZero());
    }

    /// <summary>Its number.</summary>
    public uint Id { get; }

    /// <summary>Bytes of the blob.</summary>
    public int SizeBytes { get; }

    /// <summary>The kernel's part it belongs to (<c>vmlinux</c>, a module); empty for an object's.</summary>
    public string Name { get; }

    /// <summary>Whether the kernel brought it itself.</summary>
    public bool IsKernel { get; }

    /// <summary>The types with a number.</summary>
    public static LoadedTypes Open(uint id)
    {
        FileHandle handle = OpenId(BpfCommand.BtfGetFdById, id);
        try
        {
            return new LoadedTypes(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The types of a module: the kernel knows them by number only, so that each is asked for its name.</summary>
    /// <param name="name">The module.</param>
    /// <exception cref="BpfException">ENOENT: the module is not loaded, or has no types; EPERM: needs CAP_SYS_ADMIN.</exception>
    public static LoadedTypes OfModule(string name)
    {
        foreach (uint id in AllIds())
        {
            LoadedTypes types;
            try
            {
                types = Open(id);
            }
            catch (BpfException e) when (e.Errno == (int)ErrorNumber.ENOENT)
            {
                // It went while we were asking.
                continue;
            }
            if (types.IsKernel && types.Name == name)
                return types;
            types.Dispose();
        }
        throw new BpfException(BpfSystem.Name(BpfCommand.BtfGetNextId), (int)ErrorNumber.ENOENT, $"the kernel has no types of a module {name}");
    }

    /// <summary>The numbers of all types in the kernel, rising.</summary>
    public static IEnumerable<uint> AllIds() => Ids(BpfCommand.BtfGetNextId);

    /// <summary>The blob, as .BTF holds it; a module's goes on from the kernel's.</summary>
    public byte[] Read()
    {
        byte[] blob = new byte[SizeBytes];
        fixed (byte* pointer = blob)
        {
            var info = new TypesInfo { Blob = pointer, Size = (uint)blob.Length };
            int result = ReadInfo(Descriptor, &info, sizeof(TypesInfo));
            return result < 0 ? throw Failure.Of(BpfCommand.ObjGetInfoByFd, result, $"types {Id}") : blob;
        }
    }

    /// <summary>struct bpf_btf_info.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct TypesInfo
    {
        public byte* Blob;
        public uint Size, Id;
        public byte* Name;
        public uint NameLength, IsKernel;
    }
}
