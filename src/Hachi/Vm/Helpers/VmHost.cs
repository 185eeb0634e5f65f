namespace Hachi.Vm.Helpers;

/// <summary>The clocks that programs can ask for.</summary>
public enum VmClockKind : byte
{
    /// <summary>Time since the machine started, without the time that it slept (CLOCK_MONOTONIC).</summary>
    Monotonic,

    /// <summary>The same with the time that it slept (CLOCK_BOOTTIME).</summary>
    Boot,

    /// <summary>Monotonic, as of the last tick (CLOCK_MONOTONIC_COARSE).</summary>
    Coarse,

    /// <summary>International atomic time (CLOCK_TAI).</summary>
    Tai,
}

/// <summary>What a machine tells its programs of the time. Called from every thread that runs programs.</summary>
public interface IVmClock
{
    /// <summary>Nanoseconds on a clock.</summary>
    /// <param name="kind">Which one.</param>
    ulong Nanoseconds(VmClockKind kind);
}

/// <summary>
/// What programs learn of the world outside: processors, time, chance, the current task, and where their trace messages go. Nothing here reads the real machine unless the embedder
/// supplies something that does; with the defaults every run gives the same.
/// </summary>
public sealed record VmHost
{
    /// <summary>The processor that a run says it is on, below <see cref="Maps.MapSettings.Cpus"/>; asked at most once a run.</summary>
    public Func<int> Cpu { get; init; } = static () => 0;

    /// <summary>The NUMA node of all of them.</summary>
    public int NumaNode { get; init; }

    /// <summary>The time; by default a clock that moves on by a microsecond each time it is asked.</summary>
    public IVmClock Clock { get; init; } = new TickingClock();

    /// <summary>Ticks of <c>jiffies64</c> in a second.</summary>
    public uint JiffiesPerSecond { get; init; } = 250;

    /// <summary>Random numbers of 32 bits; by default a fixed sequence.</summary>
    public Func<uint> Random { get; init; } = new FixedSequence().Next;

    /// <summary>The task that programs see as the current one.</summary>
    public VmTask Task { get; init; } = new();

    /// <summary>Where the messages of <c>bpf_trace_printk</c> go.</summary>
    public Action<string>? Trace { get; init; }

    private sealed class TickingClock : IVmClock
    {
        private long _now;

        public ulong Nanoseconds(VmClockKind kind) => (ulong)Interlocked.Add(ref _now, 1000);
    }

    // Weyl's sequence, mixed: every run of a process sees the same numbers.
    private sealed class FixedSequence
    {
        private ulong _state;

        public uint Next()
        {
            ulong z = Interlocked.Add(ref _state, 0x9E3779B97F4A7C15);
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
            return (uint)((z ^ z >> 27) * 0x94D049BB133111EB >> 32);
        }
    }
}

/// <summary>A task that programs see as the current one, and its memory. It is made up: nothing is read from a real process unless a derived class does so.</summary>
public class VmTask
{
    /// <summary>Its thread id (the kernel's pid).</summary>
    public uint Pid { get; init; } = 1;

    /// <summary>Its process id (the kernel's tgid).</summary>
    public uint Tgid { get; init; } = 1;

    /// <summary>Its user.</summary>
    public uint Uid { get; init; }

    /// <summary>Its group.</summary>
    public uint Gid { get; init; }

    /// <summary>Its name, at most 15 bytes of UTF-8.</summary>
    public string Comm { get; init; } = "hachi";

    /// <summary>What <c>bpf_get_current_task</c> gives: an address in the task's kernel memory.</summary>
    public ulong Address { get; init; }

    /// <summary>Its cgroup.</summary>
    public ulong CgroupId { get; init; } = 1;

    /// <summary>Return addresses of its user stack, the innermost first.</summary>
    public IReadOnlyList<ulong> UserStack { get; init; } = [];

    /// <summary>Return addresses of its kernel stack, the innermost first.</summary>
    public IReadOnlyList<ulong> KernelStack { get; init; } = [];

    /// <summary>Pieces of memory by their first address, in user and kernel space alike.</summary>
    public IReadOnlyList<(ulong Address, ReadOnlyMemory<byte> Bytes)> Memory { get; init; } = [];

    /// <summary>Reads memory of the task.</summary>
    /// <param name="address">The address in its address space.</param>
    /// <param name="destination">Where the bytes go; all of them or none.</param>
    /// <param name="isUser">Whether user memory is meant.</param>
    /// <returns>Whether there is memory.</returns>
    public virtual bool TryRead(ulong address, Span<byte> destination, bool isUser)
    {
        foreach ((ulong start, ReadOnlyMemory<byte> bytes) in Memory)
            if (address >= start && address - start <= (ulong)bytes.Length && (ulong)destination.Length <= (ulong)bytes.Length - (address - start))
            {
                bytes.Span.Slice((int)(address - start), destination.Length).CopyTo(destination);
                return true;
            }
        return false;
    }
}
