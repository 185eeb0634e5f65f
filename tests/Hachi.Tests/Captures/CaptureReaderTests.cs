using Hachi.Captures;
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
}
