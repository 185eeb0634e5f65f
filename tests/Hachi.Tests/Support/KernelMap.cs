using System.Runtime.InteropServices;
using Hachi.Object;
using static Hachi.Tests.Support.KernelCalls;

namespace Hachi.Tests.Support;

/// <summary>A map of the running kernel, as an oracle: the map commands of bpf(2), each giving 0 or -errno.</summary>
internal sealed unsafe class KernelMap : IDisposable
{
    private const int Create = 0, Lookup = 1, UpdateElement = 2, DeleteElement = 3, GetNextKey = 4, LookupAndDelete = 21, FreezeMap = 22;

    private KernelMap(int fd, MapSpec spec)
    {
        Fd = fd;
        Spec = spec;
    }

    [StructLayout(LayoutKind.Explicit, Size = 80)]
    private struct CreateAttributes
    {
        [FieldOffset(0)] public uint Type;
        [FieldOffset(4)] public uint KeySize;
        [FieldOffset(8)] public uint ValueSize;
        [FieldOffset(12)] public uint MaxEntries;
        [FieldOffset(16)] public uint Flags;
        [FieldOffset(20)] public uint InnerFd;
        [FieldOffset(64)] public ulong Extra;
    }

    [StructLayout(LayoutKind.Explicit, Size = 32)]
    private struct ElementAttributes
    {
        [FieldOffset(0)] public uint Fd;
        [FieldOffset(8)] public ulong Key;
        [FieldOffset(16)] public ulong Value;
        [FieldOffset(24)] public ulong Flags;
    }

    /// <summary>Processors that per-CPU maps keep values for.</summary>
    public static int Cpus { get; } = CountCpus();

    /// <summary>Its descriptor.</summary>
    public int Fd { get; }

    public MapSpec Spec { get; }

    /// <summary>Makes a map; null, with the error number (positive), when the kernel refuses. Skips the test where bpf(2) is not permitted.</summary>
    public static KernelMap? TryCreate(MapSpec spec, out int errno)
    {
        Tools.NeedRoot();
        errno = 0;
        KernelMap? inner = null;
        if (spec.Inner is not null && (inner = TryCreate(spec.Inner, out errno)) is null)
            return null;
        using (inner)
        {
            var attributes = new CreateAttributes
            {
                Type = (uint)spec.Type,
                KeySize = spec.KeySize,
                ValueSize = spec.ValueSize,
                MaxEntries = spec.MaxEntries,
                Flags = spec.Flags,
                InnerFd = (uint)(inner?.Fd ?? 0),
                Extra = spec.Extra,
            };
            int fd = (int)Bpf(SysBpf, Create, &attributes, sizeof(CreateAttributes));
            errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
            return fd < 0 ? null : new KernelMap(fd, spec);
        }
    }

    public int Get(byte[] key, byte[] value) => Do(Lookup, key, value, 0);

    public int Update(byte[] key, byte[] value, ulong flags) => Do(UpdateElement, key, value, flags);

    public int Delete(byte[] key) => Do(DeleteElement, key, [], 0);

    public int NextKey(byte[] key, byte[] next) => Do(GetNextKey, key, next, 0);

    public int Take(byte[] key, byte[] value) => Do(LookupAndDelete, key, value, 0);

    public int Freeze() => Do(FreezeMap, [], [], 0);

    /// <inheritdoc/>
    public void Dispose() => Close(Fd);

    private int Do(int command, byte[] key, byte[] value, ulong flags)
    {
        fixed (byte* k = key, v = value)
        {
            var attributes = new ElementAttributes { Fd = (uint)Fd, Key = (ulong)k, Value = (ulong)v, Flags = flags };
            return (int)Bpf(SysBpf, command, &attributes, sizeof(ElementAttributes)) < 0 ? -Marshal.GetLastPInvokeError() : 0;
        }
    }

    private static int CountCpus()
    {
        string possible = File.ReadAllText("/sys/devices/system/cpu/possible").Trim();
        return int.Parse(possible[(possible.LastIndexOfAny(['-', ',']) + 1)..], System.Globalization.CultureInfo.InvariantCulture) + 1;
    }
}
