using System.Globalization;

namespace Hachi.Uapi;

/// <summary>The kinds of answer that a seccomp filter gives, gravest first (linux/seccomp.h, <c>SECCOMP_RET_*</c>).</summary>
public enum SeccompActionKind : uint
{
    /// <summary>The process ends with SIGSYS.</summary>
    KillProcess = 0x80000000,

    /// <summary>The thread ends with SIGSYS.</summary>
    KillThread = 0,

    /// <summary>The thread gets SIGSYS.</summary>
    Trap = 0x00030000,

    /// <summary>The call fails with the errno in the data.</summary>
    Errno = 0x00050000,

    /// <summary>A supervisor is asked.</summary>
    UserNotif = 0x7fc00000,

    /// <summary>The tracer is asked.</summary>
    Trace = 0x7ff00000,

    /// <summary>The call is made and logged.</summary>
    Log = 0x7ffc0000,

    /// <summary>The call is made.</summary>
    Allow = 0x7fff0000,
}

/// <summary>What a filter returns: kind and 16 bits of data.</summary>
/// <param name="Value">The returned word.</param>
public readonly record struct SeccompAction(uint Value)
{
    /// <summary>EPERM.</summary>
    public const int Eperm = 1;

    /// <summary>ENOSYS: what the kernel says of a call that it does not have.</summary>
    public const int Enosys = 38;

    /// <summary>The greatest errno that the kernel passes on (MAX_ERRNO).</summary>
    public const int ErrnoMax = 4095;

    private const uint KindMask = 0xffff0000;

    /// <summary>An action of a kind with data.</summary>
    public SeccompAction(SeccompActionKind kind, int data = 0)
        : this((uint)kind | (ushort)data)
    {
    }

    /// <summary>The call is made.</summary>
    public static SeccompAction Allow { get; } = new(SeccompActionKind.Allow);

    /// <summary>The process ends.</summary>
    public static SeccompAction KillProcess { get; } = new(SeccompActionKind.KillProcess);

    /// <summary>The thread ends.</summary>
    public static SeccompAction KillThread { get; } = new(SeccompActionKind.KillThread);

    /// <summary>The call fails.</summary>
    public static SeccompAction Errno(int errno) => new(SeccompActionKind.Errno, errno);

    /// <summary>The kind; what no kind has is <see cref="SeccompActionKind.KillProcess"/>, as in the kernel.</summary>
    public SeccompActionKind Kind => (SeccompActionKind)(Value & KindMask) is var kind && Enum.IsDefined(kind) ? kind : SeccompActionKind.KillProcess;

    /// <summary>The errno, or what the tracer is told.</summary>
    public int Data => (int)(Value & 0xffff);

    /// <summary>The errno that the caller sees: capped as the kernel does.</summary>
    public int ErrnoSeen => Math.Min(Data, ErrnoMax);

    /// <summary>Whether the call is made.</summary>
    public bool Permits => Kind is SeccompActionKind.Allow or SeccompActionKind.Log;

    /// <summary>The order of stacked filters: of several answers the one with the least rank counts.</summary>
    public int Rank => Kind switch
    {
        SeccompActionKind.KillProcess => 0,
        SeccompActionKind.KillThread => 1,
        SeccompActionKind.Trap => 2,
        SeccompActionKind.Errno => 3,
        SeccompActionKind.UserNotif => 4,
        SeccompActionKind.Trace => 5,
        SeccompActionKind.Log => 6,
        _ => 7,
    };

    /// <summary>The action as a policy writes it: <c>allow</c>, <c>errno EPERM</c>, <c>kill-process</c> ...</summary>
    public override string ToString() => Kind switch
    {
        SeccompActionKind.KillProcess => "kill-process",
        SeccompActionKind.KillThread => "kill-thread",
        SeccompActionKind.Trap => "trap",
        SeccompActionKind.Errno => "errno " + Uapi.Errno.Name(Data),
        SeccompActionKind.UserNotif => "notify",
        SeccompActionKind.Trace => string.Create(CultureInfo.InvariantCulture, $"trace {Data}"),
        SeccompActionKind.Log => "log",
        _ => "allow",
    };
}
