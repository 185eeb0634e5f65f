using Hachi.Isa;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Sandbox;

/// <summary>How a filter is installed.</summary>
public sealed record SeccompFilterOptions
{
    /// <summary>Whether all threads of the process get the filter, at one instant (SECCOMP_FILTER_FLAG_TSYNC); otherwise the calling thread and those that it starts.</summary>
    public bool AllThreads { get; init; } = true;

    /// <summary>Whether the kernel logs what is not allowed (SECCOMP_FILTER_FLAG_LOG).</summary>
    public bool LogsDenied { get; init; }
}

/// <summary>Seccomp filters of this process. Once installed a filter stays, for this process and all that it starts.</summary>
public static class SeccompFilter
{
    /// <summary>Whether this process can install filters at all.</summary>
    public static bool IsSupported => WhyUnsupported is null;

    /// <summary>Why it cannot, in words, or null.</summary>
    public static string? WhyUnsupported
    {
        get
        {
            if (!OperatingSystem.IsLinux())
                return "seccomp is Linux's";
            if (SeccompCalls.Native is null)
                return "there are no system-call tables for this processor";
            return HasAction(SeccompAction.Errno(0)) ? null : "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER), or a filter forbids to install more";
        }
    }

    /// <summary>The architecture of this process, whose numbers its calls have.</summary>
    /// <exception cref="PlatformNotSupportedException">There are no tables for it.</exception>
    public static SeccompArchitecture Native => SeccompCalls.Native ?? throw new PlatformNotSupportedException("there are no system-call tables for this processor");

    /// <summary>Whether the kernel knows an action.</summary>
    public static unsafe bool HasAction(SeccompAction action)
    {
        uint value = (uint)action.Kind;
        return SeccompCalls.Call(SeccompCalls.Number("seccomp"), SeccompCalls.GetActionAvail, 0, (nint)(&value)) == 0;
    }

    /// <summary>Installs a filter in this process: sets no_new_privs, which cannot be taken back either, and needs no privilege.</summary>
    /// <param name="program">A filter, of the compiler or of elsewhere.</param>
    /// <param name="options">How; all threads when null.</param>
    /// <exception cref="PlatformNotSupportedException">This machine has no seccomp: <see cref="WhyUnsupported"/> says why.</exception>
    /// <exception cref="SandboxException">The kernel refused.</exception>
    public static unsafe void Apply(ClassicProgram program, SeccompFilterOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        options ??= new SeccompFilterOptions();
        if (WhyUnsupported is { } why)
            throw new PlatformNotSupportedException(why);
        if (SeccompValidity.Check(program.Insns) is [var invalid, ..])
            throw new ArgumentException($"instruction {invalid.Index}: {invalid.Diagnostic.Message}", nameof(program));
        if (SeccompCalls.Call(SeccompCalls.Number("prctl"), SeccompCalls.PrSetNoNewPrivs, 1) != 0)
            throw new SandboxException("prctl(PR_SET_NO_NEW_PRIVS)", SeccompCalls.LastError, "the process must promise not to gain privileges before it may filter its calls");
        uint flags = (options.AllThreads ? SeccompCalls.FlagTsync : 0) | (options.LogsDenied ? SeccompCalls.FlagLog : 0);
        fixed (ClassicInsn* insns = program.Insns)
        {
            var fprog = new SeccompCalls.SockFprog { Length = (ushort)program.Length, Filter = insns };
            nint result = SeccompCalls.Call(SeccompCalls.Number("seccomp"), SeccompCalls.SetModeFilter, (nint)flags, (nint)(&fprog));
            if (result > 0)
                throw new SandboxException("seccomp", 3, string.Create(null, $"thread {result} has a filter of its own, so that not all threads can get this one"));
            if (result < 0)
                throw new SandboxException("seccomp", SeccompCalls.LastError, Reason(SeccompCalls.LastError));
        }
    }

    internal static string Reason(int errno) => errno switch
    {
        SeccompCalls.Einval => "the kernel does not take this filter, or not with these flags",
        SeccompCalls.Eacces => "no_new_privs is not set",
        12 => "the process's filters have more than 32768 instructions together",
        16 => "another filter of this process has a listener already",
        14 => "the filter lies outside of the process's memory",
        _ => "the filter was not installed",
    };
}
