using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Oci;

/// <summary>What a profile's conditions are resolved for: the machine and the container.</summary>
public sealed record OciContext
{
    /// <summary>The machine's own architecture, which the profile's <c>archMap</c> and <c>includes</c> ask for.</summary>
    public SeccompArchitecture Native { get; init; } = SeccompArchitecture.X86_64;

    /// <summary>The architectures to compile for; null: those that the profile lists.</summary>
    public IReadOnlyList<SeccompArchitecture>? Architectures { get; init; }

    /// <summary>The container's capabilities; the fourteen that Docker grants unless told otherwise.</summary>
    public IReadOnlyCollection<string> Capabilities { get; init; } = DockerCapabilities;

    /// <summary>The kernel's version, which <c>minKernel</c> asks for; null: newer than all.</summary>
    public Version? Kernel { get; init; }

    /// <summary>Whether calls that are newer than the profile fail with ENOSYS, as runc adds it, so that the C library takes another way.</summary>
    public bool AnswersEnosys { get; init; } = true;

    /// <summary>Whether <c>int</c> arguments are compared as 32 bits; otherwise as 64, as libseccomp does.</summary>
    public bool ComparesWords { get; init; } = true;

    /// <summary>What Docker grants unless told otherwise.</summary>
    public static IReadOnlyCollection<string> DockerCapabilities { get; } =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ];
}
