using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Hachi.Isa;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Sandbox;

/// <summary>A program to run under a filter.</summary>
public sealed record SandboxStart
{
    /// <summary>The program's file (no search in PATH: see <see cref="SandboxedProcess.FindProgram"/>).</summary>
    public required string Path { get; init; }

    /// <summary>Its arguments; the first is the name that it is called by.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>The filter; null: none, for comparisons.</summary>
    public ClassicProgram? Filter { get; init; }

    /// <summary>Whether calls that the filter answers with USER_NOTIF are brought to <see cref="SandboxedProcess.Listener"/>.</summary>
    public bool Listens { get; init; }

    /// <summary>Whether the kernel logs what is not allowed.</summary>
    public bool LogsDenied { get; init; }

    /// <summary>The user that the program runs as; null: the caller.</summary>
    public int? UserId { get; init; }

    /// <summary>The group that it runs as; null: the caller's.</summary>
    public int? GroupId { get; init; }
}

/// <summary>A child process under a filter. It is forked from this process, takes on the filter and executes the program; nothing runs unfiltered.</summary>
public sealed unsafe class SandboxedProcess : IDisposable
{
    private const int StartSecondsMax = 5, Attempts = 5, ExecLooksMax = 400;

    private readonly ChildPlan _plan;
    private bool _ended;

    private SandboxedProcess(int pid, ChildPlan plan, SeccompListener? listener)
    {
        Id = pid;
        _plan = plan;
        Listener = listener;
    }

    /// <summary>The process id.</summary>
    public int Id { get; }

    /// <summary>
    /// Why the program could not be executed, an error number; 0 when nothing is known to have gone wrong. With a listener this comes to light only when
    /// the listener has let the execution go on.
    /// </summary>
    public int StartError => Volatile.Read(ref _plan.Data->Shared->Errno);

    /// <summary>Where notifications arrive, if they were asked for.</summary>
    public SeccompListener? Listener { get; }

