namespace Hachi.Linux.Kernel;

/// <summary>The running kernel's types, kept as long as somebody uses them: reading them takes longer than most that is done with them.</summary>
internal static class RunningTypes
{
    private static readonly Lock s_lock = new();
    private static WeakReference<KernelBtf>? s_last;

    /// <summary>The types; null, with a reason, when the kernel gives none.</summary>
    public static KernelBtf? Open(out string reason)
    {
        lock (s_lock)
        {
            reason = "";
            if (s_last?.TryGetTarget(out KernelBtf? known) == true)
                return known;
            KernelBtf? types = KernelBtf.TryOpen(out reason);
            s_last = types is null ? null : new WeakReference<KernelBtf>(types);
            return types;
        }
    }
}
