namespace Hachi.Text;

public static partial class DiagnosticTable
{
#pragma warning disable CS1591 // the row says it
    public static readonly DiagnosticInfo MetadataName = Add("HV0001", Severity.Error, "'{0}' is no packet metadata that can be set",
        "Can be set: proto type ifidx mark queue hatype rxhash cpu vlan_tci vlan_avail vlan_tpid rand. The others (len, poff, nla, nlan) are computed from the packet.");
    public static readonly DiagnosticInfo MetadataValue = Add("HV0002", Severity.Error, "'{0}' is no 32-bit number",
        "Metadata values are decimal or 0x... numbers from 0 to 4294967295.");
#pragma warning restore CS1591

    /// <summary>An instruction that only the kernel can give a meaning.</summary>
    public static readonly DiagnosticInfo VmInsnRefused = Add("HV0003", Severity.Error, "instruction {0}: {1} means something in the kernel only",
        "Arenas, kernel functions and kernel variables live in the kernel's memory; the user-space machine has none. Load the program into the kernel instead.");

    /// <summary>A helper that the machine does not have.</summary>
    public static readonly DiagnosticInfo VmHelperMissing = Add("HV0004", Severity.Error, "instruction {0}: helper {1} is not available to this program",
        "The program calls a helper function that this context does not offer; register one under that number, or choose another context.");

    /// <summary>An engine that this build or processor does not have.</summary>
    public static readonly DiagnosticInfo VmEngineMissing = Add("HV0005", Severity.Error, "engine {0} is not available: {1}",
        "Leave the engine to auto, which takes the fastest that there is, or choose interp, which runs everywhere.");

    /// <summary>A map that cannot be made.</summary>
    public static readonly DiagnosticInfo VmMapRefused = Add("HV0006", Severity.Error, "map '{0}': {1}",
        "The map's kind, sizes or flags do not go together, or it asks for more memory than the quota allows; the kernel would refuse it with the same error number.");

    /// <summary>A slot of a map that names what is not there.</summary>
    public static readonly DiagnosticInfo VmSlot = Add("HV0007", Severity.Error, "map '{0}': slot {1} names '{2}', which cannot be put there",
        "A program array holds programs of the object, a map of maps holds maps of the shape that it declares.");

    /// <summary>A reference to a map that the object does not have.</summary>
    public static readonly DiagnosticInfo VmMapMissing = Add("HV0008", Severity.Error, "instruction {0}: the object has no map {1}",
        "In user space a program names maps by their place in the object; numbers of open files mean something in the process that opened them only.");
}
