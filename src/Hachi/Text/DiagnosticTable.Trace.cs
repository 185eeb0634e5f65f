namespace Hachi.Text;

// Trace scripts: HT00xx their syntax, HT01xx their meaning, HT02xx what programs cannot do.
public static partial class DiagnosticTable
{
#pragma warning disable CS1591 // each row carries its own help
    public static readonly DiagnosticInfo
        TraceExpected = Add("HT0001", Severity.Error, "expected {0}, found {1}", "The text at the mark is not what a script has there."),
        TraceBadCharacter = Add("HT0002", Severity.Error, "{0} begins nothing in a script", "Outside strings and comments a script has letters, digits and operators only."),
        TraceUnclosedString = Add("HT0003", Severity.Error, "this string is not closed", "A string ends with a quote on the same line; a quote inside it is written \\\"."),
        TraceUnclosedComment = Add("HT0004", Severity.Error, "this comment is not closed", "A comment that /* opens goes to the next */."),
        TraceBadEscape = Add("HT0005", Severity.Error, "{0} is no escape", "Escapes are \\n \\t \\r \\a \\b \\f \\v \\\" \\\\, \\xHH and \\OOO (three octal digits)."),
        TraceBadNumber = Add("HT0006", Severity.Error, "{0} is no number", "Numbers are decimal (1_000, 1e6), hexadecimal (0x1f) or octal (017), of at most 64 bits; durations end with ns, us, ms, s, m, h or d."),
        TracePositional = Add("HT0007", Severity.Error, "{0}: parameters are counted from $1", "$1 is the first parameter behind the script on the command line, $# how many there are."),
        TraceTooDeep = Add("HT0008", Severity.Error, "nested too deeply", "Brackets, blocks and operators may nest a few hundred levels: name intermediate values."),
        TraceDirective = Add("HT0009", Severity.Error, "#{0} is no directive here", "A script may have #include, #define, #undef, #if, #ifdef, #ifndef, #else and #endif."),
        TraceUnclosedConditional = Add("HT0010", Severity.Error, "no #endif closes this", "Every #if, #ifdef and #ifndef has its #endif."),
        TraceAssignTarget = Add("HT0011", Severity.Error, "{0} cannot be assigned to", "Assignments go to a variable ($x), a map (@x, @x[key]), or to _ to throw a value away."),
        TraceUnclosed = Add("HT0012", Severity.Error, "nothing closes this {0}", "Every bracket has its partner."),
        TraceNoProbe = Add("HT0013", Severity.Error, "expected a probe, found {0}", "A script is a list of probes with their blocks: BEGIN { … }  tracepoint:sched:sched_switch { … }."),
        TraceMemberType = Add("HT0014", Severity.Error, "{0} cannot be a member's type here", "Members are numbers, pointers, arrays, structs, unions and enums."),
        TraceTooMany = Add("HT0015", Severity.Error, "more is wrong, but this is enough", "Mend the first errors: later ones often follow from them.");
#pragma warning restore CS1591
}
