using static Hachi.Tests.Support.KernelCalls;

namespace Hachi.Tests.Support;

/// <summary>Keeps the calling thread on the first processor until it is disposed.</summary>
internal sealed unsafe class PinnedThread : IDisposable
{
    public PinnedThread() => Set(1);

    /// <inheritdoc/>
    public void Dispose() => Set(ulong.MaxValue);

    private static void Set(ulong mask) => Check(SchedSetAffinity(0, sizeof(ulong), &mask), "sched_setaffinity");
}
