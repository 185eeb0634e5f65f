using System.Buffers.Binary;
using System.Text;

namespace Hachi.Captures;

/// <content>A section of our own with several interfaces, as live captures make it: described with their names, in nanoseconds, with statistics at the end.</content>
internal sealed partial class PcapngWriter
{
    private const int TextBytesMax = 4096;

    private readonly object _live = new();
    private readonly List<(CaptureInterface Described, string? Filter)> _interfaces = [];

    public override int AddInterface(CaptureInterface described, string? filter = null)
    {
        ArgumentNullException.ThrowIfNull(described);
        EnterLive();
        _interfaces.Add((described, filter));
        WriteInterface(described, filter);
        return _interfaces.Count - 1;
    }

    public override void Write(int interfaceNumber, long timestamp, uint originalLength, ReadOnlySpan<byte> data)
    {
        if (interfaceNumber < 0)
        {
            Skipped++;
            return;
        }
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(interfaceNumber, _interfaces.Count);
        if (_section != _live)
            EnterLive();
        WritePacket(interfaceNumber, timestamp, originalLength, data);
    }

    public override void WriteStatistics(int interfaceNumber, in InterfaceStatistics statistics)
    {
        if (interfaceNumber < 0)
            return;
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(interfaceNumber, _interfaces.Count);
        EnterLive();
        const int Length = 12 + 12 + (5 * 12) + 4; // block, body, five options of eight bytes, end of options
        Span<byte> block = Reserve(Length);
        block.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(block, PcapngFormat.InterfaceStatistics);
        BinaryPrimitives.WriteInt32LittleEndian(block[4..], Length);
        BinaryPrimitives.WriteInt32LittleEndian(block[8..], interfaceNumber);
        PutTime(block[12..], statistics.EndTime);
        PutOption(block[20..], PcapngFormat.StatisticsStartTime, 8);
        PutTime(block[24..], statistics.StartTime);
        PutOption(block[32..], PcapngFormat.StatisticsEndTime, 8);
        PutTime(block[36..], statistics.EndTime);
        PutOption(block[44..], PcapngFormat.StatisticsFilterAccept, 8);
        BinaryPrimitives.WriteInt64LittleEndian(block[48..], statistics.FilterAccept);
        PutOption(block[56..], PcapngFormat.StatisticsOsDrop, 8);
        BinaryPrimitives.WriteInt64LittleEndian(block[60..], statistics.OsDrop);
        PutOption(block[68..], PcapngFormat.StatisticsUserDelivered, 8);
        BinaryPrimitives.WriteInt64LittleEndian(block[72..], statistics.UserDelivered);
        BinaryPrimitives.WriteInt32LittleEndian(block[^4..], Length);
    }

    private static void PutOption(Span<byte> to, ushort code, int length)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(to, code);
        BinaryPrimitives.WriteUInt16LittleEndian(to[2..], (ushort)length);
    }

    private static void PutTime(Span<byte> to, long nanoseconds)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, (uint)(nanoseconds >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(to[4..], (uint)nanoseconds);
    }

    /// <summary>Begins the section, or, when another one has been copied in between, a further one with the same interfaces.</summary>
    private void EnterLive()
    {
        if (_section == _live)
            return;
        _section = _live;
        _resolution = 9;
        WriteSectionHeader();
        foreach ((CaptureInterface described, string? filter) in _interfaces)
            WriteInterface(described, filter);
    }

    private void WriteInterface(CaptureInterface described, string? filter)
    {
        byte[] name = Text(described.Name), description = Text(described.Description), program = Text(filter);
        int length = 20 + 8 + 4 + OptionBytes(name) + OptionBytes(description);
        if (program.Length > 0)
            length += 4 + PcapngFormat.Pad(program.Length + 1);
        Span<byte> block = Reserve(length);
        block.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(block, PcapngFormat.InterfaceDescription);
        BinaryPrimitives.WriteInt32LittleEndian(block[4..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(block[8..], (ushort)described.LinkType.FileValue);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], described.Snaplen);
        Span<byte> options = block[16..];
        options = PutText(options, PcapngFormat.InterfaceName, name);
        options = PutText(options, PcapngFormat.InterfaceDescriptionText, description);
        PutOption(options, PcapngFormat.InterfaceTimestampResolution, 1);
        options[4] = 9;
        options = options[8..];
        if (program.Length > 0)
        {
            // One octet tells the kind of the filter: 0 is an expression as text.
            PutOption(options, PcapngFormat.InterfaceFilter, program.Length + 1);
            program.CopyTo(options[5..]);
        }
        BinaryPrimitives.WriteInt32LittleEndian(block[^4..], length);
    }

    private static int OptionBytes(byte[] text) => text.Length == 0 ? 0 : 4 + PcapngFormat.Pad(text.Length);

    private static Span<byte> PutText(Span<byte> to, ushort code, byte[] text)
    {
        if (text.Length == 0)
            return to;
        PutOption(to, code, text.Length);
        text.CopyTo(to[4..]);
        return to[OptionBytes(text)..];
    }

    /// <summary>An option's length has 16 bits; longer texts are cut off at a character.</summary>
    private static byte[] Text(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return [];
        byte[] bytes = new byte[TextBytesMax];
        Encoding.UTF8.GetEncoder().Convert(text, bytes, flush: true, out _, out int used, out _);
        return bytes[..used];
    }
}
