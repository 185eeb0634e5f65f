using System.Runtime.InteropServices;
using Hachi.Btf;
using Hachi.Linux.Kernel;
using Hachi.Linux.Sys;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

/// <summary>
/// A map in the kernel. Keys and values are bytes here; the Events room gives them types. Safe for use by several threads, as the
/// kernel makes each operation whole; disposing it closes the descriptor, and the map lives on while programs, pins or other descriptors hold it.
/// </summary>
public sealed unsafe partial class Map : KernelResource
{
    private Map(FileHandle handle, MapInfo info)
        : base(handle)
    {
        Id = info.Id;
        Name = GetName(info.Name);
        Type = (MapType)info.Type;
        KeySize = (int)info.KeySize;
        ValueSize = (int)info.ValueSize;
        MaxEntries = info.MaxEntries;
        Flags = (MapFlags)info.Flags;
        BtfId = info.BtfId;
        (KeyType, ValueType) = (info.BtfKeyType, info.BtfValueType);
    }

    /// <summary>Its number in the kernel, as <c>bpftool map show id</c> takes it.</summary>
    public uint Id { get; }

    /// <summary>Its name, at most 15 bytes.</summary>
    public string Name { get; }

    /// <summary>Its kind.</summary>
    public MapType Type { get; }

    /// <summary>Bytes of a key; 0 where the kind has none.</summary>
    public int KeySize { get; }

    /// <summary>Bytes of a value, of one processor for a per-CPU map; 0 where the kind has none.</summary>
    public int ValueSize { get; }

    /// <summary>Entries, or bytes of a ring buffer.</summary>
    public uint MaxEntries { get; }

    /// <summary>Its flags.</summary>
    public MapFlags Flags { get; }

    /// <summary>The number of the types that it was made with; 0 for none.</summary>
    public uint BtfId { get; }

    /// <summary>Type of a key there; 0 for none.</summary>
    public uint KeyType { get; }

    /// <summary>Type of a value there; 0 for none.</summary>
    public uint ValueType { get; }

    /// <summary>The types that it was made with, as the kernel gives them back; null for none, or without the right to ask.</summary>
    public BtfTypes? ReadTypes()
    {
        if (BtfId == 0 || KeyType + ValueType == 0)
            return null;
        try
        {
            using LoadedTypes types = LoadedTypes.Open(BtfId);
            return BtfReader.TryRead(types.Read(), out BtfTypes? read, out _) ? read : null;
        }
        catch (BpfException)
        {
            // Types by number are for CAP_SYS_ADMIN only.
            return null;
        }
    }

    /// <summary>Whether each processor has a value of its own for a key.</summary>
    public bool IsPerCpu => Type is MapType.PercpuArray or MapType.PercpuHash or MapType.LruPercpuHash or MapType.PercpuCgroupStorage;

    /// <summary>
    /// Bytes that an operation takes for a value: <see cref="ValueSize"/>, and for a per-CPU map that size, rounded up to 8, for each possible processor; the
    /// number of a map or program (4) in maps that hold those.
    /// </summary>
    public int ValueBytes => IsPerCpu ? (ValueSize + 7) / 8 * 8 * Processors.Possible : ValueSize;

    /// <summary>The value of a key.</summary>
    /// <param name="key"><see cref="KeySize"/> bytes; empty for a queue or a stack, whose first element is looked at.</param>
    /// <param name="value">Room for <see cref="ValueBytes"/> bytes.</param>
    /// <returns>False when there is no such key.</returns>
    /// <exception cref="BpfException">The kernel refuses for another reason.</exception>
    public bool TryGet(ReadOnlySpan<byte> key, Span<byte> value) => Operate(BpfCommand.MapLookupElem, key, value, 0, ErrorNumber.ENOENT);

    /// <summary>The value of a key, with the lock in it held (<c>BPF_F_LOCK</c>) if asked.</summary>
    /// <inheritdoc cref="TryGet(ReadOnlySpan{byte}, Span{byte})"/>
    public bool TryGet(ReadOnlySpan<byte> key, Span<byte> value, UpdateFlags flags) => Operate(BpfCommand.MapLookupElem, key, value, (ulong)flags, ErrorNumber.ENOENT);

