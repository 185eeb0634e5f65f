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
