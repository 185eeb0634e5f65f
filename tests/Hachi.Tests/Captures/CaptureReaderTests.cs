using System.IO.Compression;
using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Tests.Support;
using Hachi.Text;

namespace Hachi.Tests.Captures;

public sealed class CaptureReaderTests
{
    [Fact]
    public void Corpus_captures_read_to_their_end()
    {
        string directory = Shared.Find("corpus/libpcap/captures");
        int files = 0, packets = 0;
        foreach (string path in Directory.GetFiles(directory, "*.pcap*"))
        {
            using CaptureReader? reader = CaptureReader.Open(File.OpenRead(path), out Diagnostic? diagnostic);
            Assert.True(reader is not null, $"{path}: {diagnostic?.Message}");
            while (reader.TryReadBatch(out CaptureBatch batch))
            {
                packets += batch.Records.Length;
                foreach (ref readonly PacketRecord record in batch.Records)
                    Assert.True(batch.Data(record).Length == record.CapturedLength && reader.TimestampOf(batch, record) >= 0);
            }

            Assert.Null(reader.Diagnostic);
            files++;
        }

        Assert.True(files >= 37);
        Assert.True(packets >= 304, $"{packets} packets");
    }

    [Fact]
    public void Bytes_of_no_capture_are_refused()
    {
        using CaptureReader? reader = CaptureReader.Open(new MemoryStream([1, 2, 3, 4, 5]), out Diagnostic? diagnostic);
        Assert.Null(reader);
        Assert.Equal("HC0002", diagnostic?.Id);
        Assert.Contains("0x01020304", diagnostic!.Message, StringComparison.Ordinal);
        Assert.Null(CaptureReader.Open(Stream.Null, out diagnostic));
        Assert.Equal("HC0001", diagnostic?.Id);
    }

    [Theory]
    [InlineData(0xa1b2c3d4u, false, 5_000_000_007_000)]
    [InlineData(0xa1b2c3d4u, true, 5_000_000_007_000)]
    [InlineData(0xa1b23c4du, false, 5_000_000_000_007)]
    [InlineData(0xa1b23c4du, true, 5_000_000_000_007)]
    [InlineData(0xa12b3c4du, true, 5_000_000_007_000)]
    public void Pcap_is_read_in_both_byte_orders_and_resolutions(uint magic, bool bigEndian, long time)
    {
        byte[] file = new CaptureBytes(bigEndian).PcapHeader(magic, 1).PcapPacket(5000, 7, [1, 2, 3], 60).PcapPacket(5000, 7, [], 0).ToArray();
        Assert.Equal([$"EN10MB {time} 60 010203", $"EN10MB {time} 0 "], CaptureBytes.ReadAll(file, out Diagnostic? diagnostic));
        Assert.Null(diagnostic);
    }

