using System.CommandLine;
using System.Globalization;
using System.Text;
using Hachi.Asm;
using Hachi.Btf;
using Hachi.Btf.Print;
using Hachi.Isa;
using Hachi.Linux.Events;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Linux.Symbols;
using Hachi.Text;
using KernelProgram = Hachi.Linux.Load.Program;

namespace Hachi.Cli.Verbs.Kernel;

/// <summary><c>hachi dump</c>: what is inside a program, a map or types in the kernel.</summary>
internal sealed class DumpVerb : IVerb
{
    private const byte Call = 0x85;

    private readonly Argument<string> _kind = new("KIND") { Description = "prog, map or btf" };
    private readonly Argument<string> _id = new("ID") { Description = "Its number, its name, or the path of its pin; of types a number, vmlinux, a module, or a file" };
    private readonly Option<bool> _jited = new("--jited") { Description = "Of a program: its machine code, as hexadecimal digits" };
    private readonly Option<bool> _lines = new("--lines") { Description = "Of a program: the lines of its source between the instructions" };
    private readonly Option<string> _to = new("--to") { Description = "Of types: raw (a line each, as bpftool prints them) or c (declarations)", HelpName = "raw|c", DefaultValueFactory = _ => "raw" };
    private readonly Option<bool> _json = new("--json") { Description = "Of a map: one JSON object for each element: its bytes as hexadecimal digits, and what they are where the map has types" };
    private readonly Option<string> _output = new("-o") { Description = "Write to this file: of a program its instructions, of types the blob", HelpName = "FILE", DefaultValueFactory = _ => "" };

    public string Name => "dump";

    public string Summary => "Show a program's instructions, a map's elements, or types in the kernel";

    public string Usage => "dump prog|map|btf ID [--jited] [--lines] [--to raw|c] [--json] [-o FILE]";

    public string Examples => """
        hachi dump prog 17                               its instructions, as the verifier left them
        hachi dump prog 17 --lines                       with the lines of its source
        hachi dump map 12                                its elements
        hachi dump btf 120 --to c                        types as declarations
        hachi dump btf vmlinux -o vmlinux.btf            the kernel's types, as a file
        """;

    public void Build(Command command, Shell shell)
    {
        foreach (Argument argument in (Argument[])[_kind, _id])
            command.Add(argument);
        foreach (Option option in (Option[])[_jited, _lines, _to, _json, _output])
            command.Add(option);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        (string kind, string id, string output, bool isJited) = (parse.GetValue(_kind)!, parse.GetValue(_id)!, parse.GetValue(_output)!, parse.GetValue(_jited));
        switch (kind)
        {
            case "prog":
                using (KernelProgram program = PlaceArgument.OpenProgram(id))
                {
                    if (output.Length > 0)
                        Write(shell, output, isJited ? program.ReadJited() : Insn.Encode(program.ReadTranslated()));
                    else
                        shell.Out.Write(isJited ? Convert.ToHexStringLower(program.ReadJited()) + "\n" : Translated(program, parse.GetValue(_lines)));
                }
                return ExitStatus.Done;
            case "map":
                using (Map map = PlaceArgument.OpenMap(id))
                {
                    var elements = new MapElements(map, parse.GetValue(_json));
                    foreach ((byte[] key, byte[] value) in MapEntries.Of(map))
                        shell.Out.WriteLine(elements.Line(key, value));
                }
                return ExitStatus.Done;
            case "btf":
                DumpTypes(shell, id, parse.GetValue(_to)!, output);
                return ExitStatus.Done;
            default:
                throw new CommandException($"'{kind}' cannot be dumped", "there are: prog, map, btf");
        }
    }

