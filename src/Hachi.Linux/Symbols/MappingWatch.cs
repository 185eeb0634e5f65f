using System.Globalization;
using System.Text;
using Hachi.Linux.Kernel;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Symbols;

/// <summary>Code that a process mapped.</summary>
internal readonly record struct Region(ulong Start, ulong End, ulong Offset, string Device, ulong Inode, string Path);

/// <summary>
/// What a process, and the threads and children that it starts from now on, map as code, told by the kernel as it happens (PERF_RECORD_MMAP2, perf_event_open(2)): so what
/// lived shorter than any look at /proc/PID/maps is known too. One small ring a processor, since the kernel gives inherited events no other.
/// </summary>
internal sealed unsafe class MappingWatch : IDisposable
{
    private const ulong Dummy = 9, FlagInherit = 1 << 1, FlagMmap = 1 << 8, FlagMmap2 = 1 << 23;
    private const int DataPages = 8, HeadOffset = 1024, TailOffset = 1032, HeaderBytes = 8, NameOffset = 72;
    private const uint RecordLost = 2, RecordMmap2 = 10;

    private readonly List<(FileHandle Event, MemoryMap Ring)> _rings = [];

    private MappingWatch()
    {
    }

    /// <summary>Begins to watch; null when this process may not.</summary>
    public static MappingWatch? Start(int pid)
    {
        var watch = new MappingWatch();
        foreach (int processor in Processors.Online)
        {
            var attributes = new PerfEvent.Attributes { Type = PerfEvent.TypeSoftware, Config = Dummy, Flags = FlagInherit | FlagMmap | FlagMmap2 };
            int descriptor = PerfEvent.Open(ref attributes, pid, processor);
            FileHandle? handle = descriptor < 0 ? null : new FileHandle(descriptor);
            MemoryMap? ring = handle is null ? null : MemoryMap.Create(descriptor, (1 + DataPages) * (nint)Environment.SystemPageSize, MemoryMap.Read | MemoryMap.Write, 0, out _);
            if (handle is null || ring is null)
            {
                handle?.Dispose();
                watch.Dispose();
                return null;
            }
            watch._rings.Add((handle, ring));
        }
        return watch;
    }

    /// <summary>Tells what was mapped since the last call.</summary>
    /// <param name="mapped">Process and region.</param>
    /// <returns>False when some of it was lost: then /proc/PID/maps has to be looked at.</returns>
    public bool Read(Action<int, Region> mapped)
    {
        bool isWhole = true;
        foreach ((_, MemoryMap ring) in _rings)
        {
            ulong head = Volatile.Read(ref *(ulong*)(ring.Address + HeadOffset)), tail = *(ulong*)(ring.Address + TailOffset), mask = (ulong)(DataPages * Environment.SystemPageSize) - 1;
            byte[] record = [];
            while (tail < head)
            {
                byte* data = ring.Address + Environment.SystemPageSize;
                int size = *(ushort*)(data + (tail & mask) + 6);
                if (size < HeaderBytes)
                    break;
                if (record.Length < size)
                    record = new byte[size];
                for (int i = 0; i < size; i++)
                    record[i] = data[(tail + (ulong)i) & mask];
                isWhole &= BitConverter.ToUInt32(record) != RecordLost;
                if (BitConverter.ToUInt32(record) == RecordMmap2 && size > NameOffset)
                    mapped((int)BitConverter.ToUInt32(record, 8), Of(record, size));
                tail += (ulong)size;
            }
            Volatile.Write(ref *(ulong*)(ring.Address + TailOffset), tail);
        }
        return isWhole;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((FileHandle handle, MemoryMap ring) in _rings)
        {
            ring.Dispose();
            handle.Dispose();
        }
        _rings.Clear();
    }

    // pid, tid, address, length, offset in the file, device (major, minor), inode, its generation, protection, flags, name.
    private static Region Of(byte[] record, int size)
    {
        ulong start = BitConverter.ToUInt64(record, 16), length = BitConverter.ToUInt64(record, 24);
        ReadOnlySpan<byte> name = record.AsSpan(NameOffset, size - NameOffset);
        int end = name.IndexOf((byte)0);
        string device = string.Create(CultureInfo.InvariantCulture, $"{BitConverter.ToUInt32(record, 40):x2}:{BitConverter.ToUInt32(record, 44):x2}");
        return new Region(start, start + length, BitConverter.ToUInt64(record, 32), device, BitConverter.ToUInt64(record, 48), Encoding.UTF8.GetString(end < 0 ? name : name[..end]));
    }
}
