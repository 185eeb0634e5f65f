using Hachi.Linux.Kernel;
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
    public static BpfException Of(BpfCommand command, int result, string? about)
    {
        // What is not permitted has its reason in the process, which callers do not know; that of pins they do.
        bool isUnexplained = about is null || ((ErrorNumber)(-result) == ErrorNumber.EPERM && command is not (BpfCommand.ObjPin or BpfCommand.ObjGet));
        string? reason = isUnexplained ? Reasons.Of(command, -result)?.ToString() : null;
        return new BpfException(BpfSystem.Name(command), -result, about is null || reason is null ? about ?? reason : $"{about}: {reason}");
    }

    /// <summary>A refusal where something may be missing in the kernel: says since when it is there, or which option of the kernel's configuration brings it.</summary>
    /// <param name="command">Which.</param>
    /// <param name="result">What it gave: minus the error number.</param>
    /// <param name="about">What it was about.</param>
    /// <param name="needed">What it needs of the kernel.</param>
    public static BpfException Lacking(BpfCommand command, int result, string about, params ReadOnlySpan<KernelFeature?> needed) =>
        (ErrorNumber)(-result) is not (ErrorNumber.EPERM or ErrorNumber.EACCES) && WhyWithout(needed) is { } why ? Of(command, result, $"{about}: {why}") : Of(command, result, about);

    /// <summary>The first of these that this kernel lacks, in words; null for none.</summary>
    public static string? WhyWithout(params ReadOnlySpan<KernelFeature?> needed)
    {
        foreach (KernelFeature? each in needed)
            if (KernelRelease.WhyWithout(each) is { } why)
                return why;
        return null;
    }

    /// <summary>A refused command, with the likely reason behind what it was about.</summary>
    /// <param name="command">Which.</param>
    /// <param name="result">What it gave: minus the error number.</param>
    /// <param name="about">What it was about.</param>
    /// <param name="context">What is known of it.</param>
    public static BpfException Of(BpfCommand command, int result, string about, ReasonContext context) =>
        new(BpfSystem.Name(command), -result, Reasons.Of(command, -result, context) is { } reason ? $"{about}: {reason}" : about);

    /// <summary>What was asked for by its number, in words.</summary>
    public static string Numbered(BpfCommand command, int result, uint id)
    {
        (string kind, string list) = command switch
        {
            BpfCommand.ProgGetFdById => ("program", "progs"),
            BpfCommand.MapGetFdById => ("map", "maps"),
            BpfCommand.LinkGetFdById => ("link", "links"),
            _ => ("types", "btf"),
        };
        return result == -(int)ErrorNumber.ENOENT ? $"there is no {kind} of number {id} (hachi list {list})" : $"{kind} {id}";
    }

    /// <summary>The bytes before the first zero.</summary>
    public static ReadOnlySpan<byte> SliceToZero(this ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return end < 0 ? bytes : bytes[..end];
    }
}
