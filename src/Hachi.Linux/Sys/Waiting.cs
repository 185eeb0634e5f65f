using Hachi.Uapi;

namespace Hachi.Linux.Sys;

/// <summary>What ends a wait from outside: an eventfd. Once signalled it stays so until it is reset.</summary>
internal sealed unsafe class WakeEvent : IDisposable
{
    private const int Nonblock = 0x800, CloseOnExec = 0x80000;
    private static readonly bool s_isArm = System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.Arm64;
    private static readonly int s_write = s_isArm ? 64 : 1;
    private static readonly int s_membarrier = s_isArm ? 283 : 324;

    private readonly FileHandle _handle;

    public WakeEvent()
    {
        nint result = Syscall.Invoke(Syscall.Eventfd2, 0, Nonblock | CloseOnExec);
        if (result < 0)
            throw new BpfException("eventfd2", -(int)result);
        _handle = new FileHandle((int)result);
    }

    /// <summary>The descriptor, to poll.</summary>
    public int Descriptor => _handle.Descriptor;

    /// <summary>Ends the waits.</summary>
    public void Set()
    {
        ulong one = 1;
        Syscall.Retry(s_write, Descriptor, (nint)(&one), sizeof(ulong));
    }

    /// <summary>Lets waits be waits again.</summary>
    public void Reset()
    {
        ulong value;
        Syscall.Retry(Syscall.Read, Descriptor, (nint)(&value), sizeof(ulong));
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    /// <summary>Waits until one of the descriptors has something, or the time is over.</summary>
    /// <param name="waits">What to wait for; gets what has come.</param>
    /// <param name="milliseconds">At most; negative for ever.</param>
    /// <returns>How many have something.</returns>
    public static int Poll(Span<PacketAbi.PollFd> waits, int milliseconds)
    {
        long* time = stackalloc long[2];
        (time[0], time[1]) = (milliseconds / 1000, milliseconds % 1000 * 1_000_000L);
        fixed (PacketAbi.PollFd* first = waits)
        {
            nint result = Syscall.Invoke(Syscall.Ppoll, (nint)first, waits.Length, milliseconds < 0 ? 0 : (nint)time, 0, 0);
            if (result < 0 && -result != (int)ErrorNumber.EINTR)
                throw new BpfException("ppoll", -(int)result);
            return Math.Max(0, (int)result);
        }
    }

    /// <summary>
    /// Returns when everything that the kernel was doing under RCU has ended (MEMBARRIER_CMD_GLOBAL is a grace period, membarrier(2)): afterwards no
    /// processor runs a filter that was replaced before.
    /// </summary>
    /// <returns>False where the call is not allowed: then nothing is known.</returns>
    public static bool WaitForGracePeriod() => Syscall.Invoke(s_membarrier, 1, 0, 0) >= 0;
}
