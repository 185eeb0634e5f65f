using System.Diagnostics;
using Hachi.Text;
using Hachi.Vm.Helpers;

namespace Hachi.Cli.Ebpf;

/// <summary>What <c>hachi run</c> tells a program of the world: this system's time, chance, this process; its messages go to standard error.</summary>
internal static class SystemHost
{
    /// <summary>The host of a run.</summary>
    public static VmHost Of(Shell shell) => new()
    {
        Clock = new SystemClock(),
        Random = () => (uint)Random.Shared.NextInt64(1L << 32),
        Task = new VmTask { Pid = (uint)Environment.ProcessId, Tgid = (uint)Environment.ProcessId },
        Trace = text => shell.Error.WriteLine(Escaper.Escape(text.TrimEnd('\n'))),
    };

    private sealed class SystemClock : IVmClock
    {
        // Atomic time is ahead of UTC by the leap seconds since 1972 and ten more.
        private const long TaiOffsetSeconds = 37;

        public ulong Nanoseconds(VmClockKind kind) => kind == VmClockKind.Tai
            ? (ulong)((DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100 + TaiOffsetSeconds * 1_000_000_000)
            : (ulong)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));
    }
}
