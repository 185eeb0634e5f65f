using System.CommandLine;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi asm</c>: text to a program.</summary>
internal sealed class AsmVerb : IVerb
{
    public string Name => "asm";

    public string Summary => "Assemble eBPF or classic BPF text";

    public string Usage => """
        asm FILE [--to raw|hex|elf] [--check] [-o OUT]
        asm FILE --classic [--to raw|hex|d|dd|ddd|compact] [--check] [-o OUT]
        """;

    public string Examples => """
        hachi asm prog.s -o prog.bin              eBPF text to raw instructions
        hachi asm prog.s --to elf -o prog.o       the same as an ELF object
        tcpdump -d ip | hachi asm - --classic --to ddd    a listing back to numbers
        """;

    public string About => """
        eBPF is read as llvm-objdump, bpftool and the kernel's log print it (r1 += r2, if r1 == 0x5 goto +3), and in the conformance
        suite's dialect (add %r1, %r2); maps, licence and several programs are said by directives (docs/objects.md). Classic BPF is read
        in bpf_asm's syntax or as tcpdump -d lists it. Labels end in a colon; comments begin
        with #, // or ; (classic: ; or //, and # at the beginning of a line).
        """;

    public void Build(Command command, Shell shell)
    {
        var file = new Argument<string>("FILE") { Description = "The text; - is standard input" };
        var classic = new Option<bool>("--classic") { Description = "The text is classic BPF" };
        var to = new Option<string?>("--to") { Description = "Form of the output: raw (default), hex, elf; classic also d, dd, ddd, compact" };
        to.AcceptOnlyFromAmong("raw", "hex", "elf", "d", "dd", "ddd", "compact");
        var check = new Option<bool>("--check") { Description = "Status 1, and no output, if the kernel would find the program malformed" };
        var output = new Option<string>("-o") { Description = "Where it goes; - is standard output", DefaultValueFactory = _ => "-" };
        command.Add(file);
        command.Add(classic);
        command.Add(to);
        command.Add(check);
        command.Add(output);
        command.SetAction(parse =>
        {
            string text = shell.ReadText(parse.GetValue(file)!);
            string out_ = parse.GetValue(output)!;
            string form = parse.GetValue(to) ?? (out_ == "-" && shell.IsTerminal ? "hex" : "raw");
            return parse.GetValue(classic)
                ? AssembleClassic(shell, text, form, out_, parse.GetValue(check))
                : Assemble(shell, text, form, out_, parse.GetValue(check));
        });
    }

    private static int Assemble(Shell shell, string text, string form, string output, bool check)
    {
        ObjectRead read = ObjectParser.Parse(text);
        if (!Report(shell, text, read.Diagnostics, read.Success))
            return ExitStatus.BadInput;
        BpfObject bpf = read.Object!;
        bool isValid = true;
        for (int i = 0; i < bpf.Programs.Length && check; i++)
            isValid &= ReportInvalid(shell, text, Validity.Check(bpf.Programs[i].Insns.AsSpan(), ValidityRules.Kernel), read.Origins[i]);
        if (!isValid)
            return ExitStatus.No;
        byte[] bytes = form switch
        {
            "raw" => Encode(bpf),
            "hex" => ProgramFile.Hex(Encode(bpf)),
            "elf" => ElfObjectWriter.Write(bpf),
            _ => throw new CommandException($"--to {form} is for classic programs", "add --classic, or use raw, hex or elf"),
        };
        return ProgramFile.Write(shell, output, bytes);
    }

    private static byte[] Encode(BpfObject bpf) => bpf.Programs.Length <= 1
        ? Insn.Encode([.. bpf.Programs.SelectMany(program => program.Insns)])
        : throw new CommandException("the text has several programs", "write them as an object: --to elf -o FILE");

    private static int AssembleClassic(Shell shell, string text, string form, string output, bool check)
    {
        ClassicAssembled assembled = ClassicAssembler.Assemble(text);
        if (!Report(shell, text, assembled.Diagnostics, assembled.Success))
            return ExitStatus.BadInput;
        ReadOnlySpan<ClassicInsn> insns = assembled.Program!.Insns;
        if (check && !ReportInvalid(shell, text, ClassicValidity.Check(insns), assembled.Origins))
            return ExitStatus.No;
        return ProgramFile.Write(shell, output, ProgramFile.Classic(insns, form));
    }

    private static bool Report(Shell shell, string text, IReadOnlyList<Diagnostic> diagnostics, bool success)
    {
        foreach (Diagnostic diagnostic in diagnostics)
            shell.Report(diagnostic, text);
        return success;
    }

    private static bool ReportInvalid(Shell shell, string text, IReadOnlyList<InvalidInsn> invalid, TextSpan[] origins)
    {
        foreach (InvalidInsn each in invalid)
            shell.Report(each.Diagnostic with { Span = each.Index < origins.Length ? origins[each.Index] : default }, text);
        return invalid.Count == 0;
    }
}
