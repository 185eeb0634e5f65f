using Hachi.Isa;
using Hachi.Lang.Seccomp;

namespace Hachi.Hosting;

/// <summary>What a host does where seccomp filters cannot be installed: another system, a kernel without them, a container that forbids it.</summary>
public enum UnsupportedSandbox
{
    /// <summary>The start of the host fails: without the sandbox there is no service.</summary>
    Fail,

    /// <summary>The host goes on without a sandbox and logs a warning with the reason.</summary>
    Warn,
}

/// <summary>The sandbox of a host: one of <see cref="Filter"/>, <see cref="Policy"/>, <see cref="Text"/> and <see cref="Path"/>, and how it is installed.</summary>
public sealed class SeccompSandboxOptions
{
    /// <summary>A finished filter.</summary>
    public ClassicProgram? Filter { get; set; }

    /// <summary>A policy, built or read beforehand.</summary>
    public SeccompPolicy? Policy { get; set; }

    /// <summary>A policy as text: the policy language, or an OCI profile in JSON.</summary>
    public string? Text { get; set; }

    /// <summary>The file that holds the policy's text; read when the host starts. A relative path counts from the host's content root.</summary>
    public string? Path { get; set; }

    /// <summary>Whether the kernel logs the calls that are not allowed (SECCOMP_FILTER_FLAG_LOG).</summary>
    public bool LogsDenied { get; set; }

    /// <summary>What happens where there is no seccomp; the start fails unless told otherwise.</summary>
    public UnsupportedSandbox WhenUnsupported { get; set; }
}
