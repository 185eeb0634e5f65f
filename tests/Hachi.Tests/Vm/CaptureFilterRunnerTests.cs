using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Text;
using Hachi.Vm;

namespace Hachi.Tests.Vm;

public sealed class CaptureFilterRunnerTests
{
    [Theory]
    [InlineData(CaptureFormat.Pcap, FilterEngineKind.Il)]
    [InlineData(CaptureFormat.Pcapng, FilterEngineKind.Il)]
    [InlineData(CaptureFormat.Pcap, FilterEngineKind.X64)]
    [InlineData(CaptureFormat.Pcapng, FilterEngineKind.Auto)]
    public void Several_filters_in_one_pass_write_what_each_alone_would(CaptureFormat format, FilterEngineKind kind)
    {
        byte[] capture = Sample(format, 3_000);
        string[] expressions = ["tcp", "udp port 53", "", "greater 100000"];
        MemoryStream[] together = [.. expressions.Select(_ => new MemoryStream())];
        long[] counts = Filter(capture, expressions, together, kind);
        for (int i = 0; i < expressions.Length; i++)
        {
            var alone = new MemoryStream();
            long count = Filter(capture, [expressions[i]], [alone], FilterEngineKind.Interpreter)[0];
            Assert.Equal(count, counts[i]);
            Assert.Equal(alone.ToArray(), together[i].ToArray());
        }
        Assert.Equal(3_000, counts[2]);
        Assert.Equal(0, counts[3]);
        Assert.InRange(counts[0], 1_000, 2_999);
        Assert.Equal(capture, together[2].ToArray());
    }

    [Fact]
    public void Settings_stand_above_what_is_recorded()
    {
        // mark == 7
        var program = new ClassicProgram([new(ClassicOpcode.Ld | ClassicOpcode.Abs, Extension.Mark), new((ushort)0x15, 0, 1, 7), new(ClassicOpcode.Ret, 1), new(ClassicOpcode.Ret)]);
        foreach ((string meta, long expected) in (ReadOnlySpan<(string, long)>)[("mark=7", 10), ("mark=8", 0), ("mark=8,mark=0x7", 10)])
        {
            using CaptureReader reader = CaptureReader.Open(new MemoryStream(Sample(CaptureFormat.Pcap, 10)), out _)!;
            var output = new CaptureFilterOutput(program);
            new CaptureFilterRunner(reader, output) { Settings = MetadataSettings.Parse(meta, out _) }.Run(TestContext.Current.CancellationToken);
            Assert.Equal(expected, output.Matched);
        }
    }

    [Theory]
    [InlineData("poff=1", "HV0001", 0, 4)]
    [InlineData("mark=7,nonsense=1", "HV0001", 7, 8)]
    [InlineData("mark=x", "HV0002", 5, 1)]
    [InlineData("mark=4294967296", "HV0002", 5, 10)]
    public void Wrong_metadata_is_told_with_its_place(string text, string id, int start, int length)
    {
        Assert.Null(MetadataSettings.Parse(text, out Diagnostic? diagnostic));
        Assert.Equal((id, new TextSpan(start, length)), (diagnostic!.Id, diagnostic.Span));
        Assert.StartsWith($"'{text.Substring(start, length)}' is no ", diagnostic.Message, StringComparison.Ordinal);
    }

    private static byte[] Sample(CaptureFormat format, long packets)
    {
        var bytes = new MemoryStream();
        using (CaptureWriter writer = CaptureWriter.Create(bytes, format, LinkType.Ethernet, leaveOpen: true))
            SampleCapture.Write(writer, packets);
        return bytes.ToArray();
    }

    private static long[] Filter(byte[] capture, string[] expressions, MemoryStream[] to, FilterEngineKind kind)
    {
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(capture), out _)!;
        CaptureWriter[] writers = [.. to.Select(stream => CaptureWriter.CreateLike(stream, reader, leaveOpen: true))];
        CaptureFilterOutput[] outputs = [.. expressions.Select((e, i) => new CaptureFilterOutput(link => new FilterEngine(CaptureFilter.Compile(e, link).Program, kind), writers[i]))];
        new CaptureFilterRunner(reader, outputs).Run();
        foreach (CaptureWriter writer in writers)
            writer.Dispose();
        return [.. outputs.Select(o => o.Matched)];
    }
}
