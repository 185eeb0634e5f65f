using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Run;

/// <summary>
/// A command that is there, its program mapped, and has not executed an instruction of it: a shell stops itself, is traced (ptrace(2)) up to its execve, and is let
/// go once everything is attached. Start and <see cref="Continue"/> belong to one thread, since the kernel takes a tracer to be a thread.
/// </summary>
public sealed unsafe class StoppedCommand : IDisposable
{
    private const int Seize = 0x4206, Resume = 7, Detach = 17, OptionTraceExec = 1 << 4, OptionExitKill = 1 << 20, WaitAll = 0x40000000, WaitNot = 1;
    private const int SignalKill = 9, SignalTrap = 5, SignalContinue = 18, SignalStop = 19, EventExec = 4, EventStop = 128, StopMillisecondsMax = 2000;

    private bool _isTraced;
    private int? _status;

    private StoppedCommand(int pid) => Pid = pid;

    /// <summary>Its number, which stays the same over execve.</summary>
    public int Pid { get; }

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded
    {
        get
        {
            int status;
            if (_status is null && Syscall.Invoke(Syscall.Wait4, Pid, (nint)(&status), WaitNot, 0) == Pid && (status & 0xff) != 0x7f)
                _status = status;
            return _status is not null;
        }
    }

    /// <summary>What it ended with, 128 and the signal that ended it; to be asked when it has ended.</summary>
    public int ExitCode => _status is not { } status ? 0 : (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f);

    /// <summary>Starts a command, as a shell would take it.</summary>
    /// <param name="command">The command with its arguments.</param>
    /// <exception cref="BpfException">It cannot be started.</exception>
    public static StoppedCommand Start(string command)
    {
        ArgumentNullException.ThrowIfNull(command);
        int pid = Spawn.Start("/bin/sh", "sh", "-c", "kill -STOP $$; exec " + command);
        if (pid < 0)
            throw new BpfException("posix_spawn", -pid, command);
        var made = new StoppedCommand(pid);
        made.GoToExec();
        return made;
    }

    /// <summary>Lets it run.</summary>
    public void Continue()
    {
        if (_isTraced)
            Syscall.Invoke(Syscall.Ptrace, Detach, Pid, 0, 0);
        else
            Syscall.Invoke(Syscall.Kill, Pid, SignalContinue);
        _isTraced = false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (HasEnded)
            return;
        Syscall.Invoke(Syscall.Kill, Pid, SignalKill);
        int status;
        if (Syscall.Retry(Syscall.Wait4, Pid, (nint)(&status), WaitAll, 0) == Pid)
            _status = status;
    }

    private void GoToExec()
    {
        for (long until = Environment.TickCount64 + StopMillisecondsMax; !IsStopped() && !HasEnded && Environment.TickCount64 < until;)
            Thread.Sleep(0);
        // Where nobody may trace (a seccomp filter, Yama), it goes on from its stop: a few calls of the shell are seen then.
        if (Syscall.Invoke(Syscall.Ptrace, Seize, Pid, 0, OptionTraceExec | OptionExitKill) < 0)
            return;
        _isTraced = true;
        Syscall.Invoke(Syscall.Kill, Pid, SignalContinue);
        int status;
        while (Syscall.Retry(Syscall.Wait4, Pid, (nint)(&status), WaitAll, 0) == Pid)
        {
            if ((status & 0xff) != 0x7f)
            {
                _status = status;
                break;
            }
            int signal = status >> 8 & 0xff, what = status >> 16;
            if (what == EventExec)
                return;
            // A stop of the group ends when the kernel has delivered SIGCONT; other signals are passed on.
            Syscall.Invoke(Syscall.Ptrace, Resume, Pid, 0, what == EventStop || signal is SignalTrap or SignalStop ? 0 : signal);
        }
        _isTraced = false;
    }

    private bool IsStopped()
    {
        try
        {
            string stat = File.ReadAllText(string.Create(null, $"/proc/{Pid}/stat"));
            return stat.AsSpan(stat.LastIndexOf(')') + 2).StartsWith("T");
        }
        catch (IOException)
        {
            return false;
        }
    }
}
