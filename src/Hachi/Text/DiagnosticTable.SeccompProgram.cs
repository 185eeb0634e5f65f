namespace Hachi.Text;

// Seccomp: HS00xx OCI profiles, HS01xx policies, HS02xx filters (programs), HS03xx findings of the audit.
public static partial class DiagnosticTable
{
    internal static readonly DiagnosticInfo
        SeccompInstruction = Add("HS0201", Severity.Error, "{0} is not allowed in a seccomp filter", "Seccomp takes words of seccomp_data at fixed offsets, arithmetic without remainders, jumps and returns; no packet loads and no extensions."),
        SeccompOffset = Add("HS0202", Severity.Error, "ld [{0}]: offsets are multiples of 4 below 64", "struct seccomp_data has 64 bytes and is read in 32-bit words.");
}
