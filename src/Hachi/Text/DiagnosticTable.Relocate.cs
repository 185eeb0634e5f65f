namespace Hachi.Text;

// Fitting objects to a kernel: HO030x its types (CO-RE), HO031x what programs need of it by name.
public static partial class DiagnosticTable
{
    internal static readonly DiagnosticInfo
        CoreWrong = Add("HO0301", Severity.Error, "program '{0}', instruction {1}: {2}: {3}", "The instruction depends on the kernel's types, and cannot be fitted to them."),
        CoreAmbiguous = Add("HO0302", Severity.Error, "program '{0}', instruction {1}: {2}: {3}", "Narrow the type down with a flavour that has a member only the wanted one has."),
        CoreMissing = Add("HO0303", Severity.Info, "program '{0}', instruction {1}: this kernel has no {2}; the program must not get there", "bpf_core_field_exists and its kin ask first; where they say no, the verifier does not look."),
        CoreUnfit = Add("HO0304", Severity.Info, "program '{0}', instruction {1}: {2}: {3}; the program must not get there", "bpf_core_field_size tells the size first; an access of another size stands behind such a question, or reads by bpf_core_read."),

        ExternOption = Add("HO0311", Severity.Error, "option '{0}' of the kernel's configuration: {1}", "Options come from /proc/config.gz or /boot/config-RELEASE; what may be missing is declared weak."),
        ExternMissing = Add("HO0312", Severity.Error, "this kernel has no {0} '{1}'", "What may be missing is declared weak (__weak), and asked for before it is used."),
        ExternDiffers = Add("HO0313", Severity.Error, "'{0}' has another type in this kernel than in the object", "The declaration must be that of the running kernel; flavours (NAME___suffix) allow for several.");
}
