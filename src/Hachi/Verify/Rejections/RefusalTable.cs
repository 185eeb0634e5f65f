using System.Collections.Immutable;

namespace Hachi.Verify.Rejections;

/// <summary>One row of <see cref="RefusalTable"/>: a reason for which the kernel refuses programs.</summary>
/// <param name="Id">Stable id, <c>packet-bounds</c>.</param>
/// <param name="Title">The reason in a few plain words.</param>
/// <param name="Message">What the kernel writes, an example.</param>
/// <param name="Cause">What it means.</param>
/// <param name="Mend">What to do about it.</param>
public sealed record RefusalInfo(string Id, string Title, string Message, string Cause, string Mend)
{
    /// <summary>What a message contains that belongs here: text, <c>{n}</c> for a number, <c>{w}</c> for a word.</summary>
    public ImmutableArray<string> Patterns { get; init; } = [];

    /// <summary>Error numbers that mean this when the kernel has written nothing.</summary>
    internal ImmutableArray<int> SilentErrors { get; init; } = [];

    internal ImmutableArray<MessagePattern> Matchers { get; init; } = [];
}

/// <summary>
/// Why the kernel refuses programs, in one table, those that people meet most often first: rejections, <c>hachi explain error</c>, docs/refusals.md and the tests derive from it.
/// Messages are those of Linux 6.1 to 7.3, and older ones that are still met.
/// </summary>
public static partial class RefusalTable
{
    private static ImmutableArray<RefusalInfo> s_all;

    /// <summary>All rows; the last, <c>unknown</c>, is for messages that no row knows.</summary>
    public static ImmutableArray<RefusalInfo> All
    {
        get
        {
            if (s_all.IsDefault)
                s_all = [.. Memory(), .. Pointers(), .. Flow(), .. Calls(), .. Loading(), Unknown];
            return s_all;
        }
    }

    /// <summary>For messages that no row knows.</summary>
    public static RefusalInfo Unknown { get; } = new("unknown", "a message that is not in the catalogue", "",
        "The kernel's own words are all there is: the verifier follows each path through the program and stops at the first step that it cannot show to be safe.",
        "Read the instruction and the registers at the mark: what is known of them is what the verifier knows. A smaller program that is still refused shows the reason sooner.");

    /// <summary>The row of an id, or null.</summary>
    public static RefusalInfo? Find(string id)
    {
        foreach (RefusalInfo row in All)
            if (string.Equals(row.Id, id, StringComparison.OrdinalIgnoreCase))
                return row;
        return null;
    }

    /// <summary>The row that a line of the kernel's belongs to, or null: of several, the one whose text says most.</summary>
    public static RefusalInfo? OfMessage(ReadOnlySpan<char> line)
    {
        RefusalInfo? best = null;
        int weight = 0;
        foreach (RefusalInfo row in All)
            foreach (MessagePattern pattern in row.Matchers)
                if (pattern.Weight > weight && pattern.IsIn(line))
                    (best, weight) = (row, pattern.Weight);
        return best;
    }

    /// <summary>The row for a refusal without a word, by its error number (positive); or null.</summary>
    public static RefusalInfo? OfErrno(int errno)
    {
        foreach (RefusalInfo row in All)
            if (row.SilentErrors.Contains(errno))
                return row;
        return null;
    }

    private static RefusalInfo Row(string id, string title, string message, ReadOnlySpan<string> patterns, string cause, string mend, params ReadOnlySpan<int> silentErrors) =>
        new(id, title, message, cause, mend)
        {
            Patterns = [.. patterns],
            Matchers = [.. patterns.ToArray().Select(pattern => new MessagePattern(pattern))],
            SilentErrors = [.. silentErrors],
        };
}
