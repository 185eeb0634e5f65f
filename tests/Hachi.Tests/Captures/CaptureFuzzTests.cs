using System.Text;
using Hachi.Captures;
using Hachi.Captures.Print;
using Hachi.Captures.Sample;
using Hachi.Tests.Support;
using Hachi.Text;

namespace Hachi.Tests.Captures;

/// <summary>Mutated captures: a diagnostic or packets, no exception, no hang, no growing memory.</summary>
public sealed class CaptureFuzzTests
{
    [Fact]
    public void Mutated_captures_never_throw()
    {
        byte[] small = new CaptureBytes(false).PcapHeader(0xa1b2c3d4, 1).PcapPacket(1, 2, new byte[60], 60).PcapPacket(3, 4, new byte[9], 60).ToArray();
        byte[] sample = SampleCapture.BuiltIn()[..6000];
        byte[][] seeds = [small, CaptureBytes.Everything(), sample, CaptureReaderTests.Gzip(CaptureBytes.Everything())];
        Random random = Volume.Random(nameof(Mutated_captures_never_throw));
        int count = Volume.Of(1_000_000, 4000), refused = 0, damaged = 0;
        var line = new StringBuilder();
        byte[] buffer = new byte[8192];
        var sink = new MemoryStream(1 << 16);
        Read(seeds[1], line, sink);
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < count; i++)
        {
            byte[] seed = seeds[i % seeds.Length];
            int length = Mutate(seed, buffer, random);
            try
            {
                Diagnostic? diagnostic = Read(buffer.AsSpan(0, length).ToArray(), line, sink);
                if (diagnostic?.Id is "HC0001" or "HC0002")
                    refused++;
                else if (diagnostic is not null)
                    damaged++;
            }
            catch (Exception e)
            {
                Assert.Fail($"{Volume.Note}, case {i}: {e}\n{Convert.ToHexString(buffer, 0, length)}");
            }
        }

        Assert.True(damaged > count / 10 && refused > 0, $"{damaged} damaged, {refused} refused of {count}");
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - memory < 16 << 20, Volume.Note);
    }

    private static int Mutate(byte[] seed, byte[] buffer, Random random)
    {
        int length = random.Next(4) == 0 ? random.Next(seed.Length + 1) : seed.Length;
        seed.AsSpan(0, length).CopyTo(buffer);
        for (int changes = random.Next(1, 5); changes > 0 && length >= 4; changes--)
        {
            int at = random.Next(3) == 0 ? random.Next(Math.Min(length, 200) - 3) : random.Next(length - 3);
            switch (random.Next(4))
            {
                case 0:
                    buffer[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    BitConverter.TryWriteBytes(buffer.AsSpan(at & ~3), random.Next(3) == 0 ? uint.MaxValue : (uint)random.Next(0, 300));
                    break;
                case 2:
                    random.NextBytes(buffer.AsSpan(at, Math.Min(8, length - at)));
                    break;
                default:
                    int from = random.Next(length), size = Math.Min(random.Next(64), length - Math.Max(at, from));
                    buffer.AsSpan(from, size).CopyTo(buffer.AsSpan(at));
                    break;
            }
        }

        return length;
    }

    /// <summary>Does with a capture all that the verbs do: walk, metadata, comments, a line each, a copy.</summary>
    private static Diagnostic? Read(byte[] file, StringBuilder line, MemoryStream sink)
    {
        using CaptureReader? reader = CaptureReader.Open(new MemoryStream(file), out Diagnostic? diagnostic);
        if (reader is null)
        {
            Assert.NotNull(diagnostic);
            return diagnostic;
        }

        sink.SetLength(0);
        using CaptureWriter writer = CaptureWriter.CreateLike(sink, reader, leaveOpen: true);
        int batches = 0;
        while (reader.TryReadBatch(out CaptureBatch batch))
        {
            Assert.True(++batches <= file.Length * 1100L / 12);
            writer.Write(reader, batch);
            foreach (ref readonly PacketRecord record in batch.Records)
            {
                reader.ReadMetadata(batch, record, out _);
                foreach (string comment in reader.CommentsOf(batch, record))
                    Assert.DoesNotContain('\u001b', Escaper.Escape(comment));
                line.Clear();
                PacketLine.Append(line, batch.LinkType, batch.Data(record), record.OriginalLength, reader.TimestampOf(batch, record));
                Assert.True(line.Length < 4000);
            }
        }

        return reader.Diagnostic;
    }
}
