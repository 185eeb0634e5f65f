using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Tests.Support;

namespace Hachi.Tests.Captures;

public sealed class CaptureWriterTests
{
    [Theory]
    [InlineData(0xa1b2c3d4u, true)]
    [InlineData(0xa1b23c4du, false)]
    [InlineData(0xa1b2cd34u, false)]
    public void Pcap_makes_the_round_trip(uint magic, bool bigEndian)
    {
        CaptureBytes file = new CaptureBytes(bigEndian).PcapHeader(magic, 1, 77);
        for (int i = 0; i < 100; i++)
        {
            byte[] data = new byte[i + 8];
            if (magic == 0xa1b2cd34)
                file.U32(1).U32(2).U32((uint)data.Length).U32(99).Raw(new byte[8]).Raw(data);
            else
                file.PcapPacket(1, (uint)i, data, 99);
        }

        Assert.Equal(file.ToArray(), Copy(file.ToArray(), null));
    }

    [Fact]
    public void Pcapng_keeps_every_block()
    {
        byte[] file = CaptureBytes.Everything();
        Assert.Equal(file, Copy(file, null));
        // without packets: all other blocks, in order
        byte[] without = Copy(file, (_, _) => false);
        Assert.Empty(CaptureBytes.ReadAll(without, out _));
        Assert.Equal(Types(file).Where(type => type is not (2 or 3 or 6)), Types(without));
        byte[] some = Copy(file, (batch, index) => batch.Records[index].OriginalLength == 40);
        Assert.Equal(2, CaptureBytes.ReadAll(some, out _).Count);
        Assert.Equal(Types(file).Where(type => type is not (2 or 3 or 6)), Types(some).Where(type => type != 6));
        // in place: the second packet of each section stands before the secrets
        Assert.Equal([0x0a0d0d0au, 1, 1, 4, 6, 10], Types(some)[..6]);
    }

    [Fact]
    public void A_section_length_is_not_kept_when_packets_are_left_out()
    {
        byte[] file = CaptureBytes.Everything();
        BitConverter.TryWriteBytes(file.AsSpan(16), 5000L);
        Assert.Equal(-1L, BitConverter.ToInt64(Copy(file, (_, _) => false), 16));
    }

    [Fact]
    public void Chosen_packets_are_the_ones_written()
    {
        byte[] file = SampleCapture.BuiltIn();
        List<string> packets = CaptureBytes.ReadAll(file, out _);
        var random = Volume.Random(nameof(Chosen_packets_are_the_ones_written));
        for (int round = 0; round < 20; round++)
        {
            bool[] keep = [.. packets.Select(_ => random.Next(3) != round % 3)];
            byte[] copy = Copy(file, (_, index) => keep[index]);
            Assert.Equal(packets.Where((_, index) => keep[index]), CaptureBytes.ReadAll(copy, out _));
        }
    }

    [Theory]
    [InlineData(CaptureFormat.Pcap, false)]
    [InlineData(CaptureFormat.Pcap, true)]
    [InlineData(CaptureFormat.Pcapng, false)]
    [InlineData(CaptureFormat.Pcapng, true)]
    public void Formats_convert_into_each_other(CaptureFormat format, bool fromPcapng)
    {
        byte[] file = SampleCapture.BuiltIn();
        List<string> packets = CaptureBytes.ReadAll(file, out _);
        if (fromPcapng)
            file = Convert(file, CaptureFormat.Pcapng, out _);
        Assert.Equal(packets, CaptureBytes.ReadAll(Convert(file, format, out long skipped), out _));
        Assert.Equal(0, skipped);
    }

    [Fact]
    public void A_pcap_file_takes_one_link_type()
    {
        byte[] copy = Convert(CaptureBytes.Everything(), CaptureFormat.Pcap, out long skipped);
        Assert.Equal(6, CaptureBytes.ReadAll(copy, out _).Count);
        Assert.Equal(2, skipped);
    }