    [Fact]
    public void Kuznetsov_records_carry_metadata()
    {
        byte[] file = new CaptureBytes(false).PcapHeader(0xa1b2cd34, 101).U32(1).U32(2).U32(1).U32(1).U32(9).U16(0x86dd).Raw([4, 0]).Raw([0x60]).ToArray();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), out _)!;
        Assert.True(reader.TryReadBatch(out CaptureBatch batch));
        Assert.Equal(LinkType.Raw, batch.LinkType);
        Assert.Equal(0x60, batch.Data(batch.Records[0])[0]);
        reader.ReadMetadata(batch, batch.Records[0], out PacketMetadata metadata);
        Assert.Equal((9u, 0x86ddu, 4u), (metadata.InterfaceIndex, metadata.Protocol, metadata.PacketType));
    }

    [Fact]
    public void Header_oddities_are_understood()
    {
        // FCS bits beside the link type, snapshot length 0 (none), a packet longer than the snapshot length, lengths swapped before version 2.3
        byte[] file = new CaptureBytes(true).PcapHeader(0xa1b2c3d4, 0x24000001, 0).PcapPacket(1, 0, new byte[100], 100).ToArray();
        using (CaptureReader reader = CaptureReader.Open(new MemoryStream(file), out _)!)
        {
            Assert.Equal((LinkType.Ethernet, 4), (reader.LinkType, reader.Interfaces[0].FcsLength));
            Assert.True(reader.TryReadBatch(out CaptureBatch batch));
            Assert.Equal(100, batch.Records[0].CapturedLength);
        }

        file = new CaptureBytes(false).PcapHeader(0xa1b2c3d4, 1, 2).PcapPacket(0, 0, [1, 2, 3], 9).ToArray();
        Assert.Equal(["EN10MB 0 9 0102"], CaptureBytes.ReadAll(file, out _));
        file = new CaptureBytes(false).PcapHeader(0xa1b2c3d4, 1, minor: 2).U32(0).U32(0).U32(9).U32(3).Raw([1, 2, 3]).ToArray();
        Assert.Equal(["EN10MB 0 9 010203"], CaptureBytes.ReadAll(file, out _));
        CaptureBytes.ReadAll(new CaptureBytes(false).U32(0xa1b2c3d4).U16(3).U16(0).Raw(new byte[16]).ToArray(), out Diagnostic? diagnostic);
        Assert.Equal("HC0005", diagnostic?.Id);
    }

    [Fact]
    public void Pcapng_is_read_with_all_its_blocks()
    {
        List<string> packets = CaptureBytes.ReadAll(CaptureBytes.Everything(), out Diagnostic? diagnostic);
        Assert.Null(diagnostic);
        Assert.Equal(8, packets.Count);
        Assert.Equal(packets[..4], packets[4..]);
        Assert.StartsWith("EN10MB 1700000000123456789 61 ", packets[0], StringComparison.Ordinal);
        Assert.StartsWith("LINUX_SLL 1700000000123456000 40 0004", packets[1], StringComparison.Ordinal);
        Assert.StartsWith("EN10MB 0 100 ", packets[2], StringComparison.Ordinal);
        Assert.Equal("EN10MB 5 3 010203", packets[3]);
    }

    [Fact]
    public void Pcapng_metadata_are_read_in_both_byte_orders()
    {
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(CaptureBytes.Everything()), out _)!;
        int seen = 0;
        while (reader.TryReadBatch(out CaptureBatch batch))
        {
            foreach (ref readonly PacketRecord record in batch.Records)
            {
                reader.ReadMetadata(batch, record, out PacketMetadata metadata);
                if (batch.LinkType == LinkType.LinuxSll)
                {
                    Assert.Equal((4u, 1u, 0x800u), (metadata.PacketType, metadata.HardwareType, metadata.Protocol));
                    seen++;
                }
                else if (record.OriginalLength == 61)
                {
                    Assert.Equal((2u, 3u, 0x01020304u), (metadata.PacketType, metadata.Queue, metadata.RxHash));
                    Assert.Equal(["a comment"], reader.CommentsOf(batch, record));
                    seen++;
                }
            }
        }

        Assert.Equal(4, seen);
        Assert.Equal(["eth0", "any", "eth0", "any"], reader.Interfaces.Select(described => described.Name));
    }

    [Theory]
    [InlineData(6, 0, 1_000_001, 1_000_001_000)]
    [InlineData(0, 3, 2, 5_000_000_000)]
    [InlineData(12, 0, 1_234_567, 1_234)]
    [InlineData(0x8a, 0, 1536, 1_500_000_000)]
    [InlineData(0x80, -1, 3, 2_000_000_000)]
    [InlineData(0xff, 0, 1, 0)]
    public void Timestamp_resolution_and_offset_count(int resolution, long offset, ulong ticks, long nanoseconds)
    {
        byte[] file = new CaptureBytes(false).Section().Interface(1, 0, (9, [(byte)resolution]), (14, BitConverter.GetBytes(offset)))
            .Packet(0, ticks, [], 0).ToArray();
        Assert.Equal([$"EN10MB {nanoseconds} 0 "], CaptureBytes.ReadAll(file, out _));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Truncation_anywhere_delivers_what_came_before(bool pcapng)
    {
        byte[] whole = pcapng
            ? CaptureBytes.Everything()
            : new CaptureBytes(false).PcapHeader(0xa1b2c3d4, 1).PcapPacket(1, 2, new byte[30], 30).PcapPacket(1, 2, new byte[7], 30).ToArray();
        List<string> packets = CaptureBytes.ReadAll(whole, out _);
        int last = 0;
        for (int length = 1; length < whole.Length; length++)
        {
            List<string> some = CaptureBytes.ReadAll(whole[..length], out Diagnostic? diagnostic);
            Assert.Equal(packets[..some.Count], some);
            Assert.True(some.Count >= last);
            Assert.True(diagnostic is null || diagnostic.Id is "HC0003" or "HC0002", diagnostic?.Message);
            last = some.Count;
        }

        CaptureBytes.ReadAll(whole[..^1], out Diagnostic? cut);
        Assert.Contains("at byte", cut!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HC0004", 32, 0xffffffffu)]
    [InlineData("HC0003", 32, 200_000u)]
    public void Damaged_pcap_records_are_named_by_offset(string id, int at, uint value)
    {
        byte[] file = new CaptureBytes(false).PcapHeader(0xa1b2c3d4, 1).PcapPacket(1, 2, new byte[30], 30).ToArray();
        BitConverter.TryWriteBytes(file.AsSpan(at), value);
        Assert.Empty(CaptureBytes.ReadAll(file, out Diagnostic? diagnostic));
        Assert.Equal(id, diagnostic?.Id);
        Assert.Contains("at byte 24 ", diagnostic!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_pcapng_blocks_are_named_by_offset()
    {
        (string Id, Func<CaptureBytes, CaptureBytes> Tail)[] cases =
        [
            ("HC0006", b => b.U32(6).U32(13).Raw(new byte[32])),
            ("HC0006", b => b.U32(6).U32(0xfffffffc).Raw(new byte[32])),
            ("HC0007", b => b.U32(5).U32(16).Raw(new byte[4]).U32(20)),
            ("HC0008", b => b.U32(0x0a0d0d0a).U32(28).Raw(new byte[20])),
            ("HC0009", b => b.Packet(1, 0, [], 0)),
            ("HC0010", b => b.Block(6, e => e.U32(0).U32(0).U32(0).U32(5).U32(5).Raw([1, 2, 3, 4]))),
            ("HC0005", b => b.Block(0x0a0d0d0a, e => e.U32(0x1a2b3c4d).U16(2).U16(0).U32(0).U32(0))),
        ];
        foreach ((string id, Func<CaptureBytes, CaptureBytes> tail) in cases)
        {
            CaptureBytes file = new CaptureBytes(false).Section().Interface(1, 0).Packet(0, 1, [1], 1);
            int offset = file.ToArray().Length;
            Assert.Single(CaptureBytes.ReadAll(tail(file).ToArray(), out Diagnostic? diagnostic));
            Assert.Equal(id, diagnostic?.Id);
            if (id != "HC0005")
                Assert.Contains($"at byte {offset}", diagnostic!.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Gzip_is_read_transparently()
    {
        byte[] file = SampleCapture.BuiltIn();
        List<string> packets = CaptureBytes.ReadAll(file, out _);
        Assert.Equal(packets, CaptureBytes.ReadAll(Gzip(file), out Diagnostic? diagnostic));
        Assert.Null(diagnostic);
        byte[] members = [.. Gzip(file[..1000]), .. Gzip(file[1000..])];
        Assert.Equal(packets, CaptureBytes.ReadAll(members, out diagnostic));
        Assert.Null(diagnostic);
        byte[] everything = CaptureBytes.Everything();
        Assert.Equal(CaptureBytes.ReadAll(everything, out _), CaptureBytes.ReadAll(Gzip(everything), out _));
    }

    /// <summary>gzip(1) ignores zeroes behind the last member: tapes and block devices leave them.</summary>
    [Theory]
    [InlineData(0, 1, true)]
    [InlineData(0, 100, true)]
    [InlineData(0, 300_000, true)]
    [InlineData(3, 0, false)]
    [InlineData(30, 0, false)]
    [InlineData(30, 1, false)]
    [InlineData(30, 1000, false)]
    public void Zeroes_behind_gzip_are_padding(int cut, int zeroes, bool isWhole)
    {
        byte[] file = SampleCapture.BuiltIn(), compressed = Gzip(file);
        byte[] padded = [.. compressed[..^cut], .. new byte[zeroes]];
        List<string> packets = CaptureBytes.ReadAll(padded, out Diagnostic? diagnostic);
        Assert.Equal(isWhole, diagnostic is null);
        if (isWhole)
            Assert.Equal(CaptureBytes.ReadAll(file, out _), packets);
        CaptureBytes.ReadAll([.. padded, 1], out diagnostic);
        Assert.NotNull(diagnostic);
    }

    [Fact]
    public void Broken_gzip_delivers_what_came_before()
    {
        byte[] compressed = Gzip(SampleCapture.BuiltIn());
        List<string> packets = CaptureBytes.ReadAll(SampleCapture.BuiltIn(), out _);
        int most = 0;
        for (int length = 11; length < compressed.Length - 8; length += 97)
        {
            List<string> some = CaptureBytes.ReadAll(compressed[..length], out Diagnostic? diagnostic);
            Assert.Equal(packets[..some.Count], some);
            Assert.NotNull(diagnostic);
            most = Math.Max(most, some.Count);
        }

        Assert.True(most > packets.Count / 2, $"{most} of {packets.Count}");
    }

    [Fact]
    public void A_gzip_bomb_streams()
    {
        // 64 MiB of packets of zeros in a few dozen kilobytes: memory stays what it was
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(new CaptureBytes(false).PcapHeader(0xa1b2c3d4, 1).ToArray());
            byte[] packet = new CaptureBytes(false).PcapPacket(0, 0, new byte[65536], 65536).ToArray();
            for (int i = 0; i < 1024; i++)
                gzip.Write(packet);
        }

        packed.Position = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        using CaptureReader reader = CaptureReader.Open(packed, out _)!;
        int packets = 0;
        while (reader.TryReadBatch(out CaptureBatch batch))
            packets += batch.Records.Length;
        Assert.Equal(1024, packets);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 2 << 20);
    }

    [Fact]
    public void Claimed_lengths_are_not_allocated()
    {
        // a D-Bus packet may have 128 MiB; this one claims it and has nothing
        byte[] file = new CaptureBytes(false).PcapHeader(0xa1b2c3d4, 231).U32(0).U32(0).U32(128 << 20).U32(128 << 20).ToArray();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Empty(CaptureBytes.ReadAll(file, out Diagnostic? diagnostic));
        Assert.Equal("HC0003", diagnostic?.Id);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 2 << 20);
    }

    [Fact]
    public void Records_across_reads_of_any_size_are_whole()
    {
        byte[] file = SampleCapture.BuiltIn();
        List<string> packets = CaptureBytes.ReadAll(file, out _);
        foreach (int step in new[] { 1, 7, 1000 })
        {
            using CaptureReader reader = CaptureReader.Open(new DribblingStream(file, step), out _)!;
            int count = 0;
            while (reader.TryReadBatch(out CaptureBatch batch))
            {
                foreach (ref readonly PacketRecord record in batch.Records)
                    Assert.EndsWith(" " + Convert.ToHexStringLower(batch.Data(record)), packets[count++], StringComparison.Ordinal);
            }

            Assert.Equal(packets.Count, count);
        }
    }

    internal static byte[] Gzip(byte[] bytes)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(bytes);
        return packed.ToArray();
    }

    /// <summary>Gives a few bytes a read, as a pipe may.</summary>
    private sealed class DribblingStream(byte[] bytes, int step) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, step));
    }
}
