namespace Hachi.Text;

public static partial class DiagnosticTable
{
#pragma warning disable CS1591 // the row says it
    public static readonly DiagnosticInfo MetadataName = Add("HV0001", Severity.Error, "'{0}' is no packet metadata that can be set",
        "Can be set: proto type ifidx mark queue hatype rxhash cpu vlan_tci vlan_avail vlan_tpid rand. The others (len, poff, nla, nlan) are computed from the packet.");
    public static readonly DiagnosticInfo MetadataValue = Add("HV0002", Severity.Error, "'{0}' is no 32-bit number",
        "Metadata values are decimal or 0x... numbers from 0 to 4294967295.");
#pragma warning restore CS1591
}
