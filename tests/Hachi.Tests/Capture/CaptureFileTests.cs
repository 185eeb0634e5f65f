using System.Globalization;
using Hachi.Captures;
using Hachi.Linux.Capture;

namespace Hachi.Tests.Capture;

/// <summary>Files of a live capture: their names, when one ends and another begins, what stands in them. No interface is needed.</summary>
public sealed class CaptureFileTests : IDisposable
{
    private static readonly DateTimeOffset s_start = new(2026, 2, 3, 4, 5, 6, TimeSpan.Zero);
    private static readonly CaptureDevice s_device = new(2, "eth0", LinkType.Ethernet, false);

    private readonly string _folder = Directory.CreateTempSubdirectory("hachi-files-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void By_size_without_a_limit()
    {
        Write(new CaptureFileOptions { Path = "a.pcap", Open = Open, RotateBytes = 1_000 }, 40, 0);
        // As tcpdump: a file ends when it is larger than the limit; 24 bytes, then 116 a packet: 9 packets.
        Assert.Equal(["a.pcap:9", "a.pcap1:9", "a.pcap2:9", "a.pcap3:9", "a.pcap4:4"], Files());
    }

    [Fact]
    public void By_size_in_turn()
    {
        Write(new CaptureFileOptions { Path = "a.pcap", Open = Open, RotateBytes = 1_000, FileCount = 11 }, 9 * 12, 0);
        Assert.Equal([.. Enumerable.Range(0, 11).Select(i => $"a.pcap{i:d2}:9")], Files());
        Assert.Equal(9 * 11, First("a.pcap00")); // the twelfth file stands where the first stood
        Write(new CaptureFileOptions { Path = "b.pcap", Open = Open, RotateBytes = 1_000, FileCount = 1 }, 20, 0);
        Assert.Equal(18, First("b.pcap"));
    }

    [Fact]
    public void By_time_until_there_are_enough()
    {
        // A packet every 0.4 s: three in the first second, for the second begins with the one at its start.
        (int written, int files) = Write(new CaptureFileOptions { Path = "x-%H%M%S.pcap", Open = Open, RotateEvery = TimeSpan.FromSeconds(1), FileCount = 3 }, 20, 400);
        Assert.Equal(["x-040506.pcap:3", "x-040507.pcap:2", "x-040508.pcap:3"], Files());
        Assert.Equal((8, 3), (written, files));
    }

    [Fact]
    public void Times_in_which_nothing_came_have_no_file()
    {
        Write(new CaptureFileOptions { Path = "x-%s.pcap", Open = Open, RotateEvery = TimeSpan.FromSeconds(2) }, 3, 7_000);
        long second = s_start.ToUnixTimeSeconds();
        Assert.Equal([$"x-{second}.pcap:1", $"x-{second + 6}.pcap:1", $"x-{second + 14}.pcap:1"], Files());
    }

    [Fact]
    public void By_size_and_time()
    {
        Write(new CaptureFileOptions { Path = "x-%S.pcap", Open = Open, RotateEvery = TimeSpan.FromSeconds(1), RotateBytes = 300 }, 10, 200);
        Assert.Equal(["x-06.pcap:3", "x-06.pcap1:2", "x-07.pcap:3", "x-07.pcap1:2"], Files());
    }

    [Fact]
    public void Every_pcapng_file_describes_its_interfaces()
    {
        Write(new CaptureFileOptions { Path = "a.pcapng", Open = Open, Format = CaptureFormat.Pcapng, RotateBytes = 1_000, Filter = "udp" }, 20, 1);
        Assert.Equal(3, Files().Length);
        foreach (string file in Directory.GetFiles(_folder))
        {
            using CaptureReader reader = CaptureReader.Open(File.OpenRead(file), out _)!;
            while (reader.TryReadBatch(out CaptureBatch _))
            {
            }
            Assert.Null(reader.Diagnostic);
            CaptureInterface described = Assert.Single(reader.Interfaces);
            Assert.Equal(("eth0", 100u, 9), (described.Name, described.Snaplen, described.TimestampResolution));
        }
    }

    [Fact]
    public void Several_interfaces_of_different_link_types_fit_into_pcapng_only()
    {
        CaptureDevice[] devices = [s_device, s_device with { Index = 3, Name = "tun0", LinkType = LinkType.Raw }];
        Assert.Throws<ArgumentException>(() => new CaptureFileSet(devices, 100, new CaptureFileOptions { Path = "a.pcap", Open = Open }));
        using (var set = new CaptureFileSet(devices, 100, new CaptureFileOptions { Path = "a.pcapng", Open = Open, Format = CaptureFormat.Pcapng }))
            for (int i = 0; i < 6; i++)
                set.Write(new LivePacket(i & 1, i, 60, new byte[60], 0, 2));
        using CaptureReader reader = CaptureReader.Open(File.OpenRead(Path.Combine(_folder, "a.pcapng")), out _)!;
        var links = new List<(string, string?)>();
        while (reader.TryReadBatch(out CaptureBatch batch))
            foreach (PacketRecord record in batch.Records)
                links.Add((batch.LinkType.Name, reader.Interfaces[record.Interface].Name));
        Assert.Equal([("EN10MB", "eth0"), ("RAW", "tun0"), ("EN10MB", "eth0"), ("RAW", "tun0"), ("EN10MB", "eth0"), ("RAW", "tun0")], links);
    }

    [Fact]
    public void Statistics_stand_at_the_end_of_pcapng()
    {
        var stream = new MemoryStream();
        using (CaptureWriter writer = CaptureWriter.Create(stream, CaptureFormat.Pcapng, LinkType.Ethernet, leaveOpen: true))
        {
            int number = writer.AddInterface(new CaptureInterface(0, 0, LinkType.Ethernet, 100, "eth0", "uplink"), "tcp port 443");
            writer.Write(number, 1_000_000_007, 60, new byte[59]);
            writer.WriteStatistics(number, new InterfaceStatistics(1, 2_000_000_000_000_000_000, 5, 3, 2));
            writer.WriteStatistics(-1, default);
            writer.Write(-1, 0, 0, []);
            Assert.Equal((1, 1), (writer.Packets, writer.Skipped));
        }
        byte[] bytes = stream.ToArray();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(bytes), out _)!;
        Assert.True(reader.TryReadBatch(out CaptureBatch batch));
        Assert.Equal((1_000_000_007, 60u), (reader.TimestampOf(batch, batch.Records[0]), batch.Records[0].OriginalLength));
        Assert.Equal(("eth0", "uplink"), (reader.Interfaces[0].Name, reader.Interfaces[0].Description));
        // Type, length, interface, time (high, low), then options: code, length, value.
        byte[] block = bytes[^88..];
        Assert.Equal([5u, 88u, 0u, 465661287u, 1321730048u], System.Runtime.InteropServices.MemoryMarshal.Cast<byte, uint>(block.AsSpan(0, 20)).ToArray());
        Assert.Equal([2, 3, 6, 7, 8], Enumerable.Range(0, 5).Select(i => (int)BitConverter.ToUInt16(block, 20 + (12 * i))));
        Assert.Equal([5L, 3L, 2L], Enumerable.Range(2, 3).Select(i => BitConverter.ToInt64(block, 24 + (12 * i))));
        Assert.Equal((0u, 88u), (BitConverter.ToUInt32(block, 80), BitConverter.ToUInt32(block, 84)));
    }

