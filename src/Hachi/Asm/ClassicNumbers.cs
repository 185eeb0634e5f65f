using System.Buffers.Binary;
using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Asm;

/// <summary>Reads and writes classic programs as numbers: raw <c>struct sock_filter</c>s, <c>tcpdump -ddd</c>, bpf_asm's and iptables' <c>n,code jt jf k,…</c>, <c>tcpdump -dd</c>.</summary>
public static class ClassicNumbers
{
    private const int SizeBytes = 8;

    /// <summary>The program as little-endian <c>struct sock_filter</c>s.</summary>
    public static byte[] Encode(ReadOnlySpan<ClassicInsn> insns)
    {
        byte[] bytes = new byte[insns.Length * SizeBytes];
        for (int i = 0; i < insns.Length; i++)
        {
            Span<byte> at = bytes.AsSpan(i * SizeBytes);
            BinaryPrimitives.WriteUInt16LittleEndian(at, insns[i].Code);
            at[2] = insns[i].Jt;
            at[3] = insns[i].Jf;
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], insns[i].K);
        }
        return bytes;
    }

    /// <summary>Reads little-endian <c>struct sock_filter</c>s; false when the length is no multiple of 8.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out ClassicInsn[] insns)
    {
        insns = [];
        if (bytes.Length % SizeBytes != 0)
            return false;
        insns = new ClassicInsn[bytes.Length / SizeBytes];
        for (int i = 0; i < insns.Length; i++)
        {
            ReadOnlySpan<byte> at = bytes[(i * SizeBytes)..];
            insns[i] = new ClassicInsn(BinaryPrimitives.ReadUInt16LittleEndian(at), at[2], at[3], BinaryPrimitives.ReadUInt32LittleEndian(at[4..]));
        }
        return true;
    }

    /// <summary>
    /// Reads numbers: a count and then four numbers an instruction, separated by blanks, line ends or commas (<c>-ddd</c> and bpf_asm's form), or
    /// <c>{ 0x28, 0, 0, 0x0000000c },</c> lines (<c>-dd</c>), which have no count.
    /// </summary>
    public static ClassicAssembled Parse(string text)
    {
        var diagnostics = new List<Diagnostic>();
        var cursor = new Cursor(text, diagnostics);
        bool isArray = cursor.Peek() == '{';
        var numbers = new List<(uint Value, TextSpan Span)>();
        while (true)
        {
            while (cursor.Peek() is ',' or '{' or '}')
                cursor.Position++;
            if (cursor.AtEnd)
                break;
            if (!cursor.TryNumber(out Number number))
                cursor.Expected("number");
            else if (number.IsNegative || number.Overflowed || number.Magnitude > uint.MaxValue)
                cursor.Report(DiagnosticTable.AsmNumberRange, number.Span, null, Cursor.Quote(cursor.Of(number.Span)), "32 bits");
            if (diagnostics.Count > 0)
                return new ClassicAssembled(null, [], diagnostics);
            numbers.Add(((uint)number.Magnitude, number.Span));
        }
        if (!isArray && numbers.Count > 0)
        {
            (uint count, TextSpan span) = numbers[0];
            numbers.RemoveAt(0);
            if (numbers.Count != 4L * count)
                cursor.Report(DiagnosticTable.AsmNumbersForm, span, null, $"the count says {count} instructions, but {numbers.Count} numbers follow: {4L * count} are needed");
        }
        return Build(numbers, cursor);
    }

    private static ClassicAssembled Build(List<(uint Value, TextSpan Span)> numbers, Cursor cursor)
    {
        if (cursor.Diagnostics.Count == 0 && numbers.Count % 4 != 0)
            cursor.Report(DiagnosticTable.AsmNumbersForm, numbers[^1].Span, null, "an instruction has four numbers: code jt jf k");
        var insns = new List<ClassicInsn>();
        var origins = new List<TextSpan>();
        for (int i = 0; i + 3 < numbers.Count && cursor.Diagnostics.Count == 0; i += 4)
        {
            Check(numbers[i], ushort.MaxValue, "16 bits");
            Check(numbers[i + 1], byte.MaxValue, "8 bits");
            Check(numbers[i + 2], byte.MaxValue, "8 bits");
            insns.Add(new ClassicInsn((ushort)numbers[i].Value, (byte)numbers[i + 1].Value, (byte)numbers[i + 2].Value, numbers[i + 3].Value));
            origins.Add(TextSpan.Cover(numbers[i].Span, numbers[i + 3].Span));
        }
        if (cursor.Diagnostics.Count > 0)
            return new ClassicAssembled(null, [], cursor.Diagnostics);
        return new ClassicAssembled(new ClassicProgram(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(insns)), [.. origins], []);

        void Check((uint Value, TextSpan Span) number, uint max, string width)
        {
            if (number.Value > max)
                cursor.Report(DiagnosticTable.AsmNumberRange, number.Span, null, Cursor.Quote(cursor.Of(number.Span)), width);
        }
    }
}
