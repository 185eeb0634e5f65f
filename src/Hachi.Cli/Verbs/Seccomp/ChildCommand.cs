using System.Globalization;
using Hachi.Isa;
using Hachi.Linux.Sandbox;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary>The command behind <c>--</c> and the user that it runs as.</summary>
internal static class ChildCommand
{
    /// <summary>How to start a command under a filter. Under sudo the user who called it is the one who runs it, unless root is asked for.</summary>
    public static SandboxStart Of(IReadOnlyList<string> words, ClassicProgram filter, bool listens, bool keepsUser)
    {
        if (!OperatingSystem.IsLinux())
            throw new CommandException("seccomp is Linux's", "compile, explain, audit, equiv, diff, disasm and emulate work everywhere");
        if (words.Count == 0)
            throw new CommandException("a command is needed", "hachi seccomp run --profile P -- CMD ARGS");
        string path = SandboxedProcess.FindProgram(words[0], Environment.GetEnvironmentVariable("PATH"))
            ?? throw new CommandException($"there is no program '{words[0]}'");
        return new SandboxStart
        {
            Path = path,
            Arguments = words,
            Filter = filter,
            Listens = listens,
            UserId = keepsUser ? null : FromSudo("SUDO_UID"),
            GroupId = keepsUser ? null : FromSudo("SUDO_GID"),
        };
    }

    /// <summary>Starts it; what the kernel refuses ends the verb with status 4.</summary>
    public static SandboxedProcess Start(SandboxStart start)
    {
        try
        {
            return SandboxedProcess.Start(start);
        }
        catch (Exception e) when (e is SandboxException or PlatformNotSupportedException)
        {
            throw new CommandException(e.Message, null, ExitStatus.KernelRefused);
        }
    }

    private static int? FromSudo(string variable) =>
        Environment.IsPrivilegedProcess && int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : null;
}
