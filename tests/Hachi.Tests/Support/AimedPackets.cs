using Hachi.Isa;
using Hachi.Vm;

namespace Hachi.Tests.Support;

/// <summary>Packets that reach the rarer branches of a program: it is walked over random bytes, and where it compares a load, the bytes are often changed so that it holds.</summary>
internal static class AimedPackets
{
    public const int BytesMax = 220;

    /// <summary>A packet for a program, cut short at times.</summary>
    public static byte[] Next(ClassicProgram program, Random random, int bytesMin = 0)
    {
        byte[] packet = new byte[BytesMax];
        random.NextBytes(packet);
        for (int i = 0; i < packet.Length; i++)
            if (random.Next(3) == 0)
                packet[i] = 0;
        Aim(program, packet, random);
        return packet[..(random.Next(2) == 0 ? random.Next(bytesMin, BytesMax) : random.Next(60, BytesMax))];
    }

    private static void Aim(ClassicProgram program, byte[] packet, Random random)
    {
        var state = new ClassicState { Memory = stackalloc uint[Limits.ClassicMemoryWords], Fuel = 64 };
        (int At, int Size) source = (-1, 0);
        for (int steps = 0; steps < 4000 && state.Outcome == ClassicOutcome.Running; steps++)
        {
            ClassicInsn insn = program[state.Pc];
            int kind = insn.Code & ClassicOpcode.ClassMask, mode = insn.Code & ClassicOpcode.ModeMask;
            if (kind == ClassicOpcode.Jmp && (insn.Code & ClassicOpcode.OpMask) != ClassicOpcode.Ja && source.At >= 0 && random.Next(5) < 2)
            {
                uint operand = (insn.Code & ClassicOpcode.X) != 0 ? state.X : insn.K;
                uint wanted = (insn.Code & ClassicOpcode.OpMask) switch
                {
                    ClassicOpcode.Jset => state.A | operand,
                    ClassicOpcode.Jgt => operand + (uint)random.Next(0, 3),
                    ClassicOpcode.Jge => operand + (uint)random.Next(-1, 2),
                    _ => operand,
                };
                for (int i = 0; i < source.Size; i++)
                    packet[source.At + source.Size - 1 - i] = (byte)(wanted >> (8 * i));
                state.A = wanted;
            }
            if (kind == ClassicOpcode.Ld && mode is ClassicOpcode.Abs or ClassicOpcode.Ind && kind == ClassicOpcode.Ld)
            {
                long at = insn.K + (mode == ClassicOpcode.Ind ? (long)state.X : 0);
                int size = (insn.Code & ClassicOpcode.SizeMask) switch { ClassicOpcode.W => 4, ClassicOpcode.H => 2, _ => 1 };
                source = at + size <= packet.Length ? ((int)at, size) : (-1, 0);
            }
            else if (kind is ClassicOpcode.Ld or ClassicOpcode.Misc || (kind == ClassicOpcode.Alu && (insn.Code & ClassicOpcode.OpMask) != ClassicOpcode.And))
            {
                source = (-1, 0);
            }
            ClassicInterpreter.Step(program, ref state, packet, (uint)packet.Length, default);
        }
    }
}
