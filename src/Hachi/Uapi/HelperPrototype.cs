using System.Collections.Immutable;

namespace Hachi.Uapi;

/// <summary>What an argument of a helper must be (linux/bpf.h, <c>enum bpf_arg_type</c>).</summary>
public enum ArgumentKind : byte
{
#pragma warning disable CS1591 // the names are the kernel's
    Dontcare, MapPointer, MapKey, MapValue, Mem, Arena, Size, SizeOrZero, Ctx, Any, SpinLock, SockCommon, Socket, BtfId, RingbufMem, AllocSizeOrZero, BtfIdSockCommon, PercpuBtfId,
    Func, Stack, ConstStr, Timer, Kptr, Dynptr,
#pragma warning restore CS1591
}

/// <summary>What a helper returns (linux/bpf.h, <c>enum bpf_return_type</c>).</summary>
public enum ReturnKind : byte
{
#pragma warning disable CS1591
    Integer, Void, MapValue, Socket, TcpSock, SockCommon, Mem, MemOrBtfId, BtfId,
#pragma warning restore CS1591
}

/// <summary>Refinements of an argument or result (the kernel's <c>enum bpf_type_flag</c>).</summary>
[Flags]
public enum ArgumentFlags : ushort
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>It may be null.</summary>
    MaybeNull = 1 << 0,

    /// <summary>The helper only reads the memory.</summary>
    ReadOnly = 1 << 1,

    /// <summary>The memory need not be initialised.</summary>
    Uninit = 1 << 2,

    /// <summary>The helper writes the memory.</summary>
    Write = 1 << 3,

    /// <summary>The memory must be aligned to its size.</summary>
    Aligned = 1 << 4,

    /// <summary>The helper takes back what was acquired.</summary>
    Release = 1 << 5,

    /// <summary>A piece of a ring buffer.</summary>
    Ringbuf = 1 << 6,

    /// <summary>A dynamic pointer to local memory.</summary>
    Local = 1 << 7,

    /// <summary>A pointer that the kernel vouches for.</summary>
    Trusted = 1 << 8,

    /// <summary>Memory that lives as long as an RCU section.</summary>
    Rcu = 1 << 9,

    /// <summary>An object that the program allocated.</summary>
    Alloc = 1 << 10,

    /// <summary>A copy for each processor.</summary>
    Percpu = 1 << 11,
}

/// <summary>Who may call a helper, and with what.</summary>
[Flags]
public enum HelperRules : byte
{
    /// <summary>Everybody.</summary>
    None = 0,

    /// <summary>Only programs under a licence that is compatible with the GPL.</summary>
    GplOnly = 1,

    /// <summary>Only programs that may sleep.</summary>
    MaySleep = 2,

    /// <summary>Its memory arguments may lie in the packet.</summary>
    PacketAccess = 4,
}

/// <summary>One argument of a helper.</summary>
/// <param name="Kind">What it must be.</param>
/// <param name="Flags">Refinements.</param>
/// <param name="SizeBytes">Bytes of memory of a fixed size; otherwise 0, and the next argument says how many.</param>
public readonly record struct HelperArgument(ArgumentKind Kind, ArgumentFlags Flags = ArgumentFlags.None, int SizeBytes = 0);

/// <summary>A helper function: what it is called, takes and returns (Linux, <c>struct bpf_func_proto</c>).</summary>
/// <param name="Id">The number that a call instruction has.</param>
/// <param name="Name">The kernel's name, such as <c>bpf_map_lookup_elem</c>.</param>
/// <param name="Returns">What r0 holds afterwards.</param>
/// <param name="ReturnFlags">Refinements of it.</param>
/// <param name="Rules">Who may call it.</param>
/// <param name="Arguments">r1 and on.</param>
public sealed record HelperPrototype(Helper Id, string Name, ReturnKind Returns, ArgumentFlags ReturnFlags, HelperRules Rules, ImmutableArray<HelperArgument> Arguments);
