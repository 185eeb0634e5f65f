namespace Hachi.Text;

// Policies and profiles: ids as in DiagnosticTable.SeccompProgram.cs.
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
        SeccompMultiplexed = Add("HS0106", Severity.Warning, "{0} on i386 can also be made through {1}, whose arguments are in memory: the condition cannot be checked there, and the rule is not added to {1}", "socketcall and ipc take the arguments behind a pointer, which a filter cannot read."),
        SeccompNeverHolds = Add("HS0107", Severity.Warning, "this condition never holds", "The value has bits that the mask takes away, or is greater than the argument can be."),
        SeccompPointerArgument = Add("HS0108", Severity.Warning, "{0} of {1} is a pointer: a filter sees the address, not what it points to", "What stands in memory can be changed after the filter has run."),
        SeccompWeightLine = Add("HS0109", Severity.Error, "expected a system call and how often it is made", "A line of a frequency file has a name and a number."),
        SeccompTooLong = Add("HS0110", Severity.Error, "the filter has {0} instructions, {1} are allowed", "The kernel refuses filters of more than 4096 instructions: split the policy and install two filters.");
#pragma warning restore CS1591
}
