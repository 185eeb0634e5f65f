namespace Hachi.Text;

// Objects: HO00xx ELF files, HO01xx what is linked from them, HO02xx the text form, HE00xx code emitted for them, HM00xx C# compiled to them.
public static partial class DiagnosticTable
{
    internal static readonly DiagnosticInfo
        ElfNotElf = Add("HO0001", Severity.Error, "this is no ELF file", "ELF files begin with 0x7f, then the letters ELF."),
        ElfWrongKind = Add("HO0002", Severity.Error, "this ELF file is no BPF object: {0}", "Wanted is a 64-bit little-endian relocatable file for machine 247 (BPF), as clang -target bpf -c makes it."),
        ElfDamaged = Add("HO0003", Severity.Error, "damaged ELF file: {0}", "A length or place in the file leads outside it: it was cut, or is no object at all."),
        ElfOddCode = Add("HO0004", Severity.Error, "section '{0}' has {1} bytes, no whole number of instructions", "Each instruction takes 8 bytes."),
        ElfBadBtf = Add("HO0005", Severity.Error, "section {0} is damaged: {1}", "Types of the object cannot be read; build it anew with clang -g."),
        ElfNoBtf = Add("HO0006", Severity.Error, "maps are defined in .maps, but there is no section .BTF", "BTF-defined maps are described by types: build with -g, and do not strip the object."),

        LinkNoPrograms = Add("HO0101", Severity.Error, "the object has no program", "Code stands in an executable section such as xdp, tc or tracepoint/...; SEC(\"...\") puts it there."),
        LinkRelocation = Add("HO0102", Severity.Error, "section '{0}', offset 0x{1:x}: {2}", "The instruction or datum needs something that cannot be filled in."),
        LinkCall = Add("HO0103", Severity.Error, "section '{0}', instruction {1}: this call leads to {2}, where no function begins", "Calls between functions go to the first instruction of one."),
        LinkTooLarge = Add("HO0104", Severity.Error, "the linked programs have more than {0} instructions", "Every program carries the functions that it reaches; together they are too many."),
        LinkMap = Add("HO0105", Severity.Error, "map '{0}': {1}", "A map's definition is a structure whose members the macros __uint, __type, __array and __ulong declare."),
        LinkExtern = Add("HO0106", Severity.Warning, "'{0}' is {1}, which only a running kernel has", "Programs that use it run in the kernel, not in user space."),
        LinkSection = Add("HO0107", Severity.Warning, "section '{0}' names no kind of program that is known", "The name of the section says what a program is for: xdp, tc, kprobe/FUNCTION, tracepoint/GROUP/EVENT, ..."),
        LinkStaticProgram = Add("HO0108", Severity.Warning, "'{0}' in section '{1}' is static: it is no program of its own", "Only global functions outside .text are programs."),
        LinkDataPointer = Add("HO0109", Severity.Warning, "section '{0}', offset 0x{1:x}: a pointer in data stays empty", "Where things lie is known only at run time; fill such pointers in by code."),

        TextDirective = Add("HO0201", Severity.Error, "unknown directive {0}", "Known are .license, .version, .map, .inner, .slot, .bytes, .extern, .use, .program, .function, .line, .core and .btf."),
        TextAttribute = Add("HO0202", Severity.Error, "unknown attribute {0}", "The attributes of each directive are listed in docs/objects.md."),
        TextUnknownName = Add("HO0203", Severity.Error, "there is no {0} {1}", "The name must be defined in the same text."),
        TextDuplicate = Add("HO0204", Severity.Error, "{0} {1} is already defined", "Names of maps and of programs are unique in an object."),
        TextMisplaced = Add("HO0205", Severity.Error, "{0} cannot stand here", "Directives such as .bytes, .slot and .inner say more of the .map (or .btf, .extern) directly before them."),
        TextTooLarge = Add("HO0206", Severity.Error, "more than {0} {1}", "The object would be too large."),
        TextPlan = Add("HO0207", Severity.Error, "this line of a plan cannot be read", "Lines of a plan are written by a front end (docs/objects.md) and are not meant to be changed by hand."),

        EmitStack = Add("HE0001", Severity.Error, "{0} takes {1} bytes of stack, {2} are allowed", "The kernel gives a chain of calls 512 bytes: keep large data in a map (a per-CPU array of one entry) instead of locals."),
        EmitTooLong = Add("HE0002", Severity.Error, "{0} is too long: {1} instructions, and a jump across more than 32767", "Long jumps need the instructions of level 4 (Linux 6.6); or split the program by calls or tail calls."),
        EmitLevel = Add("HE0003", Severity.Error, "{0}: {1} needs level {2} of the instruction set", "Levels are clang's -mcpu: v3 needs Linux 5.12, v4 Linux 6.6."),
        EmitRecursion = Add("HE0004", Severity.Error, "the functions of {0} call each other in a ring", "eBPF has no recursion: write a loop."),
        EmitFrames = Add("HE0005", Severity.Error, "{0} nests {1} calls, {2} are allowed", "The kernel allows eight frames, the program's own among them."),
        EmitRegisters = Add("HE0006", Severity.Error, "{0}: no allocation of registers was found", "This is a fault of the compiler: please report it with the source."),

        CSharpNone = Add("HM0001", Severity.Error, "no method is marked as a program", "Mark a static method with [Xdp] or [SocketFilter]."),
        CSharpShape = Add("HM0002", Severity.Error, "{0} must have the shape {1}", "A program takes its context by reference and returns a verdict."),
        CSharpDamaged = Add("HM0003", Severity.Error, "{0} cannot be read", "The assembly is damaged, or the method has no body here."),
        CSharpUnsupported = Add("HM0004", Severity.Error, "a BPF program cannot have {0}", "There is no heap and there are no objects in the kernel: integers, structures of them, pointers, references, maps."),
        CSharpType = Add("HM0005", Severity.Error, "a BPF program cannot have a value of type {0}", "Integers, enumerations, unmanaged structures of this assembly, pointers and references."),
        CSharpCall = Add("HM0006", Severity.Error, "a BPF program cannot call {0}", "Methods of the same assembly are written in line; of others a few are known, such as BinaryPrimitives.ReverseEndianness and Interlocked.Add."),
        CSharpRecursion = Add("HM0007", Severity.Error, "{0} calls itself", "eBPF has no recursion: write a loop."),
        CSharpDepth = Add("HM0008", Severity.Error, "calls are nested more than {0} deep", "Methods are written in line."),
        CSharpExceptions = Add("HM0009", Severity.Error, "{0} has try, catch or finally", "There are no exceptions in the kernel; using and lock need them, too."),
        CSharpStatic = Add("HM0010", Severity.Error, "static field {0} is no map", "Static fields of programs are maps: static readonly HashMap<uint, ulong>, ArrayMap<T>; constants are const."),
        CSharpTooLong = Add("HM0011", Severity.Error, "the program has more than {0} instructions of IL, called methods counted each time", "Split it, or write loops instead of calls.");
}
