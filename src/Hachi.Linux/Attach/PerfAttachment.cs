using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>Programs on perf events: probes, tracepoints, samples. As a link where the kernel has that (Linux 5.15), else on the event's descriptor.</summary>
internal static class PerfAttachment
{
    /// <summary>Opens an event and attaches a program to it.</summary>
    /// <param name="program">The program.</param>
    /// <param name="attributes">The event.</param>
    /// <param name="pid">The process, or -1. The kernel runs programs on tracepoints and kprobes for others as well: such programs look themselves.</param>
    /// <param name="cpu">The processor, or -1.</param>
    /// <param name="cookie">What the program gets of <c>bpf_get_attach_cookie</c>; 0 for nothing.</param>
    /// <param name="description">Where, in words.</param>
    /// <param name="reason">What an error number would mean here; null for nothing known.</param>
    public static Link Attach(Program program, ref PerfEvent.Attributes attributes, int pid, int cpu, ulong cookie, string description, Func<ErrorNumber, string?> reason)
    {
        FileHandle perf = Open(ref attributes, pid, cpu, description, reason);
        try
        {
            return Attach(program, perf, cookie, description);
        }
        catch
        {
            perf.Dispose();
            throw;
        }
    }

    /// <summary>Opens an event, which begins to count: a program may be attached later.</summary>
    public static FileHandle Open(ref PerfEvent.Attributes attributes, int pid, int cpu, string description, Func<ErrorNumber, string?> reason)
    {
        int descriptor = PerfEvent.Open(ref attributes, pid, cpu);
        return descriptor >= 0 ? new FileHandle(descriptor)
            : throw new BpfException("perf_event_open", -descriptor, $"{description}: {reason((ErrorNumber)(-descriptor)) ?? Likely((ErrorNumber)(-descriptor))}");
    }

    /// <summary>Attaches a program to an event that is open; the link owns it then.</summary>
    public static Link Attach(Program program, FileHandle perf, ulong cookie, string description)
    {
        var link = new BpfAttributes { Link = { Fd = (uint)program.Descriptor, Target = (uint)perf.Descriptor, Type = (uint)AttachType.PerfEvent, PerfCookie = cookie } };
        int result = BpfSystem.Call(BpfCommand.LinkCreate, ref link, 24);
        if (result >= 0)
        {
            // The link holds the event: one descriptor is enough.
            int enabled = PerfEvent.Enable(perf);
            var made = new BpfLink(new FileHandle(result), description, perf);
            if (enabled >= 0)
                return made;
            made.Dispose();
            throw new BpfException("ioctl(PERF_EVENT_IOC_ENABLE)", -enabled, description);
        }
        if (result != -(int)ErrorNumber.EINVAL || cookie != 0)
            throw Failure.Of(BpfCommand.LinkCreate, result, description);
        result = PerfEvent.SetProgram(perf, program.Descriptor);
        if (result < 0)
            throw new BpfException("ioctl(PERF_EVENT_IOC_SET_BPF)", -result, (ErrorNumber)(-result) == ErrorNumber.EINVAL ? $"{description}: a {program.Type.Name()} program does not go there" : description);
        result = PerfEvent.Enable(perf);
        if (result < 0)
            throw new BpfException("ioctl(PERF_EVENT_IOC_ENABLE)", -result, description);
        return new PerfEventLink(perf, description);
    }

    /// <summary>Several links as one, all or none.</summary>
    public static Link All(IReadOnlyCollection<int> places, string description, Func<int, Link> attach)
    {
        var links = new List<Link>(places.Count);
        try
        {
            foreach (int place in places)
                links.Add(attach(place));
            return links.Count == 1 ? links[0] : new LinkGroup(links, description);
        }
        catch
        {
            foreach (Link link in links)
                link.Dispose();
            throw;
        }
    }

    private static string Likely(ErrorNumber errno) => errno switch
    {
        ErrorNumber.EPERM or ErrorNumber.EACCES => "needs CAP_PERFMON (or a lower kernel.perf_event_paranoid), or root",
        ErrorNumber.ENOENT => "this machine has no such event",
        ErrorNumber.EMFILE or ErrorNumber.ENFILE => "too many open files: raise RLIMIT_NOFILE (ulimit -n)",
        ErrorNumber.ESRCH => "no such process",
        ErrorNumber.ENOSPC => "all of the processor's registers for this are in use",
        _ => "the kernel does not take it",
    };
}

/// <summary>A program on a perf event's descriptor, for kernels before links.</summary>
internal sealed class PerfEventLink : Link
{
    private readonly FileHandle _perf;

    public PerfEventLink(FileHandle perf, string description)
        : base(description) => _perf = perf;

    private protected override void Detach()
    {
        _ = PerfEvent.Disable(_perf);
        _perf.Dispose();
    }
}

/// <summary>Several links that come and go together.</summary>
public sealed class LinkGroup : Link
{
    internal LinkGroup(IReadOnlyList<Link> links, string description)
        : base(description) => Links = links;

    /// <summary>The links.</summary>
    public IReadOnlyList<Link> Links { get; }

    /// <inheritdoc/>
    public override bool NeedsRightsToDetach => Links.Any(link => link.NeedsRightsToDetach);

    private protected override void Detach()
    {
        foreach (Link link in Links)
            link.Dispose();
    }
}
