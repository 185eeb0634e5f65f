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
        {
            if (each.Outcome is not (TestOutcome.True or TestOutcome.False))
                continue;
            string question = FilterNotes.Written(each.Test!, filter.Expression, out bool isNegated);
            steps.Add(new PacketStep(question, (each.Outcome == TestOutcome.True) != isNegated, FilterNotes.Found(each), each.Span));
        }
        return new PacketPath(matches, steps, Why(filter, matches, events, packet.Length));
    }

    private static string Why(CaptureFilter filter, bool matches, List<TestEvent> events, int captured)
    {
        if (events.Count == 0)
            return matches ? "accepted: no test is needed" : "rejected: nothing can match";
        TestEvent last = Decisive(events);
        string question = last.Test is { } test ? FilterNotes.Written(test, filter.Expression, out _) : FilterNotes.Text(filter.Expression, last.Span);
        return last.Outcome switch
        {
            TestOutcome.OutsidePacket => string.Create(CultureInfo.InvariantCulture,
                $"rejected at the test '{question}': it reads {(last.Size == 1 ? "a byte" : string.Create(CultureInfo.InvariantCulture, $"{last.Size} bytes"))} at offset {last.Address}, and {captured} bytes were captured"),
            TestOutcome.DividesByZero => $"rejected at the test '{question}': it divides by zero",
            _ => $"{(matches ? "accepted" : "rejected")} at the test '{question}': the packet has {FilterNotes.Found(last)}",
        };
    }

    /// <summary>
    /// The last test that was not decided already: that the EtherType is not IPv4 goes without saying once it was IPv6, and what made the packet fail is
    /// then the test before.
    /// </summary>
    private static TestEvent Decisive(List<TestEvent> events)
    {
        for (int i = events.Count - 1; i > 0; i--)
            if (!IsImplied(events, i))
                return events[i];
        return events[0];
    }

    private static bool IsImplied(List<TestEvent> events, int at)
    {
        const int back = 200;
        TestEvent last = events[at];
        if (last.Outcome != TestOutcome.False || last.Test is not { Op: TestOp.Eq, Field: not (TestField.Relation or TestField.Byte) })
            return false;
        for (int i = at - 1; i >= 0 && i >= at - back; i--)
        {
            if (events[i] is { Outcome: TestOutcome.True, Test.Op: TestOp.Eq } known && known.Test.Field == last.Test.Field && known.A == last.A && known.B != last.B)
                return true;
            // The protocol that was written is tested before the fragment header that may stand in front of it.
            if (last.Test.Field == TestField.Ip6NextHeader && events[i] is { Outcome: TestOutcome.False, Test.Op: TestOp.Eq } other && other.Span == last.Span && other.Test.Field == last.Test.Field && other.A == last.A)
                return true;
        }
        return false;
    }
}
