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
using Hachi.Text;
using KernelProgram = Hachi.Linux.Load.Program;

namespace Hachi.Cli.Verbs.Kernel;

/// <summary><c>hachi dump</c>: what is inside a program, a map or types in the kernel.</summary>
internal sealed class DumpVerb : IVerb
{
    private readonly Argument<string> _kind = new("KIND") { Description = "prog, map or btf" };
    private readonly Argument<string> _id = new("ID") { Description = "Its number, or the path of its pin" };
    private readonly Option<bool> _jited = new("--jited") { Description = "Of a program: its machine code, as hexadecimal digits" };
    private readonly Option<string> _to = new("--to") { Description = "Of types: raw (a line each, as bpftool prints them) or c (declarations)", HelpName = "raw|c", DefaultValueFactory = _ => "raw" };
    private readonly Option<bool> _json = new("--json") { Description = "Of a map: one JSON object for each element, its bytes as hexadecimal digits" };
    private readonly Option<string> _output = new("-o") { Description = "Write to this file: of a program its instructions, of types the blob", HelpName = "FILE", DefaultValueFactory = _ => "" };

    public string Name => "dump";

    public string Summary => "Show a program's instructions, a map's elements, or types in the kernel";

    public string Usage => "dump prog|map|btf ID [--jited] [--to raw|c] [--json] [-o FILE]";

    public string Examples => """
        hachi dump prog 17                               its instructions, as the verifier left them
        hachi dump map 12                                its elements
        hachi dump btf 120 --to c                        types as declarations
        hachi dump btf 1 -o vmlinux.btf                  the kernel's types, as a file
        """;

    public void Build(Command command, Shell shell)
    {
        foreach (Argument argument in (Argument[])[_kind, _id])
            command.Add(argument);
        foreach (Option option in (Option[])[_jited, _to, _json, _output])
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
                        shell.Out.Write(isJited ? Convert.ToHexStringLower(program.ReadJited()) + "\n" : Translated(program.ReadTranslated()));
                }
                return ExitStatus.Done;
            case "map":
                using (Map map = PlaceArgument.OpenMap(id))
                    foreach ((byte[] key, byte[] value) in MapEntries.Of(map))
                        shell.Out.WriteLine(parse.GetValue(_json) ? KernelJson.Element(map, key, value) : KernelText.Element(map, key, value));
                return ExitStatus.Done;
            case "btf":
                DumpTypes(shell, id, parse.GetValue(_to)!, output);
                return ExitStatus.Done;
            default:
                throw new CommandException($"'{kind}' cannot be dumped", "there are: prog, map, btf");
        }
    }

    // The verifier leaves the numbers of maps in the place of their descriptors; bpftool writes them so too.
    private static string Translated(ReadOnlySpan<Insn> insns)
    {
        var text = new StringBuilder();
        for (int i = 0; i < insns.Length;)
        {
            Insn insn = insns[i];
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

    private static void DumpTypes(Shell shell, string id, string to, string output)
    {
        if (to is not ("raw" or "c"))
            throw new CommandException($"types cannot be written as '{to}'", "there are: raw, c");
        using LoadedTypes types = LoadedTypes.Open(uint.TryParse(id, out uint number) ? number : throw new CommandException($"'{id}' is no number of types", "hachi list btf shows them"));
        byte[] blob = types.Read();
        if (output.Length > 0)
        {
            Write(shell, output, blob);
            return;
        }
        // A module's types go on from the kernel's.
        BtfTypes? kernel = types.IsKernel && types.Name != "vmlinux" ? KernelBtf.TryOpen(out _)?.Types : null;
        if (!BtfReader.TryRead(blob, kernel, out BtfTypes? read, out string reason))
            throw new CommandException($"types {id} cannot be read: {reason}");
        shell.Out.Write(Escaper.Escape(to == "c" ? BtfCText.Print(read!) : BtfRawText.Print(read!), keepLines: true));
    }

    private static void Write(Shell shell, string path, byte[] bytes)
    {
        using Stream stream = shell.OpenOutput(path, bytes.Length);
        stream.Write(bytes);
    }
}
