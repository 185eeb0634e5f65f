using Hachi.Linux.Sys;

namespace Hachi.Linux.Attach;

/// <summary>An event that perf counts, and when a program runs on it (perf_event_open(2)).</summary>
public readonly record struct PerfEventSpec
{
    private const int HertzPerPeriodLimit = 1_000_000_000;

    private PerfEventSpec(uint type, ulong config, string name) => (Type, Config, Name) = (type, config, name);

    /// <summary>PERF_TYPE_*.</summary>
    public uint Type { get; }

    /// <summary>Which event of the type.</summary>
    public ulong Config { get; }

    /// <summary>What it is called.</summary>
    public string Name { get; }

    /// <summary>Events between two runs; for clocks, nanoseconds. 0 with <see cref="Frequency"/>.</summary>
    public ulong Period { get; init; }

    /// <summary>Runs per second on each processor, which the kernel tries to keep; 0 with <see cref="Period"/>.</summary>
    public ulong Frequency { get; init; }

    /// <summary>The only processor; null for all that run.</summary>
    public int? Processor { get; init; }

    /// <summary>The address that a watchpoint watches.</summary>
    public ulong Address { get; init; }

    /// <summary>Bytes that a watchpoint watches: 1, 2, 4 or 8.</summary>
    public ulong Length { get; init; }

    /// <summary>What a watchpoint waits for: 1 read, 2 write, 3 both, 4 execution.</summary>
    public uint Access { get; init; }

    /// <summary>Samples of what runs, so many times a second on each processor.</summary>
    public static PerfEventSpec Sampling(ulong hertz) => Software(0, "cpu-clock") with { Frequency = hertz };

    /// <summary>Samples of what runs, every so often on each processor.</summary>
    public static PerfEventSpec Sampling(TimeSpan period) => Software(0, "cpu-clock") with { Period = (ulong)period.Ticks * 100 };

    /// <summary>A software event (linux/perf_event.h, <c>enum perf_sw_ids</c>): 0 cpu-clock, 1 task-clock, 2 page-faults, 3 context-switches, …</summary>
    public static PerfEventSpec Software(ulong id, string name) => new(PerfEvent.TypeSoftware, id, name) { Period = 1 };

    /// <summary>A hardware event (<c>enum perf_hw_id</c>): 0 cycles, 1 instructions, 2 cache-references, 3 cache-misses, …</summary>
    public static PerfEventSpec Hardware(ulong id, string name) => new(PerfEvent.TypeHardware, id, name) { Period = HertzPerPeriodLimit / 1000 };

    /// <summary>Reads, writes or execution of memory, by the processor's debug registers.</summary>
    /// <param name="address">Where.</param>
    /// <param name="length">Bytes: 1, 2, 4 or 8.</param>
    /// <param name="access">1 read, 2 write, 3 both, 4 execution.</param>
    public static PerfEventSpec Watchpoint(ulong address, ulong length, uint access) =>
        new(PerfEvent.TypeBreakpoint, 0, "watchpoint") { Address = address, Length = length, Access = access, Period = 1 };

    /// <inheritdoc/>
    public override string ToString() => Frequency != 0 ? $"{Name} at {Frequency} Hz" : Type == PerfEvent.TypeBreakpoint ? $"watchpoint 0x{Address:x}:{Length}" : $"{Name} every {Period}";

    internal PerfEvent.Attributes ToAttributes() => new()
    {
        Type = Type,
        Config = Config,
        SamplePeriodOrFrequency = Frequency != 0 ? Frequency : Period,
        Flags = Frequency != 0 ? PerfEvent.FlagFrequency : 0,
        BreakpointType = Access,
        Config1 = Address,
        Config2 = Length,
    };
}
