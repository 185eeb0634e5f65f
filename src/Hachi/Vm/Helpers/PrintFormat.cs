using System.Globalization;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Helpers;

/// <summary>
/// The format strings of <c>bpf_snprintf</c> and <c>bpf_trace_printk</c>: a small part of printf's language, checked before anything is written, as the kernel does
/// (kernel/bpf/helpers.c, <c>bpf_bprintf_prepare</c>; lib/vsprintf.c).
/// </summary>
internal ref struct PrintFormat
{
    private const int WidthMax = (1 << 23) - 1, TextBytesMax = 512;

    private readonly Span<byte> _output;
    private long _length;

    private PrintFormat(Span<byte> all) => _output = all.Length > 0 ? all[..^1] : all;

    // One conversion: what stands behind the percent sign.
    private struct Conversion
    {
        public bool IsLeft, IsZero, HasPlus, HasBlank;
        public int Width, Longs;
        public char Kind;

        // Of a pointer: what follows the p.
        public char Pointer, Version;
    }

    /// <summary>Writes a message.</summary>
    /// <param name="frame">The call, whose memory strings are read from.</param>
    /// <param name="format">The format without its terminator.</param>
    /// <param name="arguments">Its arguments, 64 bits each.</param>
    /// <param name="output">Where it goes: as much as fits, and a terminator.</param>
    /// <returns>The length that it would have had, without terminator, or -errno.</returns>
    public static long Write(scoped ref HelperFrame frame, ReadOnlySpan<byte> format, ReadOnlySpan<ulong> arguments, Span<byte> output)
    {
        if (Check(format, arguments.Length) is var error and not 0)
            return error;
        var print = new PrintFormat(output);
        int next = 0, textBytes = 0;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                print.Put(format[i]);
                continue;
            }
            if (format[i + 1] == '%')
            {
                print.Put((byte)'%');
                i++;
                continue;
            }
            _ = TryParse(format, ref i, out Conversion conversion);
            // Whatever letters and digits stand behind a kind of pointer belong to it.
            while (conversion.Kind == 'p' && i + 1 < format.Length && char.IsAsciiLetterOrDigit((char)format[i + 1]))
                i++;
            if (!print.Convert(ref frame, conversion, arguments[next++], ref textBytes))
                return -KernelError.Nospc;
        }
        if (output.Length > 0)
            output[(int)Math.Min(print._length, output.Length - 1)] = 0;
        return print._length;
    }

    private static int Check(ReadOnlySpan<byte> format, int count)
    {
        int used = 0;
        for (int i = 0; i < format.Length; i++)
        {
            if (!IsPrintable(format[i]))
                return -KernelError.Inval;
            if (format[i] != '%')
                continue;
            if (i + 1 < format.Length && format[i + 1] == '%')
            {
                i++;
                continue;
            }
            if (used++ >= count || !TryParse(format, ref i, out _))
                return -KernelError.Inval;
        }
        return 0;
    }

    private static bool IsPrintable(byte c) => c is >= 0x20 and < 0x7f or >= 9 and <= 13;

    private static bool IsEndOfPointer(byte c) => c == 0 || c is >= 9 and <= 13 or 0x20 || c is > 0x20 and < 0x7f && !char.IsAsciiLetterOrDigit((char)c);

    // i stands on the percent sign, and afterwards on the last character of the conversion.
    private static bool TryParse(ReadOnlySpan<byte> format, ref int i, out Conversion conversion)
    {
        conversion = new Conversion { Width = -1 };
        byte At(ReadOnlySpan<byte> text, int index) => index < text.Length ? text[index] : (byte)0;
        i++;
        for (; At(format, i) is (byte)'0' or (byte)'+' or (byte)'-' or (byte)' '; i++)
        {
            conversion.IsZero |= format[i] == '0';
            conversion.HasPlus |= format[i] == '+';
            conversion.IsLeft |= format[i] == '-';
            conversion.HasBlank |= format[i] == ' ';
        }
        if (At(format, i) is >= (byte)'1' and <= (byte)'9')
            for (conversion.Width = 0; At(format, i) is >= (byte)'0' and <= (byte)'9'; i++)
                conversion.Width = Math.Min(WidthMax, conversion.Width * 10 + format[i] - '0');
        conversion.Kind = (char)At(format, i);
        if (conversion.Kind == 'p')
            return TryParsePointer(format, ref i, ref conversion, At(format, i + 1), At(format, i + 2));
        if (conversion.Kind == 's')
            return IsEndOfPointer(At(format, i + 1));
        if (conversion.Kind == 'c')
            return true;
        for (; conversion.Kind == 'l' && conversion.Longs < 2; conversion.Kind = (char)At(format, ++i))
            conversion.Longs++;
        return conversion.Kind is 'd' or 'i' or 'u' or 'x' or 'X';
    }

    private static bool TryParsePointer(ReadOnlySpan<byte> format, ref int i, ref Conversion conversion, byte next, byte second)
    {
        if (next is (byte)'k' or (byte)'u' && second == 's')
        {
            conversion.Kind = 's';
            i += 2;
            return IsEndOfPointer(i + 1 < format.Length ? format[i + 1] : (byte)0);
        }
        if (IsEndOfPointer(next))
            return true;
        conversion.Pointer = (char)next;
        i++;
        if (next is (byte)'K' or (byte)'x' or (byte)'s' or (byte)'S' or (byte)'B')
            return true;
        conversion.Version = (char)second;
        i++;
        return next is (byte)'i' or (byte)'I' && second is (byte)'4' or (byte)'6';
    }

    private bool Convert(scoped ref HelperFrame frame, in Conversion c, ulong value, ref int textBytes)
    {
        switch (c.Kind)
        {
            case 's':
                return Text(ref frame, c, value, ref textBytes);
            case 'c':
                Padded(c, [(byte)value], false);
                return true;
            case 'p' when c.Version != 0:
                return Address(ref frame, c, value);
            case 'p' when c.Pointer is 's' or 'S' or 'B': // a symbol; there are none here
                Padded(c, [(byte)'0', (byte)'x', .. Digits(value, 16, false)], false);
                return true;
            case 'p':
                Padded(c.Width < 0 ? c with { Width = 16, IsZero = true } : c, Digits(value, 16, false), true);
                return true;
            default:
                Number(c, value);
                return true;
        }
    }

    private bool Text(scoped ref HelperFrame frame, in Conversion c, ulong address, ref int textBytes)
    {
        // What cannot be read prints as nothing.
        if (!frame.TryText(address, out ReadOnlySpan<byte> text))
            text = [];
        // The kernel copies strings into a buffer, which they may fill once.
        if (textBytes >= TextBytesMax)
            return false;
        text = text[..Math.Min(text.Length, TextBytesMax - textBytes - 1)];
        textBytes += text.Length + 1;
        Padded(c, text, false);
        return true;
    }

    private unsafe bool Address(scoped ref HelperFrame frame, in Conversion c, ulong address)
    {
        int size = c.Version == '4' ? 4 : 16;
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        if (frame.Call.TryTranslate(address, (ulong)size, isWrite: false, out byte* host))
            new ReadOnlySpan<byte>(host, size).CopyTo(bytes);
        var text = new System.Text.StringBuilder();
        if (size == 4)
            for (int i = 0; i < 4; i++)
                text.Append(i > 0 ? "." : "").Append(bytes[i].ToString(c.Pointer == 'i' ? "000" : "0", CultureInfo.InvariantCulture));
        else
            for (int i = 0; i < 16; i += 2)
                text.Append(i > 0 && c.Pointer == 'I' ? ":" : "").Append(CultureInfo.InvariantCulture, $"{bytes[i]:x2}{bytes[i + 1]:x2}");
        Padded(c, System.Text.Encoding.ASCII.GetBytes(text.ToString()), false);
        return true;
    }

    private void Number(in Conversion c, ulong value)
    {
        bool isSigned = c.Kind is 'd' or 'i', isNegative = false;
        if (c.Longs == 0)
            value = isSigned ? (ulong)(int)value : (uint)value;
        if (isSigned && (long)value < 0)
        {
            isNegative = true;
            value = 0 - value;
        }
        byte[] digits = Digits(value, c.Kind is 'x' or 'X' ? 16u : 10u, c.Kind == 'X');
        char sign = isNegative ? '-' : !isSigned ? '\0' : c.HasPlus ? '+' : c.HasBlank ? ' ' : '\0';
        if (sign == 0)
        {
            Padded(c, digits, true);
        }
        else if (c.IsZero && !c.IsLeft)
        {
            Put((byte)sign);
            Padded(c with { Width = c.Width - 1 }, digits, true);
        }
        else
        {
            Padded(c, [(byte)sign, .. digits], true);
        }
    }

    private static byte[] Digits(ulong value, uint radix, bool isUpper)
    {
        Span<byte> digits = stackalloc byte[24];
        int at = digits.Length;
        do
        {
            uint digit = (uint)(value % radix);
            digits[--at] = (byte)(digit < 10 ? '0' + digit : (isUpper ? 'A' : 'a') + digit - 10);
            value /= radix;
        }
        while (value != 0);
        return digits[at..].ToArray();
    }

    private void Padded(in Conversion c, scoped ReadOnlySpan<byte> text, bool isNumber)
    {
        int missing = Math.Max(0, c.Width - text.Length);
        if (!c.IsLeft)
            Fill((byte)(isNumber && c.IsZero ? '0' : ' '), missing);
        foreach (byte b in text)
            Put(b);
        if (c.IsLeft)
            Fill((byte)' ', missing);
    }

    private void Fill(byte b, int count)
    {
        if (_length < _output.Length)
            _output.Slice((int)_length, (int)Math.Min(count, _output.Length - _length)).Fill(b);
        _length += count;
    }

    private void Put(byte b)
    {
        if (_length < _output.Length)
            _output[(int)_length] = b;
        _length++;
    }
}
