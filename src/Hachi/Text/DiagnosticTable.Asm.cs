namespace Hachi.Text;

// Assembly: HA00xx text, HA01xx classic programs, HA02xx eBPF programs.
public static partial class DiagnosticTable
{
    internal static readonly DiagnosticInfo
        AsmExpected = Add("HA0001", Severity.Error, "expected {0}, found {1}", "The text at the mark is not what an instruction has there."),
        AsmUnknownMnemonic = Add("HA0002", Severity.Error, "unknown instruction {0}", "No instruction begins with this word; docs/instructions.md lists all of them."),
        AsmNumberRange = Add("HA0003", Severity.Error, "{0} does not fit {1}", "The number is too large or too small for its field."),
        AsmUnknownLabel = Add("HA0004", Severity.Error, "unknown label {0}", "A jump names a label that is nowhere defined."),
        AsmDuplicateLabel = Add("HA0005", Severity.Error, "label {0} is already defined", "Each label may be defined once."),
        AsmJumpReach = Add("HA0006", Severity.Error, "{0} is out of reach: {1} instructions away, this jump reaches {2}", "Classic conditional jumps reach 255 instructions, eBPF jumps 32767; use ja (classic) or gotol (eBPF)."),
        AsmUnknownRegister = Add("HA0007", Severity.Error, "there is no register {0}", "eBPF has r0 to r10 and their lower halves w0 to w10; classic BPF has a and x."),
        AsmNoSuchForm = Add("HA0008", Severity.Error, "no such instruction: {0}", "The operation exists, but not with these operands."),
        AsmWidths = Add("HA0009", Severity.Error, "{0} and {1} are of different width", "Both operands are 64-bit registers (r) or both 32-bit registers (w)."),
        AsmBackwardJump = Add("HA0010", Severity.Error, "{0} lies behind: classic jumps only go forward", "Classic BPF has no loops."),
        AsmUnclosedComment = Add("HA0011", Severity.Error, "this comment is not closed", "A comment that begins with /* ends with */."),
        AsmTrailing = Add("HA0012", Severity.Error, "unexpected {0} after the instruction", "One instruction a line; comments begin with #, // or ;."),
        AsmTooLong = Add("HA0013", Severity.Error, "the program has more than {0} instructions", "Longer programs cannot be loaded."),
        AsmNumbersForm = Add("HA0014", Severity.Error, "{0}", "Programs as numbers: a count, then four decimal numbers (code jt jf k) an instruction, as tcpdump -ddd prints them."),
        AsmRawLength = Add("HA0015", Severity.Error, "{0} bytes are no whole number of instructions", "Each instruction takes 8 bytes."),
        AsmBadHex = Add("HA0016", Severity.Error, "{0} is no hexadecimal byte", "Bytes are written as pairs of hexadecimal digits, blanks between them optional."),

        ClassicProgramLength = Add("HA0101", Severity.Error, "a program of {0} instructions: from 1 to {1} are allowed", "The kernel refuses empty programs and those of more than 4096 instructions."),
        ClassicUnknownCode = Add("HA0102", Severity.Error, "unknown instruction code 0x{0:x}", "The classic machine has no such instruction."),
        ClassicNoReturn = Add("HA0103", Severity.Error, "the last instruction is not a return", "A classic program ends with ret."),
        ClassicDivisionByZero = Add("HA0104", Severity.Error, "{0} by the constant 0", "The kernel refuses a division by a constant zero."),
        ClassicShift = Add("HA0105", Severity.Error, "{0} by {1}: the accumulator has 32 bits", "The kernel refuses constant shifts by 32 and more."),
        ClassicMemoryIndex = Add("HA0106", Severity.Error, "M[{0}]: there are 16 words, M[0] to M[15]", "Scratch memory has 16 words."),
        ClassicMemoryUnwritten = Add("HA0107", Severity.Error, "M[{0}] is read, but not every path here has written it", "The kernel refuses reads of scratch memory that may be uninitialised."),
        ClassicJumpRange = Add("HA0108", Severity.Error, "jump to {0}, but the program has {1} instructions", "Jumps must stay inside the program."),
        ClassicUnknownExtension = Add("HA0109", Severity.Error, "no extension at offset 0x{0:x}", "Absolute offsets from 0xfffff000 on read metadata; this one is not assigned."),

        InsnUnknown = Add("HA0201", Severity.Error, "unknown opcode 0x{0:x2}", "Neither RFC 9669 nor the kernel knows this opcode."),
        InsnField = Add("HA0202", Severity.Error, "0x{0:x2}: the {1} field is {2}, which no form of this opcode has", "Fields that an instruction does not use must be zero; others allow certain values only."),
        InsnRegister = Add("HA0203", Severity.Error, "there is no register r{0}", "eBPF has r0 to r10."),
        InsnFramePointer = Add("HA0204", Severity.Error, "r10 is read-only", "The frame pointer cannot be written."),
        InsnWideCut = Add("HA0205", Severity.Error, "the second half of this wide instruction is missing", "A 64-bit immediate load takes two slots."),
        InsnWideField = Add("HA0206", Severity.Error, "the second half of a wide instruction has {0} set", "Only the immediate of the second slot may be used, and only by sources that need it."),
        InsnJumpRange = Add("HA0207", Severity.Error, "jump to {0}, but the program has {1} slots", "Jumps and calls must stay inside the program."),
        InsnJumpMiddle = Add("HA0208", Severity.Error, "jump to {0}, the second half of a wide instruction", "A jump may not land inside an instruction."),
        InsnFallsOff = Add("HA0209", Severity.Error, "the last instruction is neither exit nor a jump", "Control would run past the end of the program."),
        InsnImmediate = Add("HA0210", Severity.Error, "{0} by the constant {1}", "The kernel refuses divisions by a constant zero and shifts by the operand's width or more."),
        InsnProgramLength = Add("HA0211", Severity.Error, "a program of {0} slots: from 1 to {1} are allowed", "The kernel refuses empty and over-long programs."),
        InsnCrossesFunction = Add("HA0212", Severity.Error, "jump to {0}, out of the function that begins at {1}", "Jumps must stay inside their function; only calls leave it."),
        InsnNotLoadable = Add("HA0213", Severity.Error, "{0} is not accepted by any kernel", "The instruction is in the standard, but Linux does not load it.");
}
