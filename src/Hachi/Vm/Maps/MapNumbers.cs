namespace Hachi.Vm.Maps;

/// <summary>Error numbers that maps and helpers give (asm-generic/errno.h); <see cref="Notsupp"/> is the kernel's own and reaches user space as it is.</summary>
internal static class Errno
{
    public const int Perm = 1, Noent = 2, Srch = 3, Badf = 9, Again = 11, Nomem = 12, Acces = 13, Fault = 14, Busy = 16, Exist = 17, Nodev = 19, Inval = 22, Nospc = 28, Range = 34,
        TooBig = 7, Domain = 33, Msgsize = 90, Protonosupport = 93, Opnotsupp = 95, Notsupp = 524;
}

/// <summary>Flags of map creation (linux/bpf.h).</summary>
internal static class MapCreate
{
    public const uint NoPrealloc = 1, NoCommonLru = 2, NumaNode = 4, ReadOnly = 8, WriteOnly = 0x10, StackBuildId = 0x20, ZeroSeed = 0x40, ReadOnlyProgram = 0x80, WriteOnlyProgram = 0x100,
        Mmapable = 0x400, PreserveElements = 0x800, InnerMap = 0x1000;

    /// <summary>Those that say who may read and write.</summary>
    public const uint AccessMask = ReadOnly | WriteOnly | ReadOnlyProgram | WriteOnlyProgram;
}

/// <summary>Flags of element operations (linux/bpf.h).</summary>
internal static class MapUpdate
{
    public const ulong Any = 0, NoExist = 1, Exist = 2, Lock = 4;
}
