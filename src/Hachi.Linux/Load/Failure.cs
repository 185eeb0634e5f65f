using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

/// <summary>From results of the kernel to exceptions.</summary>
internal static class Failure
{
    /// <summary>A refused command.</summary>
    /// <param name="command">Which.</param>
    /// <param name="result">What it gave: minus the error number.</param>
    /// <param name="about">What it was about, or the likely reason; null for neither.</param>
    public static BpfException Of(BpfCommand command, int result, string? about) => new(BpfSystem.Name(command), -result, about ?? Likely(command, -result));

    private static string? Likely(BpfCommand command, int errno) => (ErrorNumber)errno switch
    {
        ErrorNumber.EPERM => "needs CAP_BPF (and CAP_PERFMON to trace, CAP_NET_ADMIN for the network), or root",
        ErrorNumber.ENOENT when command is BpfCommand.MapLookupElem or BpfCommand.MapDeleteElem => "no such key",
        _ => null,
    };

    /// <summary>The bytes before the first zero.</summary>
    public static ReadOnlySpan<byte> SliceToZero(this ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return end < 0 ? bytes : bytes[..end];
    }
}
