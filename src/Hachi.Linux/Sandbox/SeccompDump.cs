using Hachi.Isa;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Sandbox;

/// <summary>Reads the filters of a running process out of the kernel. The process stands still for a moment (ptrace).</summary>
public static class SeccompDump
{
    private const int Seize = 0x4206, Interrupt = 0x4207, GetFilter = 0x420c, Detach = 17, WaitAll = 0x40000000;

    /// <summary>The filters of a process, the newest first; empty when it has none.</summary>
    /// <param name="pid">The process.</param>
    /// <exception cref="SandboxException">It is not there, or it may not be looked at: that takes CAP_SYS_ADMIN, and the right to trace it.</exception>
    public static IReadOnlyList<ClassicProgram> Read(int pid)
    {
        if (SeccompFilter.WhyUnsupported is { } why)
            throw new PlatformNotSupportedException(why);
        // All requests have to come from one thread, and this method never gives up its own.
        Ask(Seize, pid, 0, 0, "PTRACE_SEIZE");
        try
        {
            Ask(Interrupt, pid, 0, 0, "PTRACE_INTERRUPT");
            WaitForStop(pid);
            return Filters(pid);
        }
        finally
        {
            SeccompCalls.Call(SeccompCalls.Number("ptrace"), Detach, pid);
        }
    }

    private static unsafe List<ClassicProgram> Filters(int pid)
    {
        var filters = new List<ClassicProgram>();
        while (true)
        {
            nint count = SeccompCalls.Call(SeccompCalls.Number("ptrace"), GetFilter, pid, filters.Count, 0);
            if (count < 0 && SeccompCalls.LastError is SeccompCalls.Enoent or SeccompCalls.Einval) // no more, or none at all
                return filters;
            if (count < 0)
                throw Refused("PTRACE_SECCOMP_GET_FILTER");
            var insns = new ClassicInsn[Math.Min((int)count, Limits.ClassicInsnsMax)];
            fixed (ClassicInsn* first = insns)
                Ask(GetFilter, pid, filters.Count, (nint)first, "PTRACE_SECCOMP_GET_FILTER");
            filters.Add(new ClassicProgram(insns));
        }
    }

    private static unsafe void WaitForStop(int pid)
    {
        int status;
        while (SeccompCalls.Call(SeccompCalls.Number("wait4"), pid, (nint)(&status), WaitAll) < 0)
            if (SeccompCalls.LastError != SeccompCalls.Eintr)
                throw Refused("wait4");
    }

    private static void Ask(int request, int pid, nint address, nint data, string name)
    {
        if (SeccompCalls.Call(SeccompCalls.Number("ptrace"), request, pid, address, data) < 0)
            throw Refused(name);
    }

    private static SandboxException Refused(string name)
    {
        int errno = SeccompCalls.LastError;
        return new SandboxException(name, errno, errno switch
        {
            3 => "there is no such process",
            SeccompCalls.Eperm => "the process may not be traced: it is another user's, or is traced already",
            SeccompCalls.Eacces => "reading filters takes CAP_SYS_ADMIN: try sudo hachi seccomp explain --pid ...",
            _ => "the filters could not be read",
        });
    }
}
