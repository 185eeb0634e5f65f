using System.Runtime.CompilerServices;

namespace Hachi.Isa;

// The classic machine: 32 bits, unsigned, and a division by zero that rejects the packet instead of giving a number.
public static partial class Semantics
{
    /// <summary>Classic arithmetic on the accumulator.</summary>
    /// <param name="code">The instruction's code; only the operation bits are looked at.</param>
    /// <param name="a">The accumulator.</param>
    /// <param name="b">K or X; <c>neg</c> ignores it.</param>
    /// <param name="result">The accumulator afterwards. Shifts by 32 and more give 0, as in libpcap.</param>
    /// <returns>False for a division or remainder by zero: the program ends and rejects the packet.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ClassicAlu(int code, uint a, uint b, out uint result)
    {
        switch (code & ClassicOpcode.OpMask)
        {
            case ClassicOpcode.Add: result = a + b; return true;
            case ClassicOpcode.Sub: result = a - b; return true;
            case ClassicOpcode.Mul: result = a * b; return true;
            case ClassicOpcode.Div: result = b == 0 ? 0 : a / b; return b != 0;
            case ClassicOpcode.Mod: result = b == 0 ? 0 : a % b; return b != 0;
            case ClassicOpcode.Or: result = a | b; return true;
            case ClassicOpcode.And: result = a & b; return true;
            case ClassicOpcode.Xor: result = a ^ b; return true;
            case ClassicOpcode.Lsh: result = b > 31 ? 0 : a << (int)b; return true;
            case ClassicOpcode.Rsh: result = b > 31 ? 0 : a >> (int)b; return true;
            case ClassicOpcode.Neg: result = 0 - a; return true;
            default: result = a; return true;
        }
    }

    /// <summary>Classic comparison: whether a conditional jump takes its true branch.</summary>
    /// <param name="code">The instruction's code; only the operation bits are looked at.</param>
    /// <param name="a">The accumulator.</param>
    /// <param name="b">K or X.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ClassicCompare(int code, uint a, uint b) => (code & ClassicOpcode.OpMask) switch
    {
        ClassicOpcode.Jeq => a == b,
        ClassicOpcode.Jgt => a > b,
        ClassicOpcode.Jge => a >= b,
        ClassicOpcode.Jset => (a & b) != 0,
        _ => true,
    };
}
