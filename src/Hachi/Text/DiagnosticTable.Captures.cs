namespace Hachi.Text;

public static partial class DiagnosticTable
{
#pragma warning disable CS1591 // the row says it
    public static readonly DiagnosticInfo CaptureEmpty = Add("HC0001", Severity.Error, "the input is empty",
        "A capture file starts with a header of 24 bytes (pcap) or a section header block (pcapng); this input has no bytes at all.");
    public static readonly DiagnosticInfo CaptureUnknownFormat = Add("HC0002", Severity.Error, "not a pcap or pcapng capture: it starts with {0}",
        "The first four bytes tell the format; these belong to no pcap, pcapng or gzip file.");
    public static readonly DiagnosticInfo CaptureTruncated = Add("HC0003", Severity.Error, "truncated capture: {0} at byte {1} needs {2} bytes, {3} are left",
        "The file ends inside a record, as when the capturing program was killed or the disk was full. Everything before that byte was read.");
    public static readonly DiagnosticInfo CapturePacketTooLong = Add("HC0004", Severity.Error, "damaged capture: the packet at byte {0} claims {1} captured bytes, more than the maximum of {2}",
        "No such packet exists for this link type: the file is damaged at that byte. Everything before it was read.");
    public static readonly DiagnosticInfo CaptureVersion = Add("HC0005", Severity.Error, "the capture has version {0}.{1}, which is not supported",
        "Known are pcap 2.0 to 2.4 and pcapng 1.x.");
    public static readonly DiagnosticInfo CaptureBlockLength = Add("HC0006", Severity.Error, "damaged capture: the block at byte {0} claims a length of {1} bytes",
        "A pcapng block has at least 12 bytes, a multiple of four, and at most 16 MiB. Everything before it was read.");
    public static readonly DiagnosticInfo CaptureBlockTrailer = Add("HC0007", Severity.Error, "damaged capture: the block at byte {0} says length {1} at its start and {2} at its end",
        "The two lengths of a pcapng block must be equal. Everything before it was read.");
    public static readonly DiagnosticInfo CaptureByteOrder = Add("HC0008", Severity.Error, "damaged capture: the section header at byte {0} has no byte-order magic",
        "A pcapng section starts with 0x1a2b3c4d in one of the two byte orders. Everything before it was read.");
    public static readonly DiagnosticInfo CaptureUnknownInterface = Add("HC0009", Severity.Error, "damaged capture: the packet at byte {0} belongs to interface {1}, which was not described",
        "Each pcapng packet names an interface description block of its section by number. Everything before it was read.");
    public static readonly DiagnosticInfo CapturePacketOverrun = Add("HC0010", Severity.Error, "damaged capture: the packet at byte {0} claims {1} captured bytes, its block has room for {2}",
        "The captured length must fit in the pcapng block. Everything before it was read.");
    public static readonly DiagnosticInfo CaptureTooManyInterfaces = Add("HC0011", Severity.Error, "the capture describes more than {0} interfaces (byte {1})",
        "No real capture does; the reader keeps a table of them and stops here.");
    public static readonly DiagnosticInfo CaptureGzip = Add("HC0012", Severity.Error, "damaged gzip data after {0} uncompressed bytes",
        "The compressed stream is broken or cut off. Everything before it was read.");
    public static readonly DiagnosticInfo CaptureReadFailed = Add("HC0013", Severity.Error, "reading failed after {0} bytes: {1}",
        "The system reported an error while the capture was read.");
#pragma warning restore CS1591
}
