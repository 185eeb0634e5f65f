using System.Buffers.Binary;

namespace Hachi.Btf;

/// <summary>A section .BTF.ext (Documentation/bpf/btf.rst): types of functions, lines of the source and CO-RE relocations, each by section of code, by slot in it.</summary>
internal sealed class BtfExt
{
    private const int HeaderBytes = 32, HeaderBytesMin = 24, Magic = 0xeb9f, FuncBytes = 8, LineBytes = 16, CoreBytes = 16;

    /// <summary>Types of functions, by section.</summary>
    public SortedDictionary<string, List<FuncInfo>> Functions { get; } = new(StringComparer.Ordinal);

    /// <summary>Lines of the source, by section.</summary>
    public SortedDictionary<string, List<LineInfo>> Lines { get; } = new(StringComparer.Ordinal);

    /// <summary>CO-RE relocations, by section.</summary>
    public SortedDictionary<string, List<CoreRelocation>> Relocations { get; } = new(StringComparer.Ordinal);

    private delegate T Reader<T>(ReadOnlySpan<byte> record, int slot);

    private delegate void Filler<T>(Span<byte> record, in T item);

    /// <summary>Reads a section; false, with a reason, when it is damaged.</summary>
    /// <param name="section">The section .BTF.ext.</param>
    /// <param name="types">The types, for names of sections.</param>
    /// <param name="read">What stands in it, ordered by slot.</param>
    /// <param name="reason">What is wrong; empty when nothing is.</param>
    public static bool TryRead(ReadOnlySpan<byte> section, BtfTypes types, out BtfExt read, out string reason)
    {
        read = new BtfExt();
        reason = "it is shorter than its header";
        if (section.Length < HeaderBytesMin)
            return false;
        uint header = Word(section, 4);
        reason = "it does not begin as .BTF.ext does";
        if (BinaryPrimitives.ReadUInt16LittleEndian(section) != Magic || section[2] != 1 || header < HeaderBytesMin || header > section.Length)
            return false;
        ReadOnlySpan<byte> body = section[(int)header..];
        reason = "the types of functions are cut";
        if (!Read(body, Word(section, 8), Word(section, 12), FuncBytes, types, read.Functions, (record, slot) => new FuncInfo(slot, Word(record, 4))))
            return false;
        reason = "the lines of the source are cut";
        if (!Read(body, Word(section, 16), Word(section, 20), LineBytes, types, read.Lines,
            (record, slot) => new LineInfo(slot, Word(record, 4), Word(record, 8), (int)(Word(record, 12) >> 10), (int)(Word(record, 12) & 0x3ff))))
            return false;
        reason = "the relocations are cut, or of an unknown kind";
        bool isKnown = true;
        bool isWhole = header < HeaderBytes || Read(body, Word(section, 24), Word(section, 28), CoreBytes, types, read.Relocations, (record, slot) =>
        {
            uint kind = Word(record, 12);
            isKnown &= kind <= (uint)CoreRelocationKind.TypeMatches;
            return new CoreRelocation(slot, (CoreRelocationKind)kind, Word(record, 4), Word(record, 8));
        });
        if (!isWhole || !isKnown)
            return false;
        reason = "";
        return true;
    }

    /// <summary>The section.</summary>
    /// <param name="nameOffset">Where the name of a section stands among the strings of .BTF.</param>
    public byte[] Write(Func<string, uint> nameOffset)
    {
        byte[] functions = Write(Functions, FuncBytes, nameOffset, (Span<byte> record, in FuncInfo each) => Put(record, 4, each.Type));
        byte[] lines = Write(Lines, LineBytes, nameOffset, (Span<byte> record, in LineInfo each) =>
        {
            Put(record, 4, each.FileName);
            Put(record, 8, each.Text);
            Put(record, 12, each.LineColumn);
        });
        byte[] relocations = Write(Relocations, CoreBytes, nameOffset, (Span<byte> record, in CoreRelocation each) =>
        {
            Put(record, 4, each.Type);
            Put(record, 8, each.Access);
            Put(record, 12, (uint)each.Kind);
        });
        byte[] section = new byte[HeaderBytes];
        int[] header = [0x0001_eb9f, HeaderBytes, 0, functions.Length, functions.Length, lines.Length, functions.Length + lines.Length, relocations.Length];
        for (int i = 0; i < header.Length; i++)
            Put(section, i * 4, (uint)header[i]);
        return [.. section, .. functions, .. lines, .. relocations];
    }

    private static bool Read<T>(ReadOnlySpan<byte> body, uint from, uint length, int recordBytes, BtfTypes types, SortedDictionary<string, List<T>> into, Reader<T> make)
        where T : IAtSlot
    {
        if (length == 0)
            return true;
        if ((ulong)from + length > (ulong)body.Length || length < 4)
            return false;
        ReadOnlySpan<byte> rest = body.Slice((int)from, (int)length);
        uint each = Word(rest, 0);
        rest = rest[4..];
        while (each >= recordBytes && rest.Length >= 8)
        {
            string name = types.StringAt(Word(rest, 0));
            uint count = Word(rest, 4);
            rest = rest[8..];
            if ((ulong)count * each > (ulong)rest.Length)
                return false;
            if (!into.TryGetValue(name, out List<T>? items))
                into[name] = items = [];
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> record = rest.Slice((int)(i * each), (int)each);
                items.Add(make(record, (int)(Word(record, 0) / 8)));
            }
            rest = rest[(int)(count * each)..];
        }
        // A stable order: what stands at one slot stays as the compiler wrote it.
        foreach (string name in into.Keys.ToArray())
            into[name] = [.. into[name].OrderBy(item => item.Slot)];
        return rest.IsEmpty;
    }

    private static byte[] Write<T>(SortedDictionary<string, List<T>> sections, int recordBytes, Func<string, uint> nameOffset, Filler<T> fill)
        where T : IAtSlot
    {
        int total = sections.Values.Sum(items => items.Count > 0 ? 8 + items.Count * recordBytes : 0);
        if (total == 0)
            return [];
        byte[] bytes = new byte[4 + total];
        Put(bytes, 0, (uint)recordBytes);
        int at = 4;
        foreach ((string name, List<T> items) in sections)
        {
            if (items.Count == 0)
                continue;
            Put(bytes, at, nameOffset(name));
            Put(bytes, at + 4, (uint)items.Count);
            at += 8;
            foreach (T item in items.OrderBy(item => item.Slot))
            {
                Put(bytes, at, (uint)item.Slot * 8);
                fill(bytes.AsSpan(at, recordBytes), item);
                at += recordBytes;
            }
        }
        return bytes;
    }

    private static void Put(Span<byte> into, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(into[at..], value);

    private static uint Word(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt32LittleEndian(from[at..]);
}
