using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Sandbox;

/// <summary>A call that waits for an answer.</summary>
/// <param name="Id">What the answer names it by.</param>
/// <param name="Pid">The thread that made it; 0 when it is in a process namespace that cannot be seen from here.</param>
/// <param name="Data">The call.</param>
public readonly record struct SeccompNotification(ulong Id, int Pid, SeccompData Data);

/// <summary>Where the calls of a process arrive that its filter answers with USER_NOTIF. For one thread.</summary>
public sealed unsafe class SeccompListener : IDisposable
{
    private const short PollIn = 1, PollHup = 0x10;
    private const uint Continue = 1;
    private const ulong SyncWakeUp = 1;

    private static readonly nint s_poll = SeccompCalls.Number("ppoll"), s_ioctl = SeccompCalls.Number("ioctl"), s_close = SeccompCalls.Number("close");

    private static readonly nint s_receive = unchecked((nint)SeccompCalls.IoctlRecv), s_send = unchecked((nint)SeccompCalls.IoctlSend);

    // Since Linux 6.11 a waiting receiver is woken when nobody is left under the filter; before, only poll tells.
    private static readonly bool s_wakes = Environment.OSVersion.Version >= new Version(6, 11);

    private int _fd;

    internal SeccompListener(int fd)
    {
        _fd = fd;
        SeccompCalls.Call(s_ioctl, fd, (nint)SeccompCalls.IoctlSetFlags, (nint)SyncWakeUp); // since Linux 6.6: faster where it is there
    }

    /// <summary>Whether nobody is left under the filter.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Waits for the next call.</summary>
    /// <param name="timeout">How long; null: as long as it takes.</param>
    /// <param name="notification">The call.</param>
    /// <returns>False when none came in time, or nobody is left.</returns>
    public bool TryReceive(TimeSpan? timeout, out SeccompNotification notification)
    {
        notification = default;
        if (timeout is null && s_wakes)
            return TryReceive(out notification);
        var fd = new SeccompCalls.PollFd { Fd = _fd, Events = PollIn };
        long* time = stackalloc long[2];
        if (timeout is { } limit)
            (time[0], time[1]) = ((long)limit.TotalSeconds, limit.Ticks % TimeSpan.TicksPerSecond * 100);
        while (SeccompCalls.Call(s_poll, (nint)(&fd), 1, timeout is null ? 0 : (nint)time) > 0)
        {
            if ((fd.Revents & PollIn) == 0)
            {
                IsOver |= (fd.Revents & PollHup) != 0;
                return false;
            }
            if (TryReceive(out notification))
                return true;
            if (IsOver)
                return false;
        }
        return false;
    }

    private bool IsHungUp()
    {
        var fd = new SeccompCalls.PollFd { Fd = _fd };
        long* none = stackalloc long[2] { 0, 0 };
        return SeccompCalls.Call(s_poll, (nint)(&fd), 1, (nint)none) > 0 && (fd.Revents & PollHup) != 0;
    }

    private bool TryReceive(out SeccompNotification notification)
    {
        SeccompCalls.Notification raw = default;
        while (SeccompCalls.Call(s_ioctl, _fd, s_receive, (nint)(&raw)) != 0)
        {
            // A caller was ended in between, or there is nobody left: poll tells.
            if (SeccompCalls.LastError is SeccompCalls.Enoent or SeccompCalls.Eintr && !IsHungUp())
            {
                raw = default;
                continue;
            }
            notification = default;
            IsOver = true;
            return false;
        }
        notification = new SeccompNotification(raw.Id, (int)raw.Pid, raw.Data);
        return true;
    }

    /// <summary>
    /// Whether the caller still waits. What was read of its memory is about this call only if this is true <em>after</em> the reading:
    /// the process may be gone, and its id taken by another.
    /// </summary>
    public bool IsValid(in SeccompNotification notification)
    {
        ulong id = notification.Id;
        return SeccompCalls.Call(s_ioctl, _fd, (nint)SeccompCalls.IoctlIdValid, (nint)(&id)) == 0;
    }

    /// <summary>Lets the call fail.</summary>
    public void Fail(in SeccompNotification notification, int errno) => Send(new SeccompCalls.Response { Id = notification.Id, Error = -errno });

    /// <summary>
    /// Lets the call be made, with whatever its arguments point to by then. For watching only, never for deciding: another thread of the process can change
    /// what was looked at.
    /// </summary>
    internal void LetContinue(in SeccompNotification notification) => Send(new SeccompCalls.Response { Id = notification.Id, Flags = Continue });

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_fd >= 0)
            SeccompCalls.Call(s_close, _fd);
        _fd = -1;
    }

    private void Send(SeccompCalls.Response response) => SeccompCalls.Call(s_ioctl, _fd, s_send, (nint)(&response));
}
