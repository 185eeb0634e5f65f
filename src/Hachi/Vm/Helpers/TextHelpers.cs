using System.Runtime.InteropServices;
using Hachi.Uapi;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Helpers;

/// <summary>Helpers on text: printing, numbers, comparison (kernel/bpf/helpers.c, kernel/trace/bpf_trace.c).</summary>
internal static unsafe class TextHelpers
{
    private const int MessageBytes = 1024, PrintArgumentsMax = 12, NumberBytesMax = 63;

    public static void Register(RegisterHelper add)
    {
        add(Helper.TracePrintk, HelperPlaces.All, static (ref HelperFrame f) => Print(ref f, [f[2], f[3], f[4]]));
        add(Helper.TraceVprintk, HelperPlaces.All, static (ref HelperFrame f) => AreArgumentsGood(ref f, 2) ? Print(ref f, MemoryMarshal.Cast<byte, ulong>(f.Bytes(2))) : Inval);
        add(Helper.Snprintf, HelperPlaces.All, Snprintf);
        add(Helper.Strtol, HelperPlaces.All, static (ref HelperFrame f) => ToNumber(ref f, isSigned: true));
        add(Helper.Strtoul, HelperPlaces.All, static (ref HelperFrame f) => ToNumber(ref f, isSigned: false));
        add(Helper.Strncmp, HelperPlaces.All, Compare);
    }

    private static ulong Inval => unchecked((ulong)-KernelError.Inval);

    private static bool AreArgumentsGood(ref HelperFrame f, int n) => f[n + 1] % 8 == 0 && f[n + 1] <= PrintArgumentsMax * 8 && (f[n + 1] == 0 || f.Host(n) != null);

    private static ulong Print(ref HelperFrame f, ReadOnlySpan<ulong> arguments)
    {
        Span<byte> format = f.Bytes(0);
        int end = format.IndexOf((byte)0);
        if (end < 0)
            return Inval;
        Span<byte> message = stackalloc byte[MessageBytes];
        long length = PrintFormat.Write(ref f, format[..end], arguments, message);
        if (length < 0)
            return (ulong)length;
        f.Session.Host.Trace?.Invoke(System.Text.Encoding.UTF8.GetString(message[..(int)Math.Min(length, MessageBytes - 1)]));
        return (ulong)length;
    }

    private static ulong Snprintf(ref HelperFrame f)
    {
        if (!AreArgumentsGood(ref f, 3))
            return Inval;
        if (!f.TryText(f[2], out ReadOnlySpan<byte> format))
            return f.Refuse("bpf_snprintf: argument 3 is no string");
        long length = PrintFormat.Write(ref f, format, MemoryMarshal.Cast<byte, ulong>(f.Bytes(3)), f.Bytes(0));
        return (ulong)(length < 0 ? length : length + 1);
    }

    // __bpf_strtoull: blanks, a minus sign, a prefix, digits.
    private static ulong ToNumber(ref HelperFrame f, bool isSigned)
    {
        ReadOnlySpan<byte> text = f.Bytes(0);
        ulong* result = (ulong*)f.Host(3);
        uint radix = (uint)f[2] & 31;
        *result = 0;
        if (text.Length == 0 || (f[2] & ~31ul) != 0 || radix is not (0 or 8 or 10 or 16))
            return Inval;
        int at = 0;
        while (at < text.Length && text[at] is 0x20 or >= 9 and <= 13)
            at++;
        if (at == text.Length)
            return Inval;
        bool isNegative = text[at] == '-';
        if (isNegative)
            at++;
        text = text[..Math.Min(text.Length, at + NumberBytesMax)];
        byte first = at < text.Length ? text[at] : (byte)0, second = at + 1 < text.Length ? text[at + 1] : (byte)0, third = at + 2 < text.Length ? text[at + 2] : (byte)0;
        bool isHex = first == '0' && second is (byte)'x' or (byte)'X' && first == '0';
        if (radix == 0)
            radix = isHex && char.IsAsciiHexDigit((char)third) ? 16u : first == '0' ? 8u : 10u;
        if (radix == 16 && isHex)
            at += 2;
        int start = at;
        UInt128 value = 0;
        for (; at < text.Length && DigitOf(text[at]) is var digit && digit < radix; at++)
            value = value > ulong.MaxValue ? value : value * radix + digit;
        if (value > ulong.MaxValue)
            return unchecked((ulong)-KernelError.Range);
        if (at == start)
            return Inval;
        if (!isSigned && isNegative)
            return Inval;
        ulong magnitude = (ulong)value;
        if (isSigned && (isNegative ? (long)(0 - magnitude) > 0 : (long)magnitude < 0))
            return unchecked((ulong)-KernelError.Range);
        *result = isNegative ? 0 - magnitude : magnitude;
        return (ulong)at;
    }

    private static uint DigitOf(byte c) => c switch
    {
        >= (byte)'0' and <= (byte)'9' => c - (uint)'0',
        >= (byte)'a' and <= (byte)'f' => c - (uint)'a' + 10,
        >= (byte)'A' and <= (byte)'F' => c - (uint)'A' + 10,
        _ => uint.MaxValue,
    };

    private static ulong Compare(ref HelperFrame f)
    {
        byte* left = f.Host(0), right = f.Host(2);
        for (ulong i = 0; i < f[1]; i++, left++, right++)
        {
            // Argument 3 ends with a terminator, so that nothing behind it is read.
            if (*left != *right)
                return *left < *right ? ulong.MaxValue : 1;
            if (*left == 0)
                return 0;
        }
        return 0;
    }
}
