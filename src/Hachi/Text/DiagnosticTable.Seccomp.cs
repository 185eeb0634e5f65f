namespace Hachi.Text;

// Seccomp: HS00xx OCI profiles, HS01xx policies, HS02xx filters (programs), HS03xx findings of the audit.
public static partial class DiagnosticTable
{
#pragma warning disable CS1591 // each row carries its own help
    public static readonly DiagnosticInfo
        SeccompJson = Add("HS0001", Severity.Error, "this is no JSON: {0}", "A profile is one JSON object, as the OCI runtime specification describes it."),
        SeccompJsonType = Add("HS0002", Severity.Error, "{0} must be {1}", "The value has another type than the OCI runtime specification gives it."),
        SeccompUnknownKey = Add("HS0003", Severity.Warning, "unknown key {0}", "The key is ignored, as container runtimes do; it may be mistyped."),
        SeccompUnknownAction = Add("HS0004", Severity.Error, "unknown action {0}", "SCMP_ACT_KILL, KILL_PROCESS, KILL_THREAD, TRAP, ERRNO, TRACE, ALLOW, LOG or NOTIFY."),
        SeccompUnknownOperator = Add("HS0005", Severity.Error, "unknown operator {0}", "SCMP_CMP_NE, LT, LE, EQ, GE, GT or MASKED_EQ."),
        SeccompMissingKey = Add("HS0006", Severity.Error, "{0} is missing", "The OCI runtime specification requires this key."),
        SeccompErrnoRange = Add("HS0007", Severity.Error, "errno {0}: at most 4095", "The kernel caps greater numbers at 4095."),
        SeccompErrnoUnused = Add("HS0008", Severity.Error, "errnoRet goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only, not with {0}", "Other actions carry no number; container runtimes refuse such a profile."),
        SeccompUnsupportedArchitecture = Add("HS0009", Severity.Info, "{0} is not compiled for", "Filters are made for x86_64, i386, x32 and aarch64; calls of other architectures end the thread, as those of architectures that a profile does not list."),
        SeccompNotifyPlace = Add("HS0010", Severity.Error, "SCMP_ACT_NOTIFY cannot be {0}", "A supervisor could not even be told: the default action and write(2) must not notify."),
        SeccompUnknownFlag = Add("HS0011", Severity.Error, "unknown flag {0}", "SECCOMP_FILTER_FLAG_TSYNC, LOG, SPEC_ALLOW or WAIT_KILLABLE_RECV."),
        SeccompTooDeep = Add("HS0012", Severity.Error, "nested too deeply", "Profiles nest a few levels only."),

