using System.Collections.Immutable;

namespace Hachi.Object.Plan;

/// <summary>Where a program attaches.</summary>
/// <param name="Program">Index of the program in the object.</param>
/// <param name="Kind">What makes it run.</param>
/// <param name="Name">The probe as it is shown: <c>tracepoint:sched:sched_switch</c>.</param>
/// <param name="Target">Category, module, or file; of a clock its unit (<c>hz</c>, <c>ms</c>); of a watchpoint its mode (<c>rw</c>).</param>
/// <param name="Function">Function, event, or tracepoint.</param>
/// <param name="Number">Offset in a function, rate or period of a clock, count of an event, address of a watchpoint.</param>
public sealed record PlanProbe(int Program, ProbeKind Kind, string Name, string Target, string Function, ulong Number)
{
    /// <summary>Bytes that a watchpoint covers; otherwise 0.</summary>
    public int Length { get; init; }
}

/// <summary>What is done with a record that a program sends. The set is closed: a plan carries no authority beyond it, and <see cref="System"/> asks again when it is carried out.</summary>
public enum PlanAction
{
    /// <summary>Print the fields by the format.</summary>
    Printf,

    /// <summary>Print the one field as a value.</summary>
    Print,

    /// <summary>Print a map; fields: how many entries (0 all), what to divide by (0 for nothing).</summary>
    PrintMap,

    /// <summary>Print one entry of a map: the field is its value, the key stands before it.</summary>
    PrintEntry,

    /// <summary>Empty a map.</summary>
    Clear,

    /// <summary>Set a map's values to 0.</summary>
    Zero,

    /// <summary>Print the time of day by the format (strftime(3)).</summary>
    Time,

    /// <summary>Print strings with the format between them.</summary>
    Join,

    /// <summary>Print a file whose name is the formatted text.</summary>
    Cat,

    /// <summary>Run a command, if it is allowed when the plan runs: the format is split into words first, the fields enter as arguments.</summary>
    System,

    /// <summary>End; the field is the status.</summary>
    Exit,

    /// <summary>Print to standard error as an error of the script.</summary>
    Errorf,

    /// <summary>Print to standard error as a warning of the script.</summary>
    Warnf,

    /// <summary>Say that a helper failed; field: what it returned.</summary>
    HelperError,

    /// <summary>Append a packet to a capture file, whose path is the format; fields: nanoseconds since the machine started, the bytes.</summary>
    Packet,

    /// <summary>
    /// Warn by the format, once: never sent, but counted in a word of the map that the setting <c>warnings_map</c> names; the record's size is the word's offset.
    /// </summary>
    Counted,
}

/// <summary>A field of a record.</summary>
/// <param name="Offset">Bytes in front of it, from the record's beginning.</param>
/// <param name="Type">What it is.</param>
public readonly record struct PlanField(int Offset, PlanType Type);

/// <summary>A record that programs send: 4 bytes with its number, 4 of zeros, then its fields.</summary>
/// <param name="Id">Its number: the index in <see cref="RunPlan.Events"/>.</param>
/// <param name="Action">What is done with it.</param>
/// <param name="Format">Format, or empty.</param>
/// <param name="SizeBytes">Bytes of the record.</param>
/// <param name="Fields">Its fields.</param>
public sealed record PlanEvent(int Id, PlanAction Action, string Format, int SizeBytes, ImmutableArray<PlanField> Fields)
{
    /// <summary>Index in <see cref="RunPlan.Maps"/> of the map that it is about, or -1.</summary>
    public int Map { get; init; } = -1;

    /// <summary>The place in the script (<c>file:line:column</c>), for what tells it.</summary>
    public string Place { get; init; } = "";

    /// <inheritdoc/>
    public bool Equals(PlanEvent? other) => other is not null && (Id, Action, Format, SizeBytes, Map, Place) == (other.Id, other.Action, other.Format, other.SizeBytes, other.Map, other.Place) && Fields.SequenceEqual(other.Fields);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Id, Action, Format, SizeBytes);
}

/// <summary>A map that a script has.</summary>
/// <param name="Map">Index of the map in the object.</param>
/// <param name="Name">Its name: <c>@x</c>.</param>
/// <param name="Key">Its key; null for a map with one value.</param>
/// <param name="Value">Its values.</param>
/// <param name="IsPerCpu">Whether every processor has values of its own, to be put together.</param>
public sealed record PlanMap(int Map, string Name, PlanType? Key, PlanType Value, bool IsPerCpu);

/// <summary>
/// What a tracing object needs at run time: where its programs attach, what their records mean, what its maps hold. Data only, printable, with a closed set of actions; <c>Hachi.Lang</c> makes
/// it and <c>Hachi.Linux</c> carries it out.
/// </summary>
public sealed record RunPlan
{
    /// <summary>The probes, in the order in which they attach.</summary>
    public ImmutableArray<PlanProbe> Probes { get; init; } = [];

    /// <summary>The records, by number.</summary>
    public ImmutableArray<PlanEvent> Events { get; init; } = [];

    /// <summary>The script's maps.</summary>
    public ImmutableArray<PlanMap> Maps { get; init; } = [];

    /// <summary>Settings of the run by name, in order: <c>max_strlen</c>, <c>print_maps_on_exit</c>, …</summary>
    public ImmutableArray<(string Name, string Value)> Settings { get; init; } = [];

    /// <summary>Index of the ring buffer in the object, or -1.</summary>
    public int Ring { get; init; } = -1;

    /// <summary>Index of the array whose one value has the number of lost records of each program, 8 bytes each; or -1.</summary>
    public int Lost { get; init; } = -1;

    /// <summary>Index of the map of stacks, or -1.</summary>
    public int Stacks { get; init; } = -1;

    /// <inheritdoc/>
    public bool Equals(RunPlan? other) => other is not null && (Ring, Lost, Stacks) == (other.Ring, other.Lost, other.Stacks) && Probes.SequenceEqual(other.Probes)
        && Events.SequenceEqual(other.Events) && Maps.SequenceEqual(other.Maps) && Settings.SequenceEqual(other.Settings);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Probes.Length, Events.Length, Maps.Length, Ring);
}
