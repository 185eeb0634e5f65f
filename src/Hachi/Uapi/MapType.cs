namespace Hachi.Uapi;

/// <summary>Kinds of maps (linux/bpf.h, <c>enum bpf_map_type</c>).</summary>
public enum MapType
{
#pragma warning disable CS1591 // the names are the kernel's
    Unspec, Hash, Array, ProgArray, PerfEventArray, PercpuHash, PercpuArray, StackTrace, CgroupArray, LruHash, LruPercpuHash, LpmTrie, ArrayOfMaps, HashOfMaps, Devmap, Sockmap, Cpumap,
    Xskmap, Sockhash, CgroupStorage, ReuseportSockarray, PercpuCgroupStorage, Queue, Stack, SkStorage, DevmapHash, StructOps, Ringbuf, InodeStorage, TaskStorage, BloomFilter, UserRingbuf,
    CgrpStorage, Arena,
#pragma warning restore CS1591
}

/// <summary>Kinds of programs (linux/bpf.h, <c>enum bpf_prog_type</c>).</summary>
public enum ProgramType
{
#pragma warning disable CS1591
    Unspec, SocketFilter, Kprobe, SchedCls, SchedAct, Tracepoint, Xdp, PerfEvent, CgroupSkb, CgroupSock, LwtIn, LwtOut, LwtXmit, SockOps, SkSkb, CgroupDevice, SkMsg, RawTracepoint,
    CgroupSockAddr, LwtSeg6local, LircMode2, SkReuseport, FlowDissector, CgroupSysctl, RawTracepointWritable, CgroupSockopt, Tracing, StructOps, Ext, Lsm, SkLookup, Syscall, Netfilter,
#pragma warning restore CS1591
}