        SeccompUnknownCall = Add("HS0101", Severity.Error, "there is no system call {0}", "No architecture in the tables has a call of this name."),
        SeccompIgnoredCall = Add("HS0102", Severity.Info, "{0} is unknown here and ignored, as container runtimes do", "The name is of another architecture, newer than the tables, or mistyped."),
        SeccompArgumentCount = Add("HS0103", Severity.Error, "{0} has {1}, there is no argument {2}", "Arguments are counted from 0."),
        SeccompContradiction = Add("HS0104", Severity.Error, "{0}: this rule says {1}, an earlier one {2} for the same arguments", "Of two rules for the same case only one can hold."),
        SeccompShadowed = Add("HS0105", Severity.Warning, "{0}: this rule never applies, since a rule without conditions decides every call", "Of the rules of a call one without conditions decides."),
        SeccompMultiplexed = Add("HS0106", Severity.Info, "{0} on i386 can also be made through {1}, whose arguments are in memory: the condition cannot be checked there, and the rule is not added to {1}", "socketcall and ipc take the arguments behind a pointer, which a filter cannot read."),
        SeccompNeverHolds = Add("HS0107", Severity.Warning, "this condition never holds", "The value has bits that the mask takes away, or is greater than the argument can be."),
        SeccompPointerArgument = Add("HS0108", Severity.Warning, "{0} of {1} is a pointer: a filter sees the address, not what it points to", "What stands in memory can be changed after the filter has run."),
        SeccompWeightLine = Add("HS0109", Severity.Error, "expected a system call and how often it is made", "A line of a frequency file has a name and a number."),
        PolicyExpected = Add("HS0111", Severity.Error, "expected {0}, found {1}", "The text at the mark is not what a policy has there; docs/seccomp.md describes the language."),
        PolicyUnknownWord = Add("HS0112", Severity.Error, "{0} begins no statement", "allow, log, deny, errno, kill, kill-process, kill-thread, trap, notify, trace, default, other-arch, newer or arch."),
        PolicyUnknownConstant = Add("HS0113", Severity.Error, "unknown constant {0}", "Constants have the names of the C headers: AF_UNIX, CLONE_NEWUSER, PROT_EXEC."),
        PolicyUnknownGroup = Add("HS0114", Severity.Error, "there is no group {0}", "Groups are systemd's: @basic-io, @file-system, @network-io, @system-service, and @known for all calls."),
        PolicyUnknownErrno = Add("HS0115", Severity.Error, "unknown errno {0}", "An errno is a name or a number up to 4095: EPERM, ENOSYS, 38."),
        PolicyTwice = Add("HS0116", Severity.Error, "{0} stands twice", "A policy has one default, one other-arch, one newer and one arch."),
        PolicyNoDefault = Add("HS0117", Severity.Error, "the policy has no default", "Say what happens to calls that no rule names: default errno EPERM."),
        PolicyUnknownArchitecture = Add("HS0118", Severity.Error, "there is no architecture {0}", "x86_64, i386, x32 or aarch64."),
        PolicyAlternatives = Add("HS0119", Severity.Error, "the condition comes to more than {0} alternatives", "Every combination of alternatives is a rule of its own: write several rules."),
        PolicyGroupConditions = Add("HS0120", Severity.Error, "a group cannot have conditions", "Calls of a group have different arguments: name the call."),
        PolicyNumber = Add("HS0121", Severity.Error, "{0} does not fit 64 bits", "Arguments have 64 bits."),
        SeccompTooLong = Add("HS0110", Severity.Error, "the filter has {0} instructions, {1} are allowed", "The kernel refuses filters of more than 4096 instructions: split the policy and install two filters."),

        SeccompInstruction = Add("HS0201", Severity.Error, "{0} is not allowed in a seccomp filter", "Seccomp takes words of seccomp_data at fixed offsets, arithmetic without remainders, jumps and returns; no packet loads and no extensions."),
        SeccompOffset = Add("HS0202", Severity.Error, "ld [{0}]: offsets are multiples of 4 below 64", "struct seccomp_data has 64 bytes and is read in 32-bit words."),

        AuditArchitecture = Add("HS0301", Severity.Error, "the architecture is not checked: a call made as 0x{0:x8} is answered {1}", "The same number is another call on another architecture: a filter must look at seccomp_data.arch first."),
        AuditX32 = Add("HS0302", Severity.Error, "x32 hole: {0} can be made as x32 ({1}), though it cannot as x86_64 ({2})", "x32 calls have the architecture of x86_64 and bit 30 set in their number; kernels with CONFIG_X86_X32 run them."),
        AuditI386 = Add("HS0303", Severity.Error, "i386 hole: {0} can be made with int 0x80 ({1}), though it cannot as x86_64 ({2})", "64-bit programs can make 32-bit calls, with numbers of their own."),
        AuditMultiplexer = Add("HS0304", Severity.Warning, "{0} lets pass what {1} does not", "socketcall and ipc make many calls under one number, with arguments in memory."),
        AuditTwin = Add("HS0305", Severity.Warning, "{0} is allowed, its twin {1} is not", "Both do the same: either deny both, or the denial keeps nobody from it."),
        AuditDangerous = Add("HS0306", Severity.Warning, "{0} is allowed: {1}", "The call has more power than its name says; allow it only to programs that need it."),
        AuditEperm = Add("HS0307", Severity.Warning, "{0} fails with {1}: the C library falls back only on ENOSYS", "C libraries try new calls first, and take the old one when the kernel says that it does not have it."),
        AuditUpperHalf = Add("HS0308", Severity.Warning, "{0}: the answer depends on the upper half of {1}, which the kernel does not look at", "An int argument is compared as 64 bits: whoever sets the upper half gets another answer for the same call."),
        AuditNoWayOut = Add("HS0309", Severity.Warning, "{0} is not allowed: {1}", "Every program needs this call.");
#pragma warning restore CS1591
}
