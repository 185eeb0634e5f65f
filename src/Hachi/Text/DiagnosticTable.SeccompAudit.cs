namespace Hachi.Text;

// What the audit finds: ids as in DiagnosticTable.SeccompProgram.cs.
public static partial class DiagnosticTable
{
#pragma warning disable CS1591 // each row carries its own help
    public static readonly DiagnosticInfo
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