    // The verifier leaves the numbers of maps in the place of their descriptors; bpftool writes them so too.
    private static string Translated(KernelProgram program, bool showsLines)
    {
        ReadOnlySpan<Insn> insns = program.ReadTranslated();
        ProgramSource source = program.ReadSource();
        var symbols = new KernelSymbols();
        var text = new StringBuilder();
        for (int i = 0, function = 0, line = 0; i < insns.Length;)
        {
            for (; function < source.Functions.Count && source.Functions[function].Slot <= i; function++)
                text.Append(CultureInfo.InvariantCulture, $"{(i > 0 ? "\n" : "")}{Escaper.Escape(source.Functions[function].Name)}:\n");
            for (; line < source.Lines.Count && source.Lines[line].Slot <= i; line++)
                if (showsLines)
                    text.Append(CultureInfo.InvariantCulture, $"; {Escaper.Escape(source.Lines[line].Text)} [{Escaper.Escape(Path.GetFileName(source.Lines[line].File))}:{source.Lines[line].Line}]\n");
            Insn insn = insns[i];
            if (insn.Opcode == Call && CalledName(insn, i, source, symbols) is { } called)
            {
                text.Append(CultureInfo.InvariantCulture, $"call {Escaper.Escape(called)}\n");
                i++;
                continue;
            }
            if (!insn.IsWide || i + 1 >= insns.Length || insn.Src is not (Pseudo.MapFd or Pseudo.MapValue))
            {
                i += Printer.Print(text, insns[i..]);
                text.Append('\n');
                continue;
            }
            text.Append(CultureInfo.InvariantCulture, $"r{insn.Dst} = map[id:{insn.Imm}]{(insn.Src == Pseudo.MapValue ? $"[0]+{insns[i + 1].Imm}" : "")}\n");
            i += 2;
        }
        return text.ToString();
    }

    // The verifier leaves the distance from __bpf_call_base in the place of a helper's number.
    private static string? CalledName(Insn insn, int slot, ProgramSource source, KernelSymbols symbols)
    {
        if (insn.Src == Pseudo.Call)
            return source.Functions.FirstOrDefault(each => each.Slot == slot + 1 + insn.Imm) is { Name: { } name } ? name : null;
        return symbols.AddressOf("__bpf_call_base") is { } start && symbols.Find(start + (ulong)(long)insn.Imm) is { Offset: 0 } symbol ? symbol.Name : null;
    }

    private static void DumpTypes(Shell shell, string id, string to, string output)
    {
        if (to is not ("raw" or "c"))
            throw new CommandException($"types cannot be written as '{to}'", "there are: raw, c");
        (byte[] blob, bool isModule) = ReadTypes(id);
        if (output.Length > 0)
        {
            Write(shell, output, blob);
            return;
        }
        // A module's types go on from the kernel's.
        BtfTypes? kernel = isModule ? KernelBtf.TryOpen(out _)?.Types : null;
        if (!BtfReader.TryRead(blob, kernel, out BtfTypes? read, out string reason))
            throw new CommandException($"types {id} cannot be read: {reason}");
        shell.Out.Write(Escaper.Escape(to == "c" ? BtfCText.Print(read!) : BtfRawText.Print(read!), keepLines: true));
    }

    // A file of /sys/kernel/btf needs no right to be read.
    private static (byte[] Blob, bool IsModule) ReadTypes(string id)
    {
        const string Folder = "/sys/kernel/btf/";
        bool isNumber = uint.TryParse(id, out uint number), isName = !isNumber && id.Length > 0 && !id.Contains('/', StringComparison.Ordinal);
        string path = isName ? Folder + id : id;
        if (!isNumber && File.Exists(path))
            return (File.ReadAllBytes(path), path.StartsWith(Folder, StringComparison.Ordinal) && path != Folder + "vmlinux");
        if (!isNumber)
            throw new CommandException($"there are no types of the name '{id}'", "give a number, vmlinux, a module, or a file; hachi list btf shows what is in the kernel");
        using LoadedTypes types = LoadedTypes.Open(number);
        return (types.Read(), types.IsKernel && types.Name != "vmlinux");
    }

    private static void Write(Shell shell, string path, byte[] bytes)
    {
        using Stream stream = shell.OpenOutput(path, bytes.Length);
        stream.Write(bytes);
    }
}
