using Hachi.Isa;
using Hachi.Uapi;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Vm.Seccomp;

/// <summary>
/// Which calls the kernel allows without running the filter: since Linux 5.11 it remembers, when a filter is installed, the numbers for which the filter
/// returns ALLOW whatever the arguments (kernel/seccomp.c, <c>seccomp_is_const_allow</c>). It follows a few instructions only.
/// </summary>
public static class SeccompCache
{
    /// <summary>Whether the kernel lets a call pass without running the filter.</summary>
    /// <param name="program">The filter.</param>
    /// <param name="architecture">Audit architecture.</param>
    /// <param name="number">The call's number as in <c>seccomp_data</c>.</param>
    public static bool IsCached(ClassicProgram program, uint architecture, uint number)
    {
        ReadOnlySpan<ClassicInsn> insns = program.Insns;
        uint a = 0;
        for (long pc = 0; pc < insns.Length; pc++)
        {
            ClassicInsn insn = insns[(int)pc];
            switch ((int)insn.Code)
            {
                case Ld | W | Abs when insn.K == 0:
                    a = number;
                    break;
                case Ld | W | Abs when insn.K == 4:
                    a = architecture;
                    break;
                case Alu | And | K:
                    a &= insn.K;
                    break;
                case Jmp | Ja:
                    pc += insn.K;
                    break;
                case Jmp | Jeq | K or Jmp | Jgt | K or Jmp | Jge | K or Jmp | Jset | K:
                    pc += Semantics.ClassicCompare(insn.Code, a, insn.K) ? insn.Jt : insn.Jf;
                    break;
                case Ret | K:
                    return insn.K == (uint)SeccompActionKind.Allow;
                default:
                    return false;
            }
        }
        return false;
    }
}
