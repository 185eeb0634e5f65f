using Hachi.Isa;
using Hachi.Uapi;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Vm.Seccomp;

/// <summary>Runs a classic program as a seccomp filter: on one system call, as the kernel would.</summary>
public static class SeccompInterpreter
{
    /// <summary>What <c>len</c> is for a seccomp filter: the size of its data.</summary>
    private const uint Length = SeccompData.Size;

    /// <summary>Runs a filter.</summary>
    /// <param name="program">A filter that <see cref="SeccompValidity"/> finds valid; another one kills the process where it goes wrong.</param>
    /// <param name="data">The call.</param>
    /// <param name="path">When not null, the indexes of the instructions that ran are added to it, in order.</param>
    public static SeccompAction Run(ClassicProgram program, in SeccompData data, List<int>? path = null)
    {
        ReadOnlySpan<ClassicInsn> insns = program.Insns;
        Span<uint> memory = stackalloc uint[Limits.ClassicMemoryWords];
        memory.Clear();
        uint a = 0, x = 0;
        for (long pc = 0; pc < insns.Length; pc++)
        {
            ClassicInsn insn = insns[(int)pc];
            path?.Add((int)pc);
            switch (insn.Code & ClassMask)
            {
                case Ld when insn.Code == (Ld | W | Abs):
                    if (insn.K >= SeccompData.Size || insn.K % 4 != 0)
                        return SeccompAction.KillProcess;
                    a = data.Word(insn.K);
                    break;
                case Ld:
                    a = Other(insn, memory);
                    break;
                case Ldx:
                    x = Other(insn, memory);
                    break;
                case St:
                    memory[(int)insn.K % memory.Length] = a;
                    break;
                case Stx:
                    memory[(int)insn.K % memory.Length] = x;
                    break;
                case Alu:
                    if (!Semantics.ClassicAlu(insn.Code, a, (insn.Code & X) != 0 ? x : insn.K, out a))
                        return SeccompAction.KillThread; // a division by zero returns 0
                    break;
                case Jmp when (insn.Code & OpMask) == Ja:
                    pc += insn.K;
                    break;
                case Jmp:
                    pc += Semantics.ClassicCompare(insn.Code, a, (insn.Code & X) != 0 ? x : insn.K) ? insn.Jt : insn.Jf;
                    break;
                case Ret:
                    return new SeccompAction((insn.Code & 0x18) == ClassicOpcode.A ? a : insn.K);
                case Misc when insn.Code == (Misc | Tax):
                    x = a;
                    break;
                default:
                    a = x;
                    break;
            }
        }
        return SeccompAction.KillProcess;
    }

    private static uint Other(ClassicInsn insn, ReadOnlySpan<uint> memory) => (insn.Code & ModeMask) switch
    {
        Imm => insn.K,
        Mem => memory[(int)insn.K % memory.Length],
        _ => Length,
    };
}
