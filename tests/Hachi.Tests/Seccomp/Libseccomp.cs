using System.Runtime.InteropServices;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Uapi;

namespace Hachi.Tests.Seccomp;

/// <summary>The installed libseccomp as an oracle: it compiles the rules of a policy for x86_64.</summary>
internal static unsafe partial class Libseccomp
{
    [StructLayout(LayoutKind.Sequential)]
    private struct ArgCmp
    {
        public uint Arg;
        public int Op;
        public ulong A, B;
    }

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_init")]
    private static partial nint Init(uint action);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_release")]
    private static partial void Release(nint context);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_rule_add_array")]
    private static partial int RuleAdd(nint context, uint action, int number, uint count, ArgCmp* conditions);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_export_bpf")]
    private static partial int Export(nint context, int fd);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_attr_set")]
    private static partial int SetAttribute(nint context, int attribute, uint value);

    public static bool IsInstalled => NativeLibrary.TryLoad("libseccomp.so.2", out _);

    /// <summary>The filter that it makes of a policy's rules; null when it takes one of them not.</summary>
    public static ClassicProgram? Compile(SeccompPolicy policy, bool binaryTree = false)
    {
        nint context = Init(policy.DefaultAction.Value);
        if (context == 0)
            return null;
        try
        {
            if (binaryTree)
                Assert.Equal(0, SetAttribute(context, 8, 2)); // SCMP_FLTATR_CTL_OPTIMIZE
            ArgCmp* conditions = stackalloc ArgCmp[SeccompData.ArgumentsMax];
            foreach (SeccompCall call in policy.Of(SeccompArchitecture.X86_64)!.Calls.Values)
                foreach (SeccompRule rule in call.Rules)
                {
                    for (int i = 0; i < rule.Conditions.Count; i++)
                        conditions[i] = Convert(rule.Conditions[i]);
                    if (RuleAdd(context, rule.Action.Value, call.Info.Number, (uint)rule.Conditions.Count, conditions) != 0)
                        return null;
                }
            string file = Path.GetTempFileName();
            try
            {
                using (var stream = new FileStream(file, FileMode.Create))
                    if (Export(context, (int)stream.SafeFileHandle.DangerousGetHandle()) != 0)
                        return null;
                return ClassicNumbers.TryDecode(File.ReadAllBytes(file), out ClassicInsn[] insns) ? new ClassicProgram(insns) : null;
            }
            finally
            {
                File.Delete(file);
            }
        }
        finally
        {
            Release(context);
        }
    }

    private static ArgCmp Convert(SeccompCondition condition) => condition.Operator == SeccompOperator.MaskedEqual
        ? new ArgCmp { Arg = (uint)condition.Index, Op = 7, A = condition.Mask, B = condition.Value }
        : new ArgCmp { Arg = (uint)condition.Index, Op = 1 + (int)condition.Operator, A = condition.Value };
}
