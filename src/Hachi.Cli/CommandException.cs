namespace Hachi.Cli;

/// <summary>Ends a verb: one line on standard error, perhaps a hint, and a status. For what the user can mend; never for a bug.</summary>
internal sealed class CommandException(string message, string? hint = null, int status = ExitStatus.BadInput) : Exception(message)
{
    /// <summary>What to do about it, or null.</summary>
    public string? Hint { get; } = hint;

    /// <summary>One of <see cref="ExitStatus"/>.</summary>
    public int Status { get; } = status;
}
