using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>Programs that are verified for one place: fentry, fexit, fmod_ret, typed tracepoints, LSM hooks, iterators. Their section names the place.</summary>
public static unsafe class TracingAttach
{
    /// <summary>Attaches a program to the function, tracepoint or hook that it was loaded for.</summary>
    /// <param name="program">Of kind tracing (fentry, fexit, fmod_ret, tp_btf), LSM or ext.</param>
    /// <param name="cookie">What <c>bpf_get_attach_cookie</c> gives (Linux 6.0; not for typed tracepoints before 6.10); 0 for nothing.</param>
    /// <exception cref="BpfException">EBUSY: another program has changed the function's return already; EINVAL: the kernel cannot attach there.</exception>
    public static BpfLink AttachTracing(this Program program, ulong cookie = 0)
    {
        ArgumentNullException.ThrowIfNull(program);
        string description = program.Section.Length > 0 ? program.Section : $"tracing program {program.Name}";
        BpfAttributes attributes;
        int result;
        if (cookie == 0)
        {
            // The oldest way, which every kernel with such programs has.
            attributes = new BpfAttributes { RawTracepoint = { Fd = (uint)program.Descriptor } };
            result = BpfSystem.Call(BpfCommand.RawTracepointOpen, ref attributes, 12);
            return result < 0 ? throw Failure.Lacking(BpfCommand.RawTracepointOpen, result, description, Needed(program)) : new BpfLink(new FileHandle(result), description);
        }
        attributes = new BpfAttributes { Link = { Fd = (uint)program.Descriptor, Type = (uint)(program.ExpectedAttachType ?? 0), TracingCookie = cookie } };
        result = BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, 32);
        return result < 0
            ? throw Failure.Lacking(BpfCommand.LinkCreate, result, description, Needed(program), KernelFeatures.Find("other tracing_cookie"))
            : new BpfLink(new FileHandle(result), description);
    }

    /// <summary>Makes an iterator of a program; <see cref="OpenIterator"/> runs it.</summary>
    /// <param name="program">Of kind tracing, loaded for an iterator (<c>iter/task</c>, <c>iter/bpf_map_elem</c>).</param>
    /// <param name="over">What it goes over, for the iterators that can be told; null for everything.</param>
    /// <exception cref="BpfException">EINVAL: this iterator needs to be told, or cannot be told that.</exception>
    public static BpfLink AttachIterator(this Program program, IteratorTarget? over = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        string description = program.Section.Length > 0 ? program.Section : $"iterator {program.Name}";
        // union bpf_iter_link_info: 16 bytes
        ulong* info = stackalloc ulong[2];
        over?.WriteTo(info);
        var attributes = new BpfAttributes { Link = { Fd = (uint)program.Descriptor, Type = (uint)AttachType.TraceIter } };
        if (over is not null)
        {
            attributes.Link.IteratorInfo = (byte*)info;
            attributes.Link.IteratorInfoLength = 16;
        }
        int result = BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, 32);
        return result < 0 ? throw Failure.Lacking(BpfCommand.LinkCreate, result, description, Needed(program)) : new BpfLink(new FileHandle(result), description);
    }

    /// <summary>Runs an iterator once: what its program writes (<c>bpf_seq_write</c>) is read here, to the end of the stream.</summary>
    /// <param name="link">Of <see cref="AttachIterator"/>.</param>
    public static Stream OpenIterator(this BpfLink link)
    {
        ArgumentNullException.ThrowIfNull(link);
        var attributes = new BpfAttributes { Next = { Id = (uint)link.Descriptor } };
        int result = BpfSystem.Call(BpfCommand.IterCreate, ref attributes, 8);
        return result < 0
            ? throw Failure.Of(BpfCommand.IterCreate, result, link.Description)
            : new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(result, ownsHandle: true), FileAccess.Read);
    }

    private static KernelFeature? Needed(Program program) => program.ExpectedAttachType is { } place ? KernelFeatures.Of(place) : KernelFeatures.Of(program.Type);
}

/// <summary>What an iterator goes over, where it can be told (<c>union bpf_iter_link_info</c>).</summary>
public sealed record IteratorTarget
{
    private readonly ulong _first, _second;

    private IteratorTarget(ulong first, ulong second = 0) => (_first, _second) = (first, second);

    /// <summary>The elements of a map, for <c>iter/bpf_map_elem</c> and <c>iter/bpf_sk_storage_map</c>.</summary>
    public static IteratorTarget Elements(Map map)
    {
        ArgumentNullException.ThrowIfNull(map);
        return new IteratorTarget((uint)map.Descriptor);
    }

    /// <summary>One task, for <c>iter/task</c> and its kin (Linux 6.1).</summary>
    /// <param name="tid">The thread's number.</param>
    public static IteratorTarget Task(int tid) => new((uint)tid);

    /// <summary>The tasks of one process (Linux 6.1).</summary>
    /// <param name="pid">The process's number.</param>
    public static IteratorTarget Process(int pid) => new((ulong)(uint)pid << 32);

    /// <summary>Cgroups, for <c>iter/cgroup</c> (Linux 6.1).</summary>
    /// <param name="order">1: only this one; 2: this and what is below it, it first; 3: it last; 4: this and what is above.</param>
    /// <param name="descriptor">The open directory; 0 for the root.</param>
    public static IteratorTarget Cgroups(int order, int descriptor) => new((uint)order | (ulong)(uint)descriptor << 32);

    internal unsafe void WriteTo(ulong* info) => (info[0], info[1]) = (_first, _second);
}