    /// <summary>Starts a program.</summary>
    /// <exception cref="SandboxException">A step was refused.</exception>
    public static SandboxedProcess Start(SandboxStart start)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (start.Filter is not null && SeccompFilter.WhyUnsupported is { } why)
            throw new PlatformNotSupportedException(why);
        var plan = new ChildPlan(start);
        try
        {
            return Start(start, plan);
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    private static SandboxedProcess Start(SandboxStart start, ChildPlan plan)
    {
        SeccompCalls.Warm();
        for (int attempt = 1; ; attempt++)
        {
            int pid = (int)Child.Fork(plan.Data);
            if (pid < 0)
                throw new SandboxException("clone", Marshal.GetLastSystemError(), "no child process");
            if (Started(plan.Data))
                return Follow(start, plan, pid);
            // The runtime was about to stop its threads for a collection when the child was made: it waits for threads that it does not have.
            Kill(pid);
            Reap(pid);
            if (attempt == Attempts)
                throw new SandboxException("clone", 11, "the child did not start");
        }
    }

    /// <summary>Waits for the end.</summary>
    /// <returns>The exit status, or 128 + the signal that ended it.</returns>
    public int Wait()
    {
        _ended = true;
        return Reap(Id);
    }

    /// <summary>The status if it has ended, otherwise null.</summary>
    public int? Poll()
    {
        int status;
        if (SeccompCalls.Call(SeccompCalls.Number("wait4"), Id, (nint)(&status), 1) != Id)
            return null;
        _ended = true;
        return Decode(status);
    }

    /// <summary>Ends it.</summary>
    public void Kill() => Kill(Id);

    /// <summary>The file that the shell would run for a name, or null.</summary>
    [UnsupportedOSPlatform("windows")]
    public static string? FindProgram(string name, string? path)
    {
        if (name.Contains('/', StringComparison.Ordinal))
            return File.Exists(name) ? name : null;
        foreach (string folder in (path ?? "/usr/local/bin:/usr/bin:/bin").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            string file = Path.Combine(folder, name);
            if (File.Exists(file) && (File.GetUnixFileMode(file) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0)
                return file;
        }
        return null;
    }

    /// <summary>Ends the child if it still runs, and closes the listener.</summary>
    public void Dispose()
    {
        if (!_ended)
        {
            Kill(Id);
            Wait();
        }
        Listener?.Dispose();
        _plan.Dispose();
    }

    private static bool Started(ChildData* data)
    {
        long until = Environment.TickCount64 + (StartSecondsMax * 1000);
        while (Volatile.Read(ref data->Shared->Started) == 0)
        {
            if (Environment.TickCount64 > until)
                return false;
            SeccompCalls.Pause(50);
        }
        return true;
    }

    private static SandboxedProcess Follow(SandboxStart start, ChildPlan plan, int pid)
    {
        SharedState* shared = plan.Data->Shared;
        // With a listener the child's descriptors are ours, too: the listener is here as soon as the child has it.
        for (int i = 1; Volatile.Read(ref shared->Step) < ChildStep.Filtered && Volatile.Read(ref shared->Errno) == 0; i++)
        {
            SeccompCalls.Pause(50);
            if (i % 100 == 0)
                CheckAlive(pid);
        }
        if (Volatile.Read(ref shared->Errno) == 0 && !start.Listens)
            AwaitExec(shared, pid);
        int errno = Volatile.Read(ref shared->Errno);
        if (errno == 0)
            return new SandboxedProcess(pid, plan, start.Listens ? new SeccompListener(shared->Listener) : null);
        Kill(pid);
        Reap(pid);
        throw Volatile.Read(ref shared->Step) switch
        {
            ChildStep.Filtered => new SandboxException($"execve {start.Path}", errno, ExecReason(errno)),
            ChildStep.User => new SandboxException("prctl, seccomp", errno, SeccompFilter.Reason(errno)),
            _ => new SandboxException("setresuid, setresgid", errno, "the program cannot run as that user"),
        };
    }

    /// <summary>Until the new program stands in the child's place, or the kernel has refused it.</summary>
    private static void AwaitExec(SharedState* shared, int pid)
    {
        // execve closes nothing of ours and tells nobody; the child writes only when it fails. Its command line shows when it has succeeded.
        byte[] mine = CommandLine("self"), its = mine;
        for (int i = 0; i < ExecLooksMax && Volatile.Read(ref shared->Errno) == 0 && its.AsSpan().SequenceEqual(mine); i++)
        {
            SeccompCalls.Pause(100);
            its = CommandLine(string.Create(null, $"{pid}"));
        }
    }

    private static byte[] CommandLine(string process)
    {
        try
        {
            return File.ReadAllBytes($"/proc/{process}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Ends the waiting for a child that is gone.</summary>
    private static void CheckAlive(int pid)
    {
        int status;
        if (SeccompCalls.Call(SeccompCalls.Number("wait4"), pid, (nint)(&status), 1) == pid)
            throw new SandboxException("clone", 3, string.Create(null, $"the child ended before it could start the program, with status {Decode(status)}"));
    }

    private static string ExecReason(int errno) => errno switch
    {
        SeccompCalls.Enoent => "no such file, or its interpreter is missing",
        SeccompCalls.Eacces => "the file is not executable",
        8 => "the file is no program",
        _ => "the filter does not let the program be started: allow execve",
    };

    private static void Kill(int pid) => SeccompCalls.Call(SeccompCalls.Number("kill"), pid, SeccompCalls.SigKill);

    private static int Reap(int pid)
    {
        int status = 0;
        while (SeccompCalls.Call(SeccompCalls.Number("wait4"), pid, (nint)(&status)) < 0)
            if (SeccompCalls.LastError != SeccompCalls.Eintr)
                return -1;
        return Decode(status);
    }

    private static int Decode(int status) => (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f);
}