    [Theory]
    [InlineData("%Y-%m-%d_%H:%M:%S %j %y %s %% %e %F %T %R %D %I %p")]
    [InlineData("%a %A %b %B %h %u %w %z")]
    [InlineData("no conversion, and one that is cut off %")]
    public void Names_are_those_of_strftime(string pattern)
    {
        string date = Tools.Need("date", "coreutils");
        foreach (DateTimeOffset time in (DateTimeOffset[])[s_start, new(2024, 12, 31, 23, 59, 59, TimeSpan.Zero), new(2027, 1, 3, 12, 0, 0, TimeSpan.Zero)])
        {
            ToolResult run = Tools.Run(date, ["-u", "-d", $"@{time.ToUnixTimeSeconds()}", "+" + pattern], environment: new Dictionary<string, string?> { ["LC_ALL"] = "C" });
            Assert.Equal(run.Text.TrimEnd('\n'), FileNamePattern.Format(pattern, time));
        }
        Assert.Equal("%q-05", FileNamePattern.Format("%q-%M", s_start));
    }

    private FileStream Open(string name) => new(Path.Combine(_folder, name), FileMode.Create);

    /// <summary>Writes packets of 100 bytes that hold their number, so many milliseconds after each other.</summary>
    private (int Written, int Files) Write(CaptureFileOptions options, int packets, int milliseconds)
    {
        using var set = new CaptureFileSet([s_device], 100, options with { Clock = new FixedClock() });
        int i = 0;
        for (; i < packets; i++)
        {
            byte[] data = new byte[100];
            BitConverter.TryWriteBytes(data, i);
            if (!set.Write(new LivePacket(0, s_start.ToUnixTimeMilliseconds() * 1_000_000 + (i * milliseconds * 1_000_000L), 100, data, 0, 2)))
                break;
        }
        Assert.Equal(i, set.Packets);
        return (i, set.FilesWritten);
    }

    /// <summary>Names, in order, with their numbers of packets.</summary>
    private string[] Files() => [.. Directory.GetFiles(_folder).Order(StringComparer.Ordinal).Select(file => string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(file)}:{CaptureLab.Read(file).Count}"))];

    private int First(string name) => BitConverter.ToInt32(Convert.FromHexString(CaptureLab.Read(Path.Combine(_folder, name))[0].Bytes));

    private sealed class FixedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => s_start;
    }
}
