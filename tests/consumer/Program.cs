using Hachi.Captures;
using Hachi.Lang.Pcap;

CaptureFilter filter = CaptureFilter.Compile("tcp port 443");
using CaptureReader reader = CaptureReader.Open(File.OpenRead(args[0]), out var problem) ?? throw new InvalidDataException(problem?.Message);
int kept = 0;
while (reader.TryReadBatch(out CaptureBatch batch))
    foreach (PacketRecord record in batch.Records)
        if (filter.Matches(batch.Data(record)))
            kept++;
Console.WriteLine($"{kept} packets match '{filter}'");
