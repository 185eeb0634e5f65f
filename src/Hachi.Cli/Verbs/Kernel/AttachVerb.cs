using System.CommandLine;
using Hachi.Cli.Capture;
using Hachi.Linux.Attach;
using Hachi.Linux.Sandbox;
using KernelProgram = Hachi.Linux.Load.Program;

namespace Hachi.Cli.Verbs.Kernel;

/// <summary><c>hachi attach</c>: a program that is in the kernel to a place.</summary>
internal sealed class AttachVerb : IVerb
{
    private readonly Argument<string> _program = new("PROG") { Description = "The program: its number, its name, or the path of its pin" };
    private readonly Argument<string> _place = new("PLACE") { Description = "Where: xdp:IF, tc:IF:egress, tracepoint:CATEGORY:NAME, ... (see hachi load --help)" };
    private readonly Option<string?> _pin = new("--pin") { Description = "Pin the link at this path of a BPF file system, and end", HelpName = "PATH" };
    private readonly Option<int> _pid = new("--pid", "-p") { Description = "The process, for uprobes and samples", DefaultValueFactory = _ => -1, HelpName = "N" };
    private readonly Option<bool> _drop = new("--drop") { Description = "Once attached, give up root and every capability" };

    public string Name => "attach";

    public string Summary => "Attach a loaded program to a place";

    public string Usage => "attach PROG PLACE [--pin PATH] [--pid N] [--drop]";

    public string Examples => """
        hachi attach 17 xdp:eth0                         attached until Ctrl-C
        hachi attach /sys/fs/bpf/mine/prog_drop tc:eth0 --pin /sys/fs/bpf/mine/link_drop
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_program);
        command.Add(_place);
        command.Add(_pin);
        command.Add(_pid);
        command.Add(_drop);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        Place place = PlaceArgument.Parse(parse.GetValue(_place)!);
        using KernelProgram program = PlaceArgument.OpenProgram(parse.GetValue(_program)!);
        using Link link = program.Attach(place, parse.GetValue(_pid));
        shell.Out.WriteLine($"link: {Hachi.Text.Escaper.Escape(program.Name)} on {Hachi.Text.Escaper.Escape(link.Description)}");
        if (parse.GetValue(_pin) is { } path)
        {
            (link as BpfLink ?? throw new CommandException($"{link.Description} cannot be pinned")).Pin(path);
            return ExitStatus.Done;
        }
        return Holding.UntilInterrupted(shell, [link], parse.GetValue(_drop));
    }
}

/// <summary>What is attached stays until Ctrl-C.</summary>
internal static class Holding
{
    /// <summary>Waits; before that, where asked to, gives up what attaching took and waiting does not.</summary>
    public static int UntilInterrupted(Shell shell, IReadOnlyList<Link> links, bool isDropping)
    {
        if (isDropping && links.FirstOrDefault(link => link.NeedsRightsToDetach) is { } needing)
            throw new CommandException($"{needing.Description} is detached by a call that needs the rights that --drop gives up", "leave --drop away, or use a kernel that has links for it");
        if (isDropping && shell.OwnsProcess)
            Drop(shell);
        // Made now: the thread that handles signals has the rights that this one has when it starts.
        CancellationToken interrupted = shell.Interrupted;
        shell.Out.Flush();
        shell.Error.WriteLine("attached; Ctrl-C detaches");
        interrupted.WaitHandle.WaitOne();
        return ExitStatus.Interrupted;
    }

    private static void Drop(Shell shell)
    {
        CaptureGuard.DropRights(keepsUser: false);
        if (Privileges.ThreadsWithCapabilities() is { Count: > 0 } threads)
            shell.Error.WriteLine($"hachi: note: {threads.Count} threads of the .NET runtime keep their capabilities (the native binary has none left)");
    }
}

/// <summary><c>hachi detach</c>: a link that a pin or another process holds.</summary>
internal sealed class DetachVerb : IVerb
{
    private readonly Argument<string> _link = new("LINK") { Description = "The link: its number, or the path of its pin, which is removed" };

    public string Name => "detach";

    public string Summary => "Detach a link, whoever holds it";

    public string Usage => "detach LINK";

    public string Examples => """
        hachi detach 5                                   the link of that number (hachi list links)
        hachi detach /sys/fs/bpf/mine/link_drop          the link pinned there
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_link);
        command.SetAction(parse =>
        {
            string text = parse.GetValue(_link)!;
            using BpfLink link = PlaceArgument.OpenLink(text);
            if (File.Exists(text))
                File.Delete(text);
            else
                link.ForceDetach();
            return ExitStatus.Done;
        });
    }
}
