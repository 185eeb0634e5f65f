using System.Collections.Immutable;
using Hachi.Uapi;

namespace Hachi.Linux.Kernel.Report;

/// <summary>Parts of a report.</summary>
public enum FeatureKind
{
    /// <summary>The machine and the process: settings, file systems, capabilities.</summary>
    Machine,

    /// <summary>Kinds of programs.</summary>
    Program,

    /// <summary>Kinds of maps.</summary>
    Map,

    /// <summary>Places to attach to.</summary>
    Attach,

    /// <summary>Levels of the instruction set, as clang's -mcpu numbers them, and what Linux added.</summary>
    Instructions,

    /// <summary>Helper functions.</summary>
    Helper,
}

/// <summary>Whether there is something.</summary>
public enum Availability
{
    /// <summary>It was tried, and it is there.</summary>
    Yes,

    /// <summary>This process may not; whether the kernel has it could not be seen.</summary>
    Denied,

    /// <summary>This kernel does not have it, or not as it is set up.</summary>
    No,
}

/// <summary>One finding.</summary>
/// <param name="Kind">What it is about.</param>
/// <param name="Name">What: the name of a program type, a map type, a setting.</param>
/// <param name="Availability">Whether it is there.</param>
/// <param name="Note">A value or remark; null for none.</param>
/// <param name="Why">If it is not: the likely reason, and what would help; null when it is.</param>
public sealed record Feature(FeatureKind Kind, string Name, Availability Availability, string? Note = null, LikelyReason? Why = null);

/// <summary>
/// What this kernel lets this process do with BPF, found by trying: each kind of program and map is made once and dropped at once, nothing is attached. What is missing has its
/// reason and what would help. Takes some tens of milliseconds.
/// </summary>
public sealed record KernelReport
{
    /// <summary>The kernel and process, as read from /proc and /sys.</summary>
    public required KernelState State { get; init; }

    /// <summary>The findings, part by part.</summary>
    public required ImmutableArray<Feature> Features { get; init; }

    /// <summary>Tries everything, or some parts.</summary>
    /// <param name="kinds">The parts; none for all.</param>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    public static KernelReport Probe(params ReadOnlySpan<FeatureKind> kinds)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("there is no BPF in this kernel: it is not Linux");
        KernelState state = KernelState.Current;
        var features = ImmutableArray.CreateBuilder<Feature>();
        foreach (FeatureKind kind in kinds.IsEmpty ? Enum.GetValues<FeatureKind>() : kinds)
            features.AddRange(kind switch
            {
                FeatureKind.Machine => MachineFacts.All(state),
                FeatureKind.Program => ProgramProbes.Types(state),
                FeatureKind.Map => MapProbes.All(state),
                FeatureKind.Attach => AttachProbes.All(state),
                FeatureKind.Instructions => ProgramProbes.Instructions(state),
                _ => ProgramProbes.Helpers(state, ProgramType.SocketFilter, isKnownOnly: true),
            });
        return new KernelReport { State = state, Features = features.ToImmutable() };
    }

    /// <summary>The helpers that programs of a kind may call here; each tried.</summary>
    /// <param name="type">The kind.</param>
    public static ImmutableArray<Feature> HelpersOf(ProgramType type) => [.. ProgramProbes.Helpers(KernelState.Current, type, isKnownOnly: false)];

    /// <summary>The finding of a name; null where it was not looked at.</summary>
    public Feature? Find(FeatureKind kind, string name)
    {
        foreach (Feature feature in Features)
            if (feature.Kind == kind && feature.Name == name)
                return feature;
        return null;
    }

    /// <summary>Whether programs of a kind can be loaded.</summary>
    public bool Has(ProgramType type) => Find(FeatureKind.Program, type.Name())?.Availability == Availability.Yes;

    /// <summary>Whether maps of a kind can be made.</summary>
    public bool Has(MapType type) => Find(FeatureKind.Map, type.Name())?.Availability == Availability.Yes;
}
