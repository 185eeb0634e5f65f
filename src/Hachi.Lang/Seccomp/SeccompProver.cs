using Hachi.Isa;
using Hachi.Verify.Seccomp;

namespace Hachi.Lang.Seccomp;

/// <summary>Proves that a filter answers every call as a policy does. Shares nothing with the compiler but the meaning of an instruction.</summary>
public static class SeccompProver
{
    /// <summary>Compares a filter with a policy, for all calls of all architectures and all arguments.</summary>
    public static SeccompEquality Prove(SeccompPolicy policy, ClassicProgram program)
    {
        var space = new SeccompSpace();
        SeccompOutcomes meaning = PolicyMeaning.Of(policy, space);
        return SeccompComparison.Compare(space, meaning, SeccompMeaning.Follow(program, space));
    }
}
