using Hachi.Isa;
using Hachi.Uapi;

namespace Hachi.Vm.Seccomp;

/// <summary>Several filters over one process: all are run, and the gravest answer counts (the newest filter's, among equals).</summary>
public static class SeccompStack
{
    /// <summary>Instructions that the filters of a process may have together; each filter counts four more.</summary>
    public const int InsnsMax = 32768;

    /// <summary>What a filter costs towards <see cref="InsnsMax"/>.</summary>
    public static int Cost(ClassicProgram program) => program.Length + 4;

    /// <summary>The answer of a stack.</summary>
    /// <param name="newestFirst">The filters; an empty stack allows.</param>
    /// <param name="data">The call.</param>
    public static SeccompAction Run(ReadOnlySpan<ClassicProgram> newestFirst, in SeccompData data)
    {
        SeccompAction result = SeccompAction.Allow;
        foreach (ClassicProgram program in newestFirst)
        {
            SeccompAction action = SeccompInterpreter.Run(program, data);
            if (action.Rank < result.Rank)
                result = action;
        }
        return result;
    }
}
