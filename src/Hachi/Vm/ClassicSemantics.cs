using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Vm;

internal static class ClassicSemantics
{
    public static uint Compute(int op, uint a, uint b) => op switch
    {
        Add => a + b,
        Sub => a - b,
        Mul => a * b,
        Div => a / b,
        Or => a | b,
        And => a & b,
        Lsh => b < 32 ? a << (int)b : 0,
        Rsh => b < 32 ? a >> (int)b : 0,
        Neg => 0 - a,
        Mod => a % b,
        _ => a ^ b,
    };

    public static bool Compare(int op, uint a, uint b) => op switch
    {
        Jeq => a == b,
        Jgt => a > b,
        Jge => a >= b,
        _ => (a & b) != 0,
    };
}
