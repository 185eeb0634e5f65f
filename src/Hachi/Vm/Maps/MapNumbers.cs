using Hachi.Uapi;

namespace Hachi.Vm.Maps;

/// <summary>The error numbers that maps and helpers give, as numbers.</summary>
internal static class KernelError
{
    public const int Perm = (int)ErrorNumber.EPERM, Noent = (int)ErrorNumber.ENOENT, TooBig = (int)ErrorNumber.E2BIG, Badf = (int)ErrorNumber.EBADF, Again = (int)ErrorNumber.EAGAIN,
        Nomem = (int)ErrorNumber.ENOMEM, Fault = (int)ErrorNumber.EFAULT, Busy = (int)ErrorNumber.EBUSY, Exist = (int)ErrorNumber.EEXIST, Inval = (int)ErrorNumber.EINVAL,
        Nospc = (int)ErrorNumber.ENOSPC, Range = (int)ErrorNumber.ERANGE, Acces = (int)ErrorNumber.EACCES, Opnotsupp = (int)ErrorNumber.EOPNOTSUPP, Notsupp = (int)ErrorNumber.ENOTSUPP;
}

/// <summary>Flags of map creation, as numbers.</summary>
internal static class MapCreate
{
    public const uint NoPrealloc = (uint)MapFlags.NoPrealloc, NoCommonLru = (uint)MapFlags.NoCommonLru, NumaNode = (uint)MapFlags.NumaNode, ReadOnly = (uint)MapFlags.Rdonly,
        WriteOnly = (uint)MapFlags.Wronly, StackBuildId = (uint)MapFlags.StackBuildId, ZeroSeed = (uint)MapFlags.ZeroSeed, ReadOnlyProgram = (uint)MapFlags.RdonlyProg,
        WriteOnlyProgram = (uint)MapFlags.WronlyProg, Mmapable = (uint)MapFlags.Mmapable, PreserveElements = (uint)MapFlags.PreserveElems, InnerMap = (uint)MapFlags.InnerMap;

    /// <summary>Those that say who may read and write.</summary>
    public const uint AccessMask = ReadOnly | WriteOnly | ReadOnlyProgram | WriteOnlyProgram;
}

/// <summary>Flags of element operations, as numbers.</summary>
internal static class MapUpdate
{
    public const ulong Any = (ulong)UpdateFlags.Any, NoExist = (ulong)UpdateFlags.Noexist, Exist = (ulong)UpdateFlags.Exist, Lock = (ulong)UpdateFlags.FLock;
}
