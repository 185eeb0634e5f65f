using System.Runtime.InteropServices;

namespace Hachi.Linux.Sys;

/// <summary><c>union bpf_attr</c> (linux/bpf.h): what bpf(2) is told, a structure a command. Zeroed; only what a command needs is set.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
internal struct BpfAttributes
{
    public const int SizeBytes = 168;

    [FieldOffset(0)] public MapCreate Map;
    [FieldOffset(0)] public MapElement Element;
    [FieldOffset(0)] public MapBatch Batch;
    [FieldOffset(0)] public ProgramLoad Load;
    [FieldOffset(0)] public ObjectPin Pin;
    [FieldOffset(0)] public ProgramAttach Attach;
    [FieldOffset(0)] public TestRun Test;
    [FieldOffset(0)] public NextId Next;
    [FieldOffset(0)] public ObjectInfo Info;
    [FieldOffset(0)] public ProgramQuery Query;
    [FieldOffset(0)] public RawTracepoint RawTracepoint;
    [FieldOffset(0)] public BtfLoad Btf;
    [FieldOffset(0)] public TaskQuery Task;
    [FieldOffset(0)] public LinkCreate Link;
    [FieldOffset(0)] public LinkUpdate Update;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MapCreate
{
    public uint Type, KeySize, ValueSize, MaxEntries, Flags, InnerFd, NumaNode;
    public fixed byte Name[16];
    public uint IfIndex, BtfFd, BtfKeyType, BtfValueType, VmlinuxValueType;
    public ulong Extra;
    public int ValueTypeBtfFd, TokenFd;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MapElement
{
    public uint MapFd;
    public byte* Key;
    public byte* ValueOrNextKey;
    public ulong Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MapBatch
{
    public byte* In;
    public byte* Out;
    public byte* Keys;
    public byte* Values;
    public uint Count, MapFd;
    public ulong ElementFlags, Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ProgramLoad
{
    public uint Type, InsnCount;
    public byte* Insns;
    public byte* License;
    public uint LogLevel, LogSize;
    public byte* LogBuffer;
    public uint KernelVersion, Flags;
    public fixed byte Name[16];
    public uint IfIndex, ExpectedAttachType, BtfFd, FuncInfoRecordSize;
    public byte* FuncInfo;
    public uint FuncInfoCount, LineInfoRecordSize;
    public byte* LineInfo;
    public uint LineInfoCount, AttachBtfId, AttachFd, CoreRelocationCount;
    public int* FdArray;
    public byte* CoreRelocations;
    public uint CoreRelocationRecordSize, LogTrueSize;
    public int TokenFd;
    public uint FdArrayCount;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ObjectPin
{
    public byte* Path;
    public uint Fd, FileFlags;
    public int PathFd;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ProgramAttach
{
    public uint Target, Fd, Type, Flags, ReplaceFd, RelativeFd;
    public ulong ExpectedRevision;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TestRun
{
    public uint Fd, ReturnValue, DataSizeIn, DataSizeOut;
    public byte* DataIn;
    public byte* DataOut;
    public uint Repeat, Duration, ContextSizeIn, ContextSizeOut;
    public byte* ContextIn;
    public byte* ContextOut;
    public uint Flags, Cpu, BatchSize;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NextId
{
    public uint Id, Next, OpenFlags;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ObjectInfo
{
    public uint Fd, Length;
    public byte* Info;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ProgramQuery
{
    public uint Target, Type, QueryFlags, AttachFlags;
    public uint* ProgramIds;
    public uint Count, Padding;
    public uint* ProgramFlags;
    public uint* LinkIds;
    public uint* LinkFlags;
    public ulong Revision;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RawTracepoint
{
    public byte* Name;
    public uint Fd;
    public ulong Cookie;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BtfLoad
{
    public byte* Btf;
    public byte* LogBuffer;
    public uint Size, LogSize, LogLevel, LogTrueSize;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TaskQuery
{
    public uint Pid, Fd, Flags, BufferLength;
    public byte* Buffer;
    public uint ProgramId, Kind;
    public ulong ProbeOffset, ProbeAddress;
}

[StructLayout(LayoutKind.Explicit, Size = 64)]
internal unsafe struct LinkCreate
{
    [FieldOffset(0)] public uint Fd;
    [FieldOffset(4)] public uint Target;
    [FieldOffset(8)] public uint Type;
    [FieldOffset(12)] public uint Flags;

    // What follows depends on the kind of place.
    [FieldOffset(16)] public uint TargetBtfId;
    [FieldOffset(24)] public ulong TracingCookie;
    [FieldOffset(16)] public byte* IteratorInfo;
    [FieldOffset(24)] public uint IteratorInfoLength;
    [FieldOffset(16)] public ulong PerfCookie;
    [FieldOffset(16)] public MultiKprobe Kprobes;
    [FieldOffset(16)] public MultiUprobe Uprobes;
    [FieldOffset(16)] public NetfilterPlace Netfilter;
    [FieldOffset(16)] public uint RelativeFd;
    [FieldOffset(24)] public ulong ExpectedRevision;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MultiKprobe
{
    public uint Flags, Count;
    public byte** Symbols;
    public ulong* Addresses;
    public ulong* Cookies;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MultiUprobe
{
    public byte* Path;
    public ulong* Offsets;
    public ulong* Semaphores;
    public ulong* Cookies;
    public uint Count, Flags, Pid;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NetfilterPlace
{
    public uint Family, Hook;
    public int Priority;
    public uint Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LinkUpdate
{
    public uint LinkFd, NewFd, Flags, OldFd;
}
