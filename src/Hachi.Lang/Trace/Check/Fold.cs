namespace Hachi.Lang.Trace.Check;

/// <summary>Operations on values that are known beforehand: 64 bits wide, as in programs.</summary>
internal static class Fold
{
    public static long? Binary(string op, long a, long b, bool isSigned) => op switch
    {
        "+" => unchecked(a + b),
        "-" => unchecked(a - b),
        "*" => unchecked(a * b),
        "/" => b == 0 ? null : b == -1 && isSigned ? unchecked(-a) : isSigned ? a / b : (long)((ulong)a / (ulong)b),
        "%" => b == 0 ? null : b == -1 && isSigned ? 0 : isSigned ? a % b : (long)((ulong)a % (ulong)b),
        "&" => a & b,
        "|" => a | b,
        "^" => a ^ b,
        "<<" => a << (int)(b & 63),
        ">>" => isSigned ? a >> (int)(b & 63) : (long)((ulong)a >> (int)(b & 63)),
        "==" => a == b ? 1 : 0,
        "!=" => a != b ? 1 : 0,
        "<" => (isSigned ? a < b : (ulong)a < (ulong)b) ? 1 : 0,
        "<=" => (isSigned ? a <= b : (ulong)a <= (ulong)b) ? 1 : 0,
        ">" => (isSigned ? a > b : (ulong)a > (ulong)b) ? 1 : 0,
        ">=" => (isSigned ? a >= b : (ulong)a >= (ulong)b) ? 1 : 0,
        "&&" => a != 0 && b != 0 ? 1 : 0,
        "||" => a != 0 || b != 0 ? 1 : 0,
        _ => null,
    };

    /// <summary>The low bytes of a value, extended.</summary>
    public static long Truncate(long value, int bytes, bool isSigned) => (bytes, isSigned) switch
    {
        (1, true) => (sbyte)value,
        (1, false) => (byte)value,
        (2, true) => (short)value,
        (2, false) => (ushort)value,
        (4, true) => (int)value,
        (4, false) => (uint)value,
        _ => value,
    };
}
