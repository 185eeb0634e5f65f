using System.Runtime.CompilerServices;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Sandbox;

/// <summary>Gives up what this process was allowed to do and needs no more. There is no way back.</summary>
public static class Privileges
{
    private static bool s_isRuntimeDone;

    /// <summary>
    /// Becomes another user, every thread of the process, which ends all capabilities of a root process; then takes the capabilities that the calling
    /// thread still has, and sees to it that nothing that is executed gains any.
    /// Where no user is given, capabilities are given up by the calling thread, the runtime's finalizer thread, and all threads that these start from then on; for Linux
    /// lets each thread drop only its own. A native program that calls this before it starts threads has none left; <see cref="ThreadsWithCapabilities"/> tells, and a filter
    /// (<see cref="SeccompFilter.Apply"/>) reaches the others.
    /// </summary>
    /// <param name="userId">The user to become, or null to stay.</param>
    /// <param name="groupId">The group to become; the user's number when null.</param>
    /// <exception cref="SandboxException">The kernel refused to change the user; nothing was given up.</exception>
    public static void Drop(int? userId = null, int? groupId = null)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("capabilities are Linux's");
        int result = userId is { } user ? ProcessRights.BecomeUser((uint)user, (uint)(groupId ?? user)) : 0;
        if (result < 0)
            throw new SandboxException("setresuid", -result, "becoming another user takes CAP_SETUID and CAP_SETGID");
        Check(ProcessRights.DropCapabilities(), "capset");
        if (userId is null)
            DropForRuntime();
        Check(ProcessRights.SetNoNewPrivileges(), "prctl(PR_SET_NO_NEW_PRIVS)");
    }

    /// <summary>
    /// Takes the capabilities of the runtime's finalizer thread, which it needs for nothing: a part of <see cref="Drop"/> that can be done ahead, while this thread still needs its
    /// own. It takes a garbage collection of the youngest generation. Done once.
    /// </summary>
    public static void DropForRuntime()
    {
        if (!OperatingSystem.IsLinux() || Interlocked.Exchange(ref s_isRuntimeDone, true))
            return;
        DropWhenFinalized();
        GC.Collect(0, GCCollectionMode.Forced, blocking: true);
        GC.WaitForPendingFinalizers();
    }

    /// <summary>Names of the threads of this process that have capabilities, in effect or at hand, in the order of their numbers.</summary>
    public static IReadOnlyList<string> ThreadsWithCapabilities()
    {
        var names = new List<(int Id, string Name)>();
        foreach (string folder in OperatingSystem.IsLinux() ? Directory.GetDirectories("/proc/self/task") : [])
        {
            try
            {
                string name = "";
                bool hasAny = false;
                foreach (string line in File.ReadLines(Path.Combine(folder, "status")))
                    if (line.StartsWith("Name:", StringComparison.Ordinal))
                        name = line[5..].Trim();
                    else if (line.StartsWith("CapPrm:", StringComparison.Ordinal) || line.StartsWith("CapEff:", StringComparison.Ordinal))
                        hasAny |= line.AsSpan(7).Trim().ContainsAnyExcept('0');
                if (hasAny)
                    names.Add((int.Parse(Path.GetFileName(folder), System.Globalization.CultureInfo.InvariantCulture), name));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has just ended.
            }
        }
        return [.. names.OrderBy(each => each.Id).Select(each => each.Name)];
    }

    // In a method of its own, so that nothing refers to the object when it returns.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropWhenFinalized() => _ = new OnFinalizerThread();

    private static void Check(int result, string call)
    {
        if (result < 0)
            throw new SandboxException(call, -result, "giving up is always allowed; a filter may forbid the call");
    }

    /// <summary>The one thread that every .NET process has besides its own, and the only way onto it.</summary>
    private sealed class OnFinalizerThread
    {
        ~OnFinalizerThread() => _ = ProcessRights.DropCapabilities();
    }
}
