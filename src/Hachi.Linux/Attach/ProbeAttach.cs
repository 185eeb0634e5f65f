using System.Globalization;
using System.Text;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>How a probe is attached.</summary>
public sealed record ProbeOptions
{
    /// <summary>At the return of the function instead of its entry.</summary>
    public bool IsReturn { get; init; }

    /// <summary>Bytes behind the function's start; 0 with <see cref="IsReturn"/>.</summary>
    public ulong Offset { get; init; }

    /// <summary>The process; -1 for all. Only uprobes keep to it: other programs look for themselves (<c>bpf_get_current_pid_tgid</c>).</summary>
    public int Pid { get; init; } = -1;

    /// <summary>What <c>bpf_get_attach_cookie</c> gives to the program (Linux 5.15); 0 for nothing.</summary>
    public ulong Cookie { get; init; }

    /// <summary>File offset of the counter that says whether somebody looks (USDT semaphores); 0 for none. Uprobes only.</summary>
    public uint SemaphoreOffset { get; init; }
}

/// <summary>Programs on functions and events: tracepoints, kprobes, uprobes, raw tracepoints, samples.</summary>
public static unsafe class ProbeAttach
{
    /// <summary>On a tracepoint of the kernel, by name. The program gets its record (<c>events/CATEGORY/NAME/format</c>).</summary>
    /// <param name="program">Of kind tracepoint.</param>
    /// <param name="category">Its group, <c>sched</c>.</param>
    /// <param name="name">Its name, <c>sched_switch</c>.</param>
    /// <param name="cookie">What <c>bpf_get_attach_cookie</c> gives.</param>
    /// <exception cref="BpfException">ENOENT: no such tracepoint, or no tracefs; EACCES: not permitted.</exception>
    public static Link AttachTracepoint(this Program program, string category, string name, ulong cookie = 0)
    {
        ArgumentNullException.ThrowIfNull(program);
        string description = $"tracepoint {category}:{name}";
        var attributes = new PerfEvent.Attributes { Type = PerfEvent.TypeTracepoint, Config = TraceFs.EventId(category, name), SamplePeriodOrFrequency = 1, WakeupEvents = 1, SampleType = PerfEvent.SampleRaw };
        return PerfAttachment.Attach(program, ref attributes, PerfEvent.AnyProcess, 0, cookie, description, _ => null);
    }

    /// <summary>At the entry or return of a kernel function.</summary>
    /// <param name="program">Of kind kprobe.</param>
    /// <param name="function">Its name, as <c>/proc/kallsyms</c> has it.</param>
    /// <param name="options">Where in it; null for its entry.</param>
    /// <exception cref="BpfException">ENOENT: no such function, or the kernel is built without kprobes; EINVAL: it must not be probed there.</exception>
    public static Link AttachKprobe(this Program program, string function, ProbeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentException.ThrowIfNullOrEmpty(function);
        options ??= new ProbeOptions();
        string description = $"{(options.IsReturn ? "kretprobe" : "kprobe")} {function}{(options.Offset == 0 ? "" : $"+0x{options.Offset:x}")}";
        uint type = ProbeType("kprobe", description, out int returnBit);
        fixed (byte* name = Encoding.UTF8.GetBytes(function + '\0'))
        {
            var attributes = new PerfEvent.Attributes { Type = type, Config = options.IsReturn ? 1UL << returnBit : 0, Config1 = (ulong)name, Config2 = options.Offset };
            return PerfAttachment.Attach(program, ref attributes, PerfEvent.AnyProcess, 0, options.Cookie, description, errno => errno switch
            {
                ErrorNumber.ENOENT => $"the kernel has no function '{function}' (it may be inlined; see /proc/kallsyms)",
                ErrorNumber.EINVAL or ErrorNumber.EILSEQ => "the kernel does not let this place be probed (see /sys/kernel/debug/kprobes/blacklist); an offset must be the start of an instruction",
                ErrorNumber.EADDRNOTAVAIL => "several functions have this name; give the module or the address",
                _ => null,
            });
        }
    }

