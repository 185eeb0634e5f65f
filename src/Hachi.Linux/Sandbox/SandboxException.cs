using Hachi.Uapi;

namespace Hachi.Linux.Sandbox;

/// <summary>The kernel refused a step of a sandbox.</summary>
public sealed class SandboxException : Exception
{
    internal SandboxException(string call, int errno, string reason)
        : base($"{call}: {Uapi.Errno.Name(errno)}: {reason}")
    {
        Call = call;
        Errno = errno;
    }

    /// <summary>The system call that failed.</summary>
    public string Call { get; }

    /// <summary>Its error number.</summary>
    public int Errno { get; }
}
