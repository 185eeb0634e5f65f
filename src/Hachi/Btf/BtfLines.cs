using System.Buffers.Binary;

namespace Hachi.Btf;

/// <summary>Where an instruction comes from (linux/btf.h, <c>struct bpf_line_info</c>).</summary>
/// <param name="Slot">The first slot in its section that the line made.</param>
/// <param name="FileName">Where the name of the source file stands among the strings.</param>
/// <param name="Text">Where the line's text stands among the strings.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Column">The column, from 1; 0 when it is not known.</param>
internal readonly record struct BtfLine(int Slot, uint FileName, uint Text, int Line, int Column);

/// <summary>Reads the line information of a section .BTF.ext.</summary>
internal static class BtfLines
{
    private const int HeaderBytes = 24, RecordBytesMin = 16, Magic = 0xeb9f;

    /// <summary>The lines of each section, by slot; what is damaged is left out.</summary>
    /// <param name="section">The section .BTF.ext.</param>
    /// <param name="types">The types, for the names of sections.</param>
    public static Dictionary<string, BtfLine[]> Read(ReadOnlySpan<byte> section, BtfTypes types)
    {
        var all = new Dictionary<string, BtfLine[]>();
        if (section.Length < HeaderBytes || BinaryPrimitives.ReadUInt16LittleEndian(section) != Magic)
            return all;
        ulong header = Word(section, 4), from = header + Word(section, 16), length = Word(section, 20);
        if (from + length > (ulong)section.Length || length < 4)
            return all;
        ReadOnlySpan<byte> rest = section.Slice((int)from, (int)length);
        uint each = Word(rest, 0);
        rest = rest[4..];
        while (each >= RecordBytesMin && rest.Length >= 8)
        {
            string name = types.StringAt(Word(rest, 0));
            uint count = Word(rest, 4);
            rest = rest[8..];
            if ((ulong)count * each > (ulong)rest.Length)
                break;
            var lines = new BtfLine[count];
            for (int i = 0; i < lines.Length; i++)
            {
                ReadOnlySpan<byte> at = rest[(int)(i * each)..];
                uint place = Word(at, 12);
                lines[i] = new BtfLine((int)(Word(at, 0) / 8), Word(at, 4), Word(at, 8), (int)(place >> 10), (int)(place & 0x3ff));
            }
            Array.Sort(lines, (a, b) => a.Slot.CompareTo(b.Slot));
            all.TryAdd(name, lines);
            rest = rest[(int)(count * each)..];
        }
        return all;
    }

    private static uint Word(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt32LittleEndian(from[at..]);
}
