using System.CommandLine;
using System.Text;
using Hachi.Isa;
using Hachi.Lang.Seccomp.Explain;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary><c>hachi seccomp disasm</c>: a filter as text, with the names of calls, words and actions.</summary>
internal sealed class SeccompDisasmVerb : IVerb
{
    private readonly Argument<string> _filter = new("FILTER") { Description = "A filter, or a policy; - is standard input" };
    private readonly Option<string> _output = new("-o") { Description = "Where it goes; - is standard output", DefaultValueFactory = _ => "-", HelpName = "FILE" };
    private readonly PolicyInput _input = new();

    public string Name => "disasm";

    public string Summary => "List a filter with what each instruction looks at";

    public string Usage => "seccomp disasm FILTER [-o FILE]";

    public string Examples => "hachi seccomp disasm filter.bpf";

    public void Build(Command command, Shell shell)
    {
        command.Add(_filter);
        _input.AddTo(command);
        command.Add(_output);
        command.SetAction(parse =>
        {
            ClassicProgram program = _input.ReadFilter(shell, parse, parse.GetValue(_filter)!, out _, out _);
            return ProgramFile.Write(shell, parse.GetValue(_output)!, Encoding.UTF8.GetBytes(SeccompListing.Print(program)));
        });
    }
}