    /// <summary>Sets the value of a key, whether it is there or not. For a queue or a stack: pushes, with an empty key.</summary>
    /// <param name="key"><see cref="KeySize"/> bytes.</param>
    /// <param name="value"><see cref="ValueBytes"/> bytes.</param>
    /// <param name="flags">More than the plain update; usually nothing.</param>
    /// <exception cref="BpfException">E2BIG: the map is full, or an array has no such index.</exception>
    public void Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, UpdateFlags flags = UpdateFlags.Any) =>
        Operate(BpfCommand.MapUpdateElem, key, MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(value), value.Length), (ulong)flags, null);

    /// <summary>Adds a key that must not be there.</summary>
    /// <returns>False when it is there already.</returns>
    public bool TryAdd(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        Operate(BpfCommand.MapUpdateElem, key, MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(value), value.Length), (ulong)UpdateFlags.Noexist, ErrorNumber.EEXIST);

    /// <summary>Changes the value of a key that must be there.</summary>
    /// <returns>False when it is not.</returns>
    public bool TryReplace(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        Operate(BpfCommand.MapUpdateElem, key, MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(value), value.Length), (ulong)UpdateFlags.Exist, ErrorNumber.ENOENT);

    /// <summary>Removes a key.</summary>
    /// <returns>False when it was not there.</returns>
    public bool Remove(ReadOnlySpan<byte> key) => Operate(BpfCommand.MapDeleteElem, key, default, 0, ErrorNumber.ENOENT);

    /// <summary>Takes a key's value out of the map; of a queue or a stack, with an empty key, the next element.</summary>
    /// <returns>False when there is none.</returns>
    /// <exception cref="BpfException">ENOTSUPP (524): this kind of map cannot do that on this kernel.</exception>
    public bool TryTake(ReadOnlySpan<byte> key, Span<byte> value) => Operate(BpfCommand.MapLookupAndDeleteElem, key, value, 0, ErrorNumber.ENOENT);

    /// <summary>The key after another, in no order that means anything.</summary>
    /// <param name="key">A key, or nothing to begin; a key that is gone begins anew.</param>
    /// <param name="next">Room for the next key.</param>
    /// <returns>False behind the last.</returns>
    public bool TryNextKey(ReadOnlySpan<byte> key, Span<byte> next) => Operate(BpfCommand.MapGetNextKey, key, next, 0, ErrorNumber.ENOENT);

    /// <summary>No write from user space any more, for good: what programs read of it the verifier may then take as constant.</summary>
    public void Freeze()
    {
        var attributes = new BpfAttributes { Element = { MapFd = (uint)Descriptor } };
        int result = BpfSystem.Call(BpfCommand.MapFreeze, ref attributes, 4);
        if (result < 0)
            throw Failure.Of(BpfCommand.MapFreeze, result, Name);
    }

    private bool Operate(BpfCommand command, ReadOnlySpan<byte> key, Span<byte> value, ulong flags, ErrorNumber? no)
    {
        CheckSizes(command, key, value);
        fixed (byte* keyPointer = key, valuePointer = value)
        {
            var attributes = new BpfAttributes { Element = { MapFd = (uint)Descriptor, Key = keyPointer, ValueOrNextKey = valuePointer, Flags = flags } };
            int result = BpfSystem.Call(command, ref attributes, 32);
            if (result >= 0)
                return true;
            return no is { } errno && result == -(int)errno ? false : throw Failure.Of(command, result, $"map {Name}");
        }
    }

    // The kernel reads and writes as many bytes as the map says, whatever the caller brought.
    private void CheckSizes(BpfCommand command, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        bool mayLackKey = command == BpfCommand.MapGetNextKey || KeySize == 0;
        if (key.Length != KeySize && !(mayLackKey && key.IsEmpty))
            throw new ArgumentException($"a key of map {Name} has {KeySize} bytes, not {key.Length}", nameof(key));
        int needed = command switch
        {
            BpfCommand.MapDeleteElem => 0,
            BpfCommand.MapGetNextKey => KeySize,
            _ => HoldsDescriptors ? sizeof(uint) : ValueBytes,
        };
        if (value.Length < needed)
            throw new ArgumentException($"{(command == BpfCommand.MapGetNextKey ? "a key" : "a value")} of map {Name} takes {needed} bytes, not {value.Length}", nameof(value));
    }

    private bool HoldsDescriptors => Type is MapType.ProgArray or MapType.ArrayOfMaps or MapType.HashOfMaps or MapType.PerfEventArray or MapType.CgroupArray;
}
