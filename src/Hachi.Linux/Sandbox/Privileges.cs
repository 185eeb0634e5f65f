using Hachi.Linux.Sys;

namespace Hachi.Linux.Sandbox;

/// <summary>Gives up what this process was allowed to do and needs no more. There is no way back.</summary>
public static class Privileges
{
    /// <summary>
    /// Becomes another user, every thread of the process, which ends all capabilities of a root process; then takes the capabilities that the calling
    /// thread still has, and sees to it that nothing that is executed gains any.
    /// Where no user is given other threads that run already keep their capabilities: only a filter (<see cref="SeccompFilter.Apply"/>) reaches those.
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
        Check(ProcessRights.SetNoNewPrivileges(), "prctl(PR_SET_NO_NEW_PRIVS)");
    }

    private static void Check(int result, string call)
    {
        if (result < 0)
            throw new SandboxException(call, -result, "giving up is always allowed; a filter may forbid the call");
    }
}
