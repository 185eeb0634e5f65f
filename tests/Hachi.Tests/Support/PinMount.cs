using System.Globalization;
using Hachi.Linux.Sys;

namespace Hachi.Tests.Support;

/// <summary>A BPF file system of a test's own, mounted nowhere: only this process reaches it, by its descriptor, and it is gone with that.</summary>
internal sealed unsafe class PinMount : IDisposable
{
    private readonly FileHandle _mount;

    /// <summary>Makes it; skips the test without root.</summary>
    public PinMount()
    {
        Tools.NeedRoot();
        const int CreateCommand = 6;
        int context;
        fixed (byte* kind = "bpf\0"u8)
            context = (int)Syscall.Invoke(Syscall.Fsopen, (nint)kind, 1);
        Assert.True(context >= 0, "fsopen(bpf)");
        using var opened = new FileHandle(context);
        Assert.True(Syscall.Invoke(Syscall.Fsconfig, context, CreateCommand) >= 0, "fsconfig");
        int mount = (int)Syscall.Invoke(Syscall.Fsmount, context, 1, 0);
        Assert.True(mount >= 0, "fsmount");
        _mount = new FileHandle(mount);
    }

    /// <summary>A path of it, for this process.</summary>
    public string Path => string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{_mount.Descriptor}");

    /// <summary>The same, for others that run as root.</summary>
    public string PathForOthers => string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{_mount.Descriptor}");

    public void Dispose() => _mount.Dispose();
}
