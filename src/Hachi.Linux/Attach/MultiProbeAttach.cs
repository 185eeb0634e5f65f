using System.Runtime.InteropServices;
using System.Text;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>How a program is attached to many places at once.</summary>
public sealed record MultiProbeOptions
{
    /// <summary>At the returns instead of the entries. A session program runs at both, whatever this says.</summary>
    public bool IsReturn { get; init; }

    /// <summary>What <c>bpf_get_attach_cookie</c> gives at each place, in their order; null for nothing.</summary>
    public IReadOnlyList<ulong>? Cookies { get; init; }

    /// <summary>File offsets of the USDT semaphores, in the order of the places; null for none. Uprobes only.</summary>
    public IReadOnlyList<ulong>? SemaphoreOffsets { get; init; }

    /// <summary>The process; 0 for all. Uprobes only.</summary>
    public int Pid { get; init; }
}

/// <summary>One program on many functions, as one link: cheaper to attach, and to run, than a probe each.</summary>
public static unsafe class MultiProbeAttach
{
    private const uint ReturnFlag = 1;

    /// <summary>At the entries or returns of kernel functions (Linux 5.18, CONFIG_FPROBE).</summary>
    /// <param name="program">Of kind kprobe, section <c>kprobe.multi</c>, <c>kretprobe.multi</c> or <c>kprobe.session</c> (Linux 6.10).</param>
    /// <param name="functions">Their names, as <c>/proc/kallsyms</c> has them; each must be one that ftrace can trace.</param>
    /// <param name="options">How; null for entries.</param>
    /// <exception cref="BpfException">ESRCH: one of the names is no function that can be traced; EOPNOTSUPP: the kernel is built without fprobes.</exception>
    public static BpfLink AttachKprobeMulti(this Program program, IReadOnlyList<string> functions, MultiProbeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(functions);
        options ??= new MultiProbeOptions();
        CheckCounts(functions.Count, options);
        string description = $"{(options.IsReturn ? "kretprobe" : "kprobe")} on {Places(functions)}";
        byte[] text = Encoding.UTF8.GetBytes(string.Join('\0', functions) + '\0');
        nint[] symbols = new nint[functions.Count];
        ulong[]? cookies = options.Cookies?.ToArray();
        fixed (byte* names = text)
        fixed (nint* symbolPointer = symbols)
        fixed (ulong* cookiePointer = cookies)
        {
            byte* at = names;
            for (int i = 0; i < symbols.Length; i++, at += MemoryMarshal.CreateReadOnlySpanFromNullTerminated(at).Length + 1)
                symbols[i] = (nint)at;
            AttachType type = program.ExpectedAttachType ?? AttachType.TraceKprobeMulti;
            var attributes = new BpfAttributes
            {
                Link =
                {
                    Fd = (uint)program.Descriptor,
                    Type = (uint)type,
                    Kprobes = { Flags = Flags(options, type), Count = (uint)symbols.Length, Symbols = (byte**)symbolPointer, Cookies = cookiePointer },
                },
            };
            int result = BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, 48);
            return result switch
            {
                >= 0 => new BpfLink(new FileHandle(result), description),
                -(int)ErrorNumber.ESRCH => throw Failure.Of(BpfCommand.LinkCreate, result, $"{description}: not all of them are functions that can be traced (see available_filter_functions in tracefs)"),
                _ => throw Failure.Lacking(BpfCommand.LinkCreate, result, description, KernelFeatures.Of(type)),
            };
        }
    }

    /// <summary>At instructions of an executable or library (Linux 6.6).</summary>
    /// <param name="program">Of kind kprobe, section <c>uprobe.multi</c>, <c>uretprobe.multi</c> or <c>uprobe.session</c> (Linux 6.13).</param>
    /// <param name="path">The file.</param>
    /// <param name="fileOffsets">Where in the file.</param>
    /// <param name="options">How; null for entries, all processes.</param>
    /// <exception cref="BpfException">ENOENT: no such file; EINVAL: no instruction there that can be probed; ESRCH: no such process.</exception>
    public static BpfLink AttachUprobeMulti(this Program program, string path, IReadOnlyList<ulong> fileOffsets, MultiProbeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(fileOffsets);
        options ??= new MultiProbeOptions();
        CheckCounts(fileOffsets.Count, options);
        string description = $"{(options.IsReturn ? "uretprobe" : "uprobe")} on {fileOffsets.Count} places in {path}";
        ulong[] offsets = [.. fileOffsets];
        ulong[]? cookies = options.Cookies?.ToArray(), semaphores = options.SemaphoreOffsets?.ToArray();
        fixed (byte* name = Encoding.UTF8.GetBytes(Path.GetFullPath(path) + '\0'))
        fixed (ulong* offsetPointer = offsets, cookiePointer = cookies, semaphorePointer = semaphores)
        {
            AttachType type = program.ExpectedAttachType ?? AttachType.TraceUprobeMulti;
            var attributes = new BpfAttributes
            {
                Link =
                {
                    Fd = (uint)program.Descriptor,
                    Type = (uint)type,
                    Uprobes =
                    {
                        Path = name,
                        Offsets = offsetPointer,
                        Semaphores = semaphorePointer,
                        Cookies = cookiePointer,
                        Count = (uint)offsets.Length,
                        Flags = Flags(options, type),
                        Pid = (uint)options.Pid,
                    },
                },
            };
            int result = BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, 64);
            return result switch
            {
                >= 0 => new BpfLink(new FileHandle(result), description),
                -(int)ErrorNumber.ENOENT => throw Failure.Of(BpfCommand.LinkCreate, result, $"{description}: no such file"),
                -(int)ErrorNumber.ESRCH => throw Failure.Of(BpfCommand.LinkCreate, result, $"{description}: no process {options.Pid}"),
                _ => throw Failure.Lacking(BpfCommand.LinkCreate, result, description, KernelFeatures.Of(type)),
            };
        }
    }

    private static uint Flags(MultiProbeOptions options, AttachType type) =>
        options.IsReturn && type is not (AttachType.TraceKprobeSession or AttachType.TraceUprobeSession) ? ReturnFlag : 0;

    private static string Places(IReadOnlyList<string> functions) => functions.Count == 1 ? functions[0] : $"{functions.Count} functions ({functions[0]}, ...)";

    // The kernel reads as many of each as there are places.
    private static void CheckCounts(int places, MultiProbeOptions options)
    {
        if (places == 0)
            throw new ArgumentException("no place to attach to");
        if ((options.Cookies?.Count ?? places) != places || (options.SemaphoreOffsets?.Count ?? places) != places)
            throw new ArgumentException($"cookies and semaphores must be as many as the places, {places}", nameof(options));
    }
}
