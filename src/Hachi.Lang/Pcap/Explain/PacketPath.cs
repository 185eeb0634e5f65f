using System.Globalization;
using Hachi.Captures;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Explain;

/// <summary>One test on the way of a packet through a filter.</summary>
/// <param name="Question">What is asked, in words: "the destination port is 443".</param>
/// <param name="Holds">The answer.</param>
/// <param name="Found">What the packet had: "53".</param>
/// <param name="Span">The part of the expression that asks.</param>
public readonly record struct PacketStep(string Question, bool Holds, string Found, TextSpan Span);

/// <summary>The way of one packet through a filter: each test that was made, the verdict, and why.</summary>
/// <param name="Matches">The verdict, equal to the program's.</param>
/// <param name="Steps">The tests in the order in which the expression makes them; the optimised program may make fewer.</param>
/// <param name="Reason">Why: "rejected at the test ...".</param>
public sealed record PacketPath(bool Matches, IReadOnlyList<PacketStep> Steps, string Reason)
{
    /// <summary>Follows a packet.</summary>
    /// <param name="filter">A filter for the packet's link type.</param>
    /// <param name="packet">The captured bytes, link-layer header first.</param>
    /// <param name="wireLength">Length on the wire, in bytes.</param>
    /// <param name="metadata">What is known of the packet beside its bytes.</param>
    public static PacketPath Of(CaptureFilter filter, ReadOnlySpan<byte> packet, int wireLength, in PacketMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var events = new List<TestEvent>();
        bool matches = TreeEvaluator.Trace(filter.Tree, packet, wireLength, metadata, events);
        var steps = new List<PacketStep>(events.Count);
        foreach (TestEvent each in events)
            if (each.Outcome is TestOutcome.True or TestOutcome.False)
                steps.Add(new PacketStep(FilterNotes.Question(each.Test!, filter.Expression), each.Outcome == TestOutcome.True, FilterNotes.Found(each), each.Span));
        return new PacketPath(matches, steps, Why(filter, matches, events, packet.Length));
    }

    private static string Why(CaptureFilter filter, bool matches, List<TestEvent> events, int captured)
    {
        if (events.Count == 0)
            return matches ? "accepted: no test is needed" : "rejected: nothing can match";
        TestEvent last = events[^1];
        string question = last.Test is { } test ? FilterNotes.Question(test, filter.Expression) : FilterNotes.Text(filter.Expression, last.Span);
        return last.Outcome switch
        {
            TestOutcome.OutsidePacket => string.Create(CultureInfo.InvariantCulture,
                $"rejected at the test '{question}': it reads {(last.Size == 1 ? "a byte" : string.Create(CultureInfo.InvariantCulture, $"{last.Size} bytes"))} at offset {last.Address}, and {captured} bytes were captured"),
            TestOutcome.DividesByZero => $"rejected at the test '{question}': it divides by zero",
            _ => $"{(matches ? "accepted" : "rejected")} at the test '{question}': the packet has {FilterNotes.Found(last)}",
        };
    }
}
