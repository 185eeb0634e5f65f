using System.CommandLine;
using Hachi.Asm;
using Hachi.Cli.Ebpf;
using Hachi.Linux.Events;
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
    private readonly Option<string> _output = new("-o") { Description = "Write to this file: of a program its instructions, of types the blob", HelpName = "FILE", DefaultValueFactory = _ => "" };

    public string Name => "dump";

    public string Summary => "Show a program's instructions, a map's elements, or types in the kernel";

    public string Usage => "dump prog|map|btf ID [--jited] [-o FILE]";

    public string Examples => """
        hachi dump prog 17                               its instructions, as the verifier left them
        hachi dump map 12                                its elements
        hachi dump btf 1 -o vmlinux.btf                  the kernel's types, as a file
        """;

    public void Build(Command command, Shell shell)
    {
        foreach (Argument argument in (Argument[])[_kind, _id])
            command.Add(argument);
        command.Add(_jited);
        command.Add(_output);
        command.SetAction(parse => Run(parse.GetValue(_kind)!, parse.GetValue(_id)!, parse.GetValue(_jited), parse.GetValue(_output)!, shell));
    }

    private static int Run(string kind, string id, bool isJited, string output, Shell shell)
    {
        switch (kind)
        {
            case "prog":
                using (KernelProgram program = PlaceArgument.OpenProgram(id))
                {
                    if (output.Length > 0)
                        Write(shell, output, isJited ? program.ReadJited() : Isa.Insn.Encode(program.ReadTranslated()));
                    else
                        shell.Out.Write(isJited ? Convert.ToHexStringLower(program.ReadJited()) + "\n" : Printer.Print(program.ReadTranslated()));
                }
                return ExitStatus.Done;
            case "map":
                using (Map map = PlaceArgument.OpenMap(id))
                    foreach ((byte[] key, byte[] value) in MapEntries.Of(map))
                        shell.Out.WriteLine($"{Escaper.Escape(map.Name)}[{MapText.Number(key)}] = {MapText.Values(value, map.ValueSize, map.IsPerCpu)}");
                return ExitStatus.Done;
            case "btf":
                using (LoadedTypes types = LoadedTypes.Open(uint.TryParse(id, out uint number) ? number : throw new CommandException($"'{id}' is no number of types", "hachi list btf shows them")))
                {
                    if (output.Length == 0)
                        throw new CommandException("types are written to a file: -o FILE");
                    Write(shell, output, types.Read());
                }
                return ExitStatus.Done;
            default:
                throw new CommandException($"'{kind}' cannot be dumped", "there are: prog, map, btf");
        }
    }

    private static void Write(Shell shell, string path, byte[] bytes)
    {
        using Stream stream = shell.OpenOutput(path, bytes.Length);
        stream.Write(bytes);
    }
}
