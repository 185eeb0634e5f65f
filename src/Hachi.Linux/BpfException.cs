using Hachi.Uapi;

namespace Hachi.Linux;

/// <summary>The kernel refused: which call, its error number, the likely reason, and what the kernel wrote about it.</summary>
public class BpfException : Exception
{
    /// <summary>A refusal.</summary>
    /// <param name="call">The call as a person would name it, <c>bpf(BPF_MAP_CREATE)</c>.</param>
    /// <param name="errno">The error number, positive.</param>
    /// <param name="reason">The likely reason, and what would help; null where none is known.</param>
    /// <param name="log">What the kernel wrote (the verifier's log); null for nothing.</param>
    public BpfException(string call, int errno, string? reason = null, string? log = null)
        : base($"{call}: {Uapi.Errno.Name(errno)}{(reason is null ? "" : $": {reason}")}")
    {
        Call = call;
        Errno = errno;
        Reason = reason;
        Log = log;
    }

    /// <summary>The call.</summary>
    public string Call { get; }

    /// <summary>The error number, positive (<see cref="Uapi.Errno.Name"/>).</summary>
    public int Errno { get; }

    /// <summary>The likely reason; null where none is known.</summary>
    public string? Reason { get; }

    /// <summary>What the kernel wrote, as it wrote it: escape it before it reaches a terminal. Null for nothing.</summary>
    public string? Log { get; }
}
