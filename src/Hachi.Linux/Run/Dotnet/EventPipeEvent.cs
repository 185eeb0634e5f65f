namespace Hachi.Linux.Run.Dotnet;

/// <summary>Something that a .NET process said of itself.</summary>
public sealed class EventPipeEvent
{
    /// <summary>The source that it comes from.</summary>
    public required string Provider { get; init; }

    /// <summary>Its number among the source's events.</summary>
    public required int Id { get; init; }

    /// <summary>Its name; "" where the source does not tell (the runtime's own have numbers only).</summary>
    public required string Name { get; init; }

    /// <summary>The version of its fields: later ones append.</summary>
    public required int Version { get; init; }

    /// <summary>The thread that it is about, as the kernel numbers threads where the process lives.</summary>
    public required long ThreadId { get; init; }

    /// <summary>When: nanoseconds since the machine started (CLOCK_MONOTONIC), the clock that <c>nsecs</c> has in traced programs.</summary>
    public required long Nanoseconds { get; init; }

    /// <summary>Its fields, one after the other; <see cref="EventPayload"/> reads them.</summary>
    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Where the thread was: addresses of the process, eight bytes each, innermost first. Empty where the session has none.</summary>
    public required ReadOnlyMemory<byte> Stack { get; init; }
}
