namespace Hachi.Cli;

/// <summary>The exit statuses of every verb. Verbs that run a program pass on that program's status instead.</summary>
internal static class ExitStatus
{
    /// <summary>Yes, or done.</summary>
    public const int Done = 0;

    /// <summary>No: nothing matched, not equal, a check failed.</summary>
    public const int No = 1;

    /// <summary>Bad input or usage.</summary>
    public const int BadInput = 2;

    /// <summary>The virtual machine stopped the program (<c>Fault</c>) or a verifier refused it (<c>Rejection</c>).</summary>
    public const int Stopped = 3;

    /// <summary>The kernel refused.</summary>
    public const int KernelRefused = 4;

    /// <summary>Ctrl-C.</summary>
    public const int Interrupted = 130;
}
