using System.Text;
using Hachi.Linux.Run.Dotnet;

namespace Hachi.Tests.Tracing;

/// <summary>Streams of events as a runtime sends them, written here by hand (NetTraceFormat_v5.md): whole, in pieces, damaged.</summary>
public sealed class NettraceTests
{
    private static readonly byte[] s_stream = Written();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1 << 20)]
    public void Events_come_in_the_order_of_time_however_the_bytes_come(int piece)
    {
        var reader = new NettraceReader();
        var events = new List<EventPipeEvent>();
        bool more = true;
        for (int at = 0; at < s_stream.Length; at += piece)
        {
            Assert.True(more);
            more = reader.Feed(s_stream.AsSpan(at, Math.Min(piece, s_stream.Length - at)), events);
        }
        Assert.Equal((false, true, null), (more, reader.HasEnded, reader.Problem));
        Assert.Equal(["a.one 1 @100 t1", "a.two 2 @150 t2", "a.one 3 @200 t1", "a.one 4 @400 t1"], events.Select(Shown));
        Assert.Equal([16, 0, 0, 0], events.Select(one => one.Stack.Length));
        // Thread 1 made its numbers 1, 2 and 5, and said at last that it had come to 9.
        Assert.Equal(6ul, reader.Lost);
    }

    [Fact]
    public void Nothing_that_may_still_be_preceded_is_given_out()
    {
        var reader = new NettraceReader();
        var events = new List<EventPipeEvent>();
        byte[] start = [.. Head(), .. Block("MetadataBlock", Head().Length, Metadata())];
        byte[] first = Block("EventBlock", start.Length, Events((1, 1, 1, 7, 300, false), (1, 3, 1, 7, 100, false)));
        reader.Feed(start, events);
        reader.Feed(first, events);
        Assert.Empty(events);
        reader.Feed(Block("EventBlock", start.Length + first.Length, Events((2, 2, 1, 7, 200, true))), events);
        Assert.Equal([100, 200], events.Select(one => one.Nanoseconds));
        reader.Flush(events);
        Assert.Equal([100, 200, 300], events.Select(one => one.Nanoseconds));
    }

    [Fact]
    public void Damaged_streams_end_with_a_word_and_never_with_an_exception()
    {
        int cases = Volume.Of(200_000, 2_000);
        Random random = Volume.Random(nameof(Damaged_streams_end_with_a_word_and_never_with_an_exception));
        for (int i = 0; i < cases; i++)
        {
            byte[] damaged = [.. s_stream];
            for (int n = random.Next(1, 6); n > 0; n--)
                damaged[random.Next(damaged.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)(random.Next(2) * 255);
            if (random.Next(4) == 0)
                damaged = damaged[..random.Next(damaged.Length)];
            var reader = new NettraceReader();
            var events = new List<EventPipeEvent>();
            bool more = reader.Feed(damaged, events);
            Assert.True(more || reader.HasEnded || reader.Problem is not null, Volume.Note);
            foreach (EventPipeEvent one in events)
                _ = Shown(one);
        }
    }

    [Theory]
    [InlineData("not a stream", "it does not begin like a stream of events")]
    [InlineData("Nettrace!", "it does not begin like a stream of events")]
    public void What_is_no_stream_is_told(string text, string problem)
    {
        var reader = new NettraceReader();
        Assert.False(reader.Feed(Encoding.ASCII.GetBytes(text), []));
        Assert.Equal(problem, reader.Problem);
    }

    private static string Shown(EventPipeEvent one)
    {
        var fields = new EventPayload(one.Payload.Span);
        return $"{one.Provider}.{one.Name} {fields.UInt32()} @{one.Nanoseconds} t{one.ThreadId}{fields.Text()}";
    }

    private static byte[] Written()
    {
        byte[] all = Head();
        all = [.. all, .. Block("MetadataBlock", all.Length, Metadata())];
        all = [.. all, .. Block("StackBlock", all.Length, [.. BitConverter.GetBytes(5), .. BitConverter.GetBytes(1), .. BitConverter.GetBytes(16), .. new byte[16]])];
        all = [.. all, .. Block("EventBlock", all.Length, Events((1, 1, 1, 1, 100, true), (1, 1, 2, 3, 200, false), (2, 2, 1, 2, 150, false)))];
        all = [.. all, .. Block("Unheard", all.Length, [1, 2, 3])];
        all = [.. all, .. Block("SPBlock", all.Length, [.. BitConverter.GetBytes(300L), .. BitConverter.GetBytes(0)])];
        all = [.. all, .. Block("EventBlock", all.Length, Events((1, 1, 5, 4, 400, false)))];
        all = [.. all, .. Block("SPBlock", all.Length, [.. BitConverter.GetBytes(500L), .. BitConverter.GetBytes(1), .. BitConverter.GetBytes(1L), .. BitConverter.GetBytes(9)])];
        return [.. all, 1];
    }

    private static byte[] Head()
    {
        byte[] fields = [.. new byte[24], .. BitConverter.GetBytes(1_000_000_000L), .. BitConverter.GetBytes(8), .. new byte[12]];
        return [.. "Nettrace"u8, .. BitConverter.GetBytes(20), .. "!FastSerialization.1"u8, .. Type("Trace", 4), .. fields, 6];
    }

    private static byte[] Type(string name, int version) => [5, 5, 1, .. BitConverter.GetBytes(version), .. BitConverter.GetBytes(version), .. BitConverter.GetBytes(name.Length), .. Encoding.ASCII.GetBytes(name), 6];

    private static byte[] Block(string name, int at, byte[] content)
    {
        byte[] type = Type(name, 2);
        return [.. type, .. BitConverter.GetBytes(content.Length), .. new byte[-(at + type.Length + 4) & 3], .. content, 6];
    }

    private static byte[] BlockHead => [20, 0, 1, 0, .. new byte[16]];

    // Number of the kind, source, number of the event, name, groups, version, detail, no fields.
    private static byte[] Metadata() => [.. BlockHead, .. Kind(1, "one"), .. Kind(2, "two")];

    private static byte[] Kind(int number, string name)
    {
        byte[] payload = [.. BitConverter.GetBytes(number), .. Text("a"), .. BitConverter.GetBytes(10 + number), .. Text(name), .. new byte[8], .. new byte[12]];
        return [128, 0, (byte)payload.Length, .. payload];
    }

    private static byte[] Text(string text) => Encoding.Unicode.GetBytes(text + '\0');

    // A head tells the kind, how far the number of the event on its thread is from the one after the last event's, thread, processor, stack, time since the last.
    private static byte[] Events(params (int Kind, int Thread, int Sequence, int Value, int Time, bool Sorted)[] events)
    {
        var bytes = new List<byte>(BlockHead);
        (int last, long time) = (0, 0);
        foreach ((int kind, int thread, int sequence, int value, int now, bool sorted) in events)
        {
            bytes.Add((byte)(1 | 2 | 4 | 8 | 128 | (sorted ? 64 : 0)));
            bytes.Add((byte)kind);
            Variable(bytes, unchecked((uint)(sequence - last - 1)));
            bytes.AddRange([(byte)thread, 0, (byte)thread, (byte)(value == 1 ? 5 : 0)]);
            Variable(bytes, unchecked((ulong)(now - time)));
            bytes.Add(6);
            bytes.AddRange([.. BitConverter.GetBytes(value), 0, 0]);
            (last, time) = (sequence, now);
        }
        return [.. bytes];
    }

    private static void Variable(List<byte> to, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            to.Add((byte)(value | 0x80));
        to.Add((byte)value);
    }
}