    [Fact]
    public void Files_after_each_other_become_sections()
    {
        var to = new MemoryStream();
        using (CaptureWriter writer = CaptureWriter.Create(to, CaptureFormat.Pcapng, LinkType.Ethernet))
        {
            foreach (byte[] file in new[] { SampleCapture.BuiltIn(), CaptureBytes.Everything(), SampleCapture.BuiltIn() })
            {
                using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), out _)!;
                while (reader.TryReadBatch(out CaptureBatch batch))
                    writer.Write(reader, batch);
            }
        }

        Assert.Equal(408, CaptureBytes.ReadAll(to.ToArray(), out _).Count);
        Assert.Equal(4, Types(to.ToArray()).Count(type => type == 0x0a0d0d0a));
    }

    [Fact]
    public void An_empty_capture_is_a_capture()
    {
        foreach (CaptureFormat format in Enum.GetValues<CaptureFormat>())
        {
            var to = new MemoryStream();
            CaptureWriter.Create(to, format, LinkType.Raw).Dispose();
            using CaptureReader reader = CaptureReader.Open(new MemoryStream(to.ToArray()), out _)!;
            Assert.Equal(LinkType.Raw, reader.LinkType);
            Assert.False(reader.TryReadBatch(out CaptureBatch batch) && batch.Records.Length > 0);
        }
    }

    /// <summary>tcpdump counts the same packets with the same lengths in what we write, and we in what it writes.</summary>
    [Fact]
    public void Tcpdump_reads_what_we_write_and_we_what_it_writes()
    {
        string tcpdump = Tools.Need("tcpdump");
        string folder = Directory.CreateTempSubdirectory("hachi").FullName;
        try
        {
            byte[] file = SampleCapture.BuiltIn();
            foreach (byte[] written in new[] { file, Convert(file, CaptureFormat.Pcapng, out _), Copy(file, null) })
            {
                string path = Path.Combine(folder, "ours"), back = Path.Combine(folder, "theirs");
                File.WriteAllBytes(path, written);
                Tools.RunOk(tcpdump, ["-r", path, "-w", back, "-Z", "root"]);
                Assert.Equal(CaptureBytes.ReadAll(file, out _), CaptureBytes.ReadAll(File.ReadAllBytes(back), out _));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Every capture of the corpus is copied byte for byte, or, where gaps allow it, to one that reads the same.</summary>
    [Fact]
    public void Corpus_captures_make_the_round_trip()
    {
        foreach (string path in Directory.GetFiles(Shared.Find("corpus/libpcap/captures"), "*.pcap*"))
        {
            byte[] file = File.ReadAllBytes(path);
            Assert.True(file.AsSpan().SequenceEqual(Copy(file, null)), path);
        }
    }

    internal delegate bool Choice(CaptureBatch batch, int index);

    /// <summary>Reads and writes in the same format; with a choice only some packets.</summary>
    internal static byte[] Copy(byte[] file, Choice? choice)
    {
        var to = new MemoryStream();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), out _)!;
        using (CaptureWriter writer = CaptureWriter.CreateLike(to, reader))
        {
            while (reader.TryReadBatch(out CaptureBatch batch))
            {
                if (choice is null)
                {
                    writer.Write(reader, batch);
                    continue;
                }

                var chosen = new List<int>();
                for (int i = 0; i < batch.Records.Length; i++)
                    if (choice(batch, i))
                        chosen.Add(i);
                writer.Write(reader, batch, chosen.ToArray());
            }
        }

        return to.ToArray();
    }

    private static byte[] Convert(byte[] file, CaptureFormat format, out long skipped)
    {
        var to = new MemoryStream();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), out _)!;
        using CaptureWriter writer = CaptureWriter.Create(to, format, reader.LinkType, nanoseconds: true);
        while (reader.TryReadBatch(out CaptureBatch batch))
            writer.Write(reader, batch);
        writer.Flush();
        skipped = writer.Skipped;
        return to.ToArray();
    }

    /// <summary>The types of the blocks of a pcapng file.</summary>
    private static List<uint> Types(byte[] file)
    {
        var types = new List<uint>();
        bool big = false;
        for (int at = 0; at + 12 <= file.Length;)
        {
            uint Read(int place) => big ? System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(place)) : BitConverter.ToUInt32(file, place);
            if (BitConverter.ToUInt32(file, at) == 0x0a0d0d0a)
                big = file[at + 8] == 0x1a;
            types.Add(Read(at));
            at += (int)Read(at + 4);
        }

        return types;
    }
}