    /// <summary>At an instruction of an executable or library.</summary>
    /// <param name="program">Of kind kprobe.</param>
    /// <param name="path">The file.</param>
    /// <param name="fileOffset">Where in the file; <see cref="UprobeTarget"/> finds it by name.</param>
    /// <param name="options">How; null for entry, all processes.</param>
    /// <exception cref="BpfException">ENOENT: no such file; EINVAL: no instruction there that can be probed; ESRCH: no such process.</exception>
    public static Link AttachUprobe(this Program program, string path, ulong fileOffset, ProbeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ProbeOptions();
        string description = $"{(options.IsReturn ? "uretprobe" : "uprobe")} {path}+0x{fileOffset + options.Offset:x}";
        uint type = ProbeType("uprobe", description, out int returnBit);
        fixed (byte* name = Encoding.UTF8.GetBytes(Path.GetFullPath(path) + '\0'))
        {
            var attributes = new PerfEvent.Attributes
            {
                Type = type,
                Config = (options.IsReturn ? 1UL << returnBit : 0) | (ulong)options.SemaphoreOffset << 32,
                Config1 = (ulong)name,
                Config2 = fileOffset + options.Offset,
            };
            return PerfAttachment.Attach(program, ref attributes, options.Pid, options.Pid < 0 ? 0 : PerfEvent.AnyProcessor, options.Cookie, description, errno => errno switch
            {
                ErrorNumber.ENOENT => $"no file {path}",
                ErrorNumber.EINVAL or ErrorNumber.EIO or ErrorNumber.EOPNOTSUPP => "no instruction begins at this offset, or not one that can be probed",
                ErrorNumber.ESRCH => $"no process {options.Pid}",
                _ => null,
            });
        }
    }

    /// <summary>At a place that was found by name.</summary>
    /// <inheritdoc cref="AttachUprobe(Program, string, ulong, ProbeOptions?)"/>
    public static Link AttachUprobe(this Program program, UprobeTarget target, ProbeOptions? options = null) =>
        program.AttachUprobe(target.Path, target.FileOffset, (options ?? new ProbeOptions()) with { SemaphoreOffset = (uint)target.SemaphoreOffset });

    /// <summary>On a raw tracepoint: the arguments as the kernel passes them, nothing copied, cheaper than a tracepoint.</summary>
    /// <param name="program">Of kind raw tracepoint, or tracing for BTF-typed arguments (then the name is in the program already).</param>
    /// <param name="name">Its name, <c>sched_switch</c>; null for a program with typed arguments.</param>
    /// <param name="cookie">What <c>bpf_get_attach_cookie</c> gives (Linux 6.10).</param>
    /// <exception cref="BpfException">ENOENT: no such tracepoint.</exception>
    public static Link AttachRawTracepoint(this Program program, string? name, ulong cookie = 0)
    {
        ArgumentNullException.ThrowIfNull(program);
        string description = $"raw tracepoint {name ?? program.Section}";
        fixed (byte* pointer = name is null ? null : Encoding.UTF8.GetBytes(name + '\0'))
        {
            var attributes = new BpfAttributes { RawTracepoint = { Name = pointer, Fd = (uint)program.Descriptor, Cookie = cookie } };
            int result = BpfSystem.Call(BpfCommand.RawTracepointOpen, ref attributes, cookie == 0 ? 12 : 24);
            return result < 0
                ? throw Failure.Of(BpfCommand.RawTracepointOpen, result, -result == (int)ErrorNumber.ENOENT ? $"{description}: the kernel has no such tracepoint" : description)
                : new BpfLink(new FileHandle(result), description);
        }
    }

    /// <summary>On samples of a clock, an event counter or a software event, on every processor that runs.</summary>
    /// <param name="program">Of kind perf_event.</param>
    /// <param name="perfEvent">Which event and how often.</param>
    /// <param name="pid">The process; -1 for all.</param>
    /// <param name="cookie">What <c>bpf_get_attach_cookie</c> gives.</param>
    public static Link AttachPerfEvent(this Program program, PerfEventSpec perfEvent, int pid = -1, ulong cookie = 0)
    {
        ArgumentNullException.ThrowIfNull(program);
        string description = perfEvent.ToString();
        IReadOnlyCollection<int> processors = perfEvent.Processor is { } only ? [only] : pid >= 0 ? [PerfEvent.AnyProcessor] : (IReadOnlyCollection<int>)Processors.Online;
        return PerfAttachment.All(processors, description, cpu =>
        {
            PerfEvent.Attributes attributes = perfEvent.ToAttributes();
            return PerfAttachment.Attach(program, ref attributes, pid, cpu, cookie, description, _ => null);
        });
    }

    private static uint ProbeType(string kind, string description, out int returnBit)
    {
        string root = $"/sys/bus/event_source/devices/{kind}";
        returnBit = 0;
        try
        {
            // "config:0"
            string format = File.ReadAllText(Path.Combine(root, "format", "retprobe")).Trim();
            returnBit = int.Parse(format[(format.IndexOf(':') + 1)..], CultureInfo.InvariantCulture);
            return uint.Parse(File.ReadAllText(Path.Combine(root, "type")).Trim(), CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new BpfException("perf_event_open", (int)ErrorNumber.ENOENT, $"{description}: this kernel is built without {kind}s ({root} is not there)");
        }
    }
}
