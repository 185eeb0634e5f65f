namespace Hachi.Linux.Run.Dotnet;

/// <summary>Whose events a session is to have, and which of them.</summary>
/// <param name="Name">The source, as it calls itself: <c>Microsoft-Windows-DotNETRuntime</c> is the runtime.</param>
/// <param name="Keywords">A bit for each group of events.</param>
/// <param name="Level">How much detail: 1 critical, 2 errors, 3 warnings, 4 information, 5 everything.</param>
public readonly record struct EventPipeProvider(string Name, ulong Keywords, int Level)
{
    /// <summary>The name of the runtime's own events.</summary>
    public const string Runtime = "Microsoft-Windows-DotNETRuntime";
}
