using System.CommandLine;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary><c>hachi seccomp</c>: system-call filters; a command each.</summary>
internal sealed class SeccompVerb : IVerb
{
    private static readonly IVerb[] s_all =
    [
        new SeccompCompileVerb(), new SeccompRunVerb(), new SeccompLearnVerb(), new SeccompExplainVerb(), new SeccompAuditVerb(), new SeccompEquivVerb("equiv"), new SeccompEquivVerb("diff"), new SeccompDisasmVerb(), new SeccompEmulateVerb(),
    ];

    public string Name => "seccomp";

    public string Summary => "Filter system calls: compile, run, learn, explain, audit, compare";

    public string Usage => "seccomp COMMAND ...";

    public string Examples => """
        hachi seccomp compile profile.json --to raw -o filter.bpf    a filter, proven to do what the profile says
        hachi seccomp learn -o git.json -- git status                the profile that a command needs
        hachi seccomp run --profile git.json -- git status           a command under a profile
        hachi seccomp explain profile.json socket 40                 what happens to a call, and why
        hachi seccomp audit profile.json                             what is known to go wrong with filters
        hachi seccomp diff old.json new.json                         calls on which two filters differ
        """;

    public string About => """
        A policy is a profile of the OCI runtime specification (as containers use it, moby's additions included), or a text in the language of
        docs/seccomp.md. A filter is a classic BPF program: an array of struct sock_filter, or the numbers that --to dd and ddd print.
        """;

    public void Build(Command command, Shell shell)
    {
        foreach (IVerb verb in s_all)
            command.Add(CommandLine.Build(verb, shell));
    }
}
