using Microsoft.Win32.SafeHandles;

namespace Hachi.Linux.Sys;

/// <summary>A file descriptor that is closed once: maps, programs, links, events, sockets.</summary>
internal sealed class FileHandle : SafeHandleMinusOneIsInvalid
{
    public FileHandle(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>The descriptor; an error once it is closed.</summary>
    public int Descriptor
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return (int)handle;
        }
    }

    /// <summary>Another descriptor of the same, closed on its own.</summary>
    public FileHandle Duplicate()
    {
        const int DuplicateCloexec = 1030;
        int result = (int)Syscall.Invoke(Syscall.Fcntl, Descriptor, DuplicateCloexec, 0);
        return result < 0 ? throw new BpfException("fcntl(F_DUPFD_CLOEXEC)", -result) : new FileHandle(result);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Syscall.Invoke(Syscall.Close, handle) >= 0;
}
