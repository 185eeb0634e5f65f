using System.Runtime.InteropServices;

namespace Hachi.Linux.Sys;

/// <summary>Memory shared with the kernel through a descriptor (mmap(2)), unmapped once.</summary>
internal sealed unsafe class MemoryMap : SafeHandle
{
    public const int Read = 1, Write = 2;
    private const int Shared = 1, Private = 2;

    private MemoryMap(nint address, nint length)
        : base(0, ownsHandle: true)
    {
        SetHandle(address);
        Length = length;
    }

    /// <summary>Bytes.</summary>
    public nint Length { get; }

    /// <summary>Its first byte.</summary>
    public byte* Address => (byte*)handle;

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Maps a part of what a descriptor holds.</summary>
    /// <returns>Null with minus the error number in <paramref name="result"/> when the kernel refuses.</returns>
    public static MemoryMap? Create(int descriptor, nint length, int protection, nint offset, out int result) => Create(descriptor, length, protection, Shared, offset, out result);

    /// <summary>Maps a file to be read, its writers kept apart.</summary>
    /// <inheritdoc cref="Create(int, nint, int, nint, out int)"/>
    public static MemoryMap? CreatePrivate(int descriptor, nint length, out int result) => Create(descriptor, length, Read, Private, 0, out result);

    private static MemoryMap? Create(int descriptor, nint length, int protection, int flags, nint offset, out int result)
    {
        nint address = Syscall.Invoke(Syscall.Mmap, 0, length, protection, flags, descriptor, offset);
        result = address is < 0 and > -4096 ? (int)address : 0;
        return result < 0 ? null : new MemoryMap(address, length);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Syscall.Invoke(Syscall.Munmap, handle, Length) >= 0;
}
