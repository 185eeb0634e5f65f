using System.CommandLine;
using Hachi.Isa;
using Hachi.Lang.Seccomp.Explain;
using Hachi.Uapi;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary><c>hachi seccomp emulate</c>: a filter on one call, instruction by instruction.</summary>
internal sealed class SeccompEmulateVerb : IVerb
{
    private readonly Argument<string> _filter = new("FILTER") { Description = "A filter, or a policy; - is standard input" };
    private readonly Argument<string> _call = new("CALL") { Description = "A system call, by name or number" };
    private readonly Argument<string[]> _arguments = new("ARG") { Description = "Its arguments; 0 where missing", Arity = ArgumentArity.ZeroOrMore };
    private readonly PolicyInput _input = new();

    public string Name => "emulate";

    public string Summary => "Run a filter on one call, and mark the instructions that ran";

    public string Usage => "seccomp emulate FILTER CALL [ARG...] [--arch A]";

    public string Examples => "hachi seccomp emulate filter.bpf openat --arch x86_64";

    public void Build(Command command, Shell shell)
    {
        command.Add(_filter);
        command.Add(_call);
        command.Add(_arguments);
        _input.AddTo(command);
        command.SetAction(parse =>
        {
            ClassicProgram program = _input.ReadFilter(shell, parse, parse.GetValue(_filter)!, out _, out _);
            SeccompArchitecture architecture = _input.Architectures(parse) is [var asked, ..] ? asked : SeccompArchitecture.X86_64;
            SeccompExplanation explanation = SeccompExplanation.Of(program, null, PolicyInput.Call(architecture, parse.GetValue(_call)!, parse.GetValue(_arguments) ?? []));
            shell.Out.Write(SeccompListing.Print(program, new HashSet<int>(explanation.Path)));
            shell.Out.WriteLine($"{SeccompExplanation.Print(explanation.Data)}: {explanation.Action}");
            return ExitStatus.Done;
        });
    }
}
