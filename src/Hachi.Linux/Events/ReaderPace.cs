using System.Diagnostics;

namespace Hachi.Linux.Events;

/// <summary>
/// When a reader of a ring buffer does better to look away for a moment. A reader that has always caught up is woken for every record, which costs the program that
/// writes as much as the reader: while records come fast, they are taken a millisecond's worth at a time instead. Nothing waits longer while they come slowly.
/// </summary>
internal struct ReaderPace
{
    // From so many records a millisecond on, being woken for each costs more than it gains.
    private const int FastRecords = 16;

    // A buffer that fills to this part of its room within a rest is not left alone.
    private const int RoomShare = 4;

    private static readonly long s_window = Stopwatch.Frequency / 1000;

    private long _windowStart;
    private int _records;
    private bool _isFast;

    /// <summary>How long a rest is.</summary>
    public static TimeSpan Rest => TimeSpan.FromMilliseconds(1);

    /// <summary>Counts what was taken, and says whether to rest before more is taken.</summary>
    /// <param name="records">Taken just now.</param>
    /// <param name="foundBytes">What lay in the buffer before.</param>
    /// <param name="capacity">What it holds, bytes.</param>
    /// <param name="now">The time, in ticks of <see cref="Stopwatch"/>.</param>
    public bool WantsRest(int records, long foundBytes, long capacity, long now)
    {
        _records += records;
        if (now - _windowStart >= s_window)
        {
            // A longer window is one in which the reader waited, or wrote: the rate counts, not the number.
            _isFast = _records * s_window >= FastRecords * (now - _windowStart);
            (_windowStart, _records) = (now, 0);
        }
        return _isFast && foundBytes * RoomShare < capacity;
    }
}
