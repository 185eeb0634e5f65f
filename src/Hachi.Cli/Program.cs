using System.CommandLine;
using Hachi.Cli.Verbs;
using Hachi.Linux;
using Hachi.Text;
using Hachi.Uapi;
using Hachi.Verify.Rejections;

namespace Hachi.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        using var shell = Shell.OfProcess();
        return Run(args, shell);
    }

    /// <summary>Runs one command line. Nothing escapes: whatever goes wrong becomes one line on standard error and a status.</summary>
    public static int Run(string[] args, Shell shell)
    {
        try
        {
            int status = Dispatch(args, shell);
            shell.Out.Flush();
            return status;
        }
        catch (CommandException e)
        {
            return shell.Fail(e.Message, e.Hint, e.Status);
        }
        catch (BpfVerifierException e)
        {
            _ = shell.Fail($"the kernel refuses program {e.ProgramName}");
            shell.Error.WriteLine(RejectionPrinter.Print(e.Rejection));
            return ExitStatus.Stopped;
        }
        catch (BpfException e)
        {
            return shell.Fail(e.Message, Remedy(e, args), ExitStatus.KernelRefused);
        }
        catch (OperationCanceledException)
        {
            return shell.Fail("interrupted", null, ExitStatus.Interrupted);
        }
        catch (IOException e) when (StandardStreams.IsClosedPipe(e))
        {
            // The reader of our output has seen enough (hachi ... | head): not an error, and nobody to tell.
            shell.Abandon();
            return ExitStatus.Done;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return shell.Fail(e.Message);
        }
        catch (OutOfMemoryException)
        {
            return shell.Fail("out of memory");
        }
#pragma warning disable CA1031 // The one place where everything is caught: a stack trace helps no user.
        catch (Exception e)
        {
            return shell.Fail($"a bug in hachi: {e.GetType().Name}: {e.Message}",
                shell.IsDebug ? e.ToString() : "please report it with the command line and its input (HACHI_DEBUG=1 shows where it happened)");
        }
#pragma warning restore CA1031
    }

    /// <summary>What to type instead, where only the right to do it was missing. (Who is root in a user namespace of their own is not helped by sudo: the message says so.)</summary>
    private static string? Remedy(BpfException e, string[] args) =>
        (ErrorNumber)e.Errno is ErrorNumber.EPERM or ErrorNumber.EACCES && OperatingSystem.IsLinux() && !Environment.IsPrivilegedProcess
            ? $"try: sudo hachi {string.Join(' ', args.Select(Quoted))}"
            : null;

    private static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or ':' or '=' or ',' or '+' or '@' or '%') ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static int Dispatch(string[] args, Shell shell)
    {
        // These three start without the parser: they are the ones a person waits for.
        switch (args)
        {
            case []:
                HelpPage.WriteTasks(shell.Out);
                return ExitStatus.Done;
            case ["--version"]:
                shell.Out.WriteLine(VersionVerb.Line);
                return ExitStatus.Done;
            case ["--help" or "-h" or "help"]:
                HelpPage.WriteVerbs(shell.Out);
                return ExitStatus.Done;
            case ["help", string name]:
                return Dispatch([name, "--help"], shell);
        }
        if (VerbList.Find(args[0]) is not { } verb)
            throw UnknownVerb(args[0]);
        ParseResult parse = CommandLine.Parse(verb, args, shell);
        return parse.Invoke(CommandLine.Invocation(shell));
    }

    private static CommandException UnknownVerb(string word)
    {
        if (word.StartsWith('-'))
            return new CommandException($"unknown option '{word}'", "an option stands after the verb; hachi --help lists the verbs");
        string? near = Nearest.To(word, VerbList.All.Select(verb => verb.Name));
        return new CommandException($"there is no verb '{word}'", near is null ? "hachi --help lists the verbs" : $"did you mean 'hachi {near}'?");
    }
}
