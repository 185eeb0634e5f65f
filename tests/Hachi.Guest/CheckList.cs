namespace Hachi.Guest;

/// <summary>Every check there is, in the order of the table that they make.</summary>
internal static class CheckList
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<Check> All { get; } =
        [.. Checks.ProbeChecks.All, .. Checks.SymbolChecks.All, .. Checks.TracingChecks.All, .. Checks.NetworkChecks.All, .. Checks.CgroupChecks.All, .. Checks.StructOpsChecks.All,
        .. Checks.EventChecks.All, .. Checks.ObjectChecks.All, .. Checks.LifeChecks.All, .. Checks.AnswerChecks.All];
}
