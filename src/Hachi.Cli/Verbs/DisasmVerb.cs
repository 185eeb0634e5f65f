using System.CommandLine;
using System.Text;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi disasm</c>: a program to text.</summary>
internal sealed class DisasmVerb : IVerb
{
    public string Name => "disasm";

    public string Summary => "Disassemble eBPF or classic BPF";

    public string Usage => """
        disasm FILE|--hex HEX [--check] [-o OUT]
        disasm FILE|--hex HEX --classic [--to asm|d|dd|ddd|compact] [--check] [-o OUT]
        """;

    public string Examples => """
        hachi disasm prog.o                              an ELF object: its programs with maps, functions, helpers by name
        hachi disasm --hex b7000000050000009500000000000000    instructions from the command line
        tcpdump -ddd ip | hachi disasm - --classic       numbers to bpf_asm's syntax
        """;

    public string About => """
        eBPF files are ELF objects, raw instructions or hexadecimal text; classic files are raw instructions or the numbers of tcpdump -dd,
        tcpdump -ddd and bpf_asm. What is printed assembles back to the same instructions; slots that are no instruction
        are printed as .quad (classic: .insn).
        """;

    public void Build(Command command, Shell shell)
    {
        var file = new Argument<string?>("FILE") { Description = "The program; - is standard input", Arity = ArgumentArity.ZeroOrOne };
        var hex = new Option<string?>("--hex") { Description = "The program's bytes, as hexadecimal digits" };
        var classic = new Option<bool>("--classic") { Description = "The program is classic BPF" };
        var to = new Option<string>("--to") { Description = "Form of the text: asm (default); classic also d, dd, ddd, compact, hex", DefaultValueFactory = _ => "asm" };
        to.AcceptOnlyFromAmong("asm", "d", "dd", "ddd", "compact", "hex");
        var check = new Option<bool>("--check") { Description = "Status 1 if the kernel would find the program malformed; says why" };
        var output = new Option<string>("-o") { Description = "Where it goes; - is standard output", DefaultValueFactory = _ => "-" };
        command.Add(file);
        command.Add(hex);
        command.Add(classic);
        command.Add(to);
        command.Add(check);
        command.Add(output);
        command.SetAction(parse =>
        {
            string? path = parse.GetValue(file), digits = parse.GetValue(hex);
            if (path is null == digits is null)
                throw new CommandException("one of FILE and --hex is needed");
            byte[] content = digits is not null ? FromHex(shell, digits) : ProgramFile.Read(shell, path!);
            string form = parse.GetValue(to)!, out_ = parse.GetValue(output)!;
            bool isChecked = parse.GetValue(check);
            if (parse.GetValue(classic))
                return DisassembleClassic(shell, content, form, out_, isChecked);
            if (form is not ("asm" or "hex"))
                throw new CommandException($"--to {form} is for classic programs", "add --classic");
            return Disassemble(shell, content, form, out_, isChecked);
        });
    }

    private static int Disassemble(Shell shell, byte[] content, string form, string output, bool check)
    {
        if (ElfObjectReader.IsElf(content))
            return DisassembleObject(shell, content, form, output, check);
        if (HexBytes.LooksLikeText(content))
            content = FromHex(shell, Encoding.ASCII.GetString(content));
        if (!Insn.TryDecode(content, out Insn[] insns))
            throw new CommandException($"{content.Length} bytes are no whole number of instructions of 8 bytes");
        ProgramFile.Write(shell, output, form == "asm" ? Encoding.UTF8.GetBytes(Printer.Print(insns)) : ProgramFile.Hex(content));
        return !check || IsValid(shell, Validity.Check(insns, ValidityRules.Kernel)) ? ExitStatus.Done : ExitStatus.No;
    }

    // The whole object with its names; what cannot be linked is shown section by section.
    private static int DisassembleObject(Shell shell, byte[] content, string form, string output, bool check)
    {
        ObjectRead read = ElfObjectReader.Read(content);
        foreach (Diagnostic diagnostic in read.Diagnostics)
            shell.Fail($"{diagnostic.Message} [{diagnostic.Id}]", diagnostic.Hint);
        var text = new StringBuilder();
        bool isValid = true;
        if (read.Object is { } bpf && form == "asm")
        {
            text.Append(ObjectPrinter.Print(bpf, isWhole: false));
            foreach (ProgramSpec program in bpf.Programs)
                isValid &= !check || IsValid(shell, Validity.Check(program.Insns.AsSpan(), ValidityRules.Kernel));
        }
        else
        {
            IReadOnlyList<(string Name, Insn[] Insns)> sections = ElfObjectReader.ReadSections(content, out _);
            if (sections.Count == 0)
                throw new CommandException("there is no code in it");
            foreach ((string name, Insn[] insns) in sections)
            {
                text.Append("# section ").Append(Escaper.Escape(name)).Append('\n');
                text.Append(form == "asm" ? Printer.Print(insns) : Encoding.ASCII.GetString(ProgramFile.Hex(Insn.Encode(insns))));
                isValid &= !check || IsValid(shell, Validity.Check(insns, ValidityRules.Kernel));
            }
        }
        ProgramFile.Write(shell, output, Encoding.UTF8.GetBytes(text.ToString()));
        return isValid ? ExitStatus.Done : ExitStatus.No;
    }

    private static int DisassembleClassic(Shell shell, byte[] content, string form, string output, bool check)
    {
        bool isText = !content.AsSpan().ContainsAnyExceptInRange((byte)'\t', (byte)'~');
        ClassicInsn[] insns;
        if (isText)
        {
            string text = Encoding.ASCII.GetString(content);
            ClassicAssembled parsed = ClassicNumbers.Parse(text);
            foreach (Diagnostic diagnostic in parsed.Diagnostics)
                shell.Report(diagnostic, text);
            if (!parsed.Success)
                return ExitStatus.BadInput;
            insns = parsed.Program!.Insns.ToArray();
        }
        else if (!ClassicNumbers.TryDecode(content, out insns))
            throw new CommandException($"{content.Length} bytes are no whole number of instructions of 8 bytes");
        ProgramFile.Write(shell, output, ProgramFile.Classic(insns, form));
        return !check || IsValid(shell, ClassicValidity.Check(insns)) ? ExitStatus.Done : ExitStatus.No;
    }

    private static bool IsValid(Shell shell, IReadOnlyList<InvalidInsn> invalid)
    {
        foreach (InvalidInsn each in invalid)
            shell.Fail($"instruction {each.Index}: {each.Diagnostic.Message} [{each.Diagnostic.Id}]");
        return invalid.Count == 0;
    }

    private static byte[] FromHex(Shell shell, string text)
    {
        byte[]? bytes = HexBytes.Parse(text, out Diagnostic? diagnostic);
        if (bytes is not null)
            return bytes;
        shell.Report(diagnostic!, text);
        throw new CommandException("that is no program in hexadecimal");
    }
}
