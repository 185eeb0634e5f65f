using Hachi.Uapi;

namespace Hachi.Vm.Helpers;

/// <summary>Helpers that ask for time, chance and processors: all of it comes from <see cref="VmHost"/>.</summary>
internal static class TimeHelpers
{
    public static void Register(RegisterHelper add)
    {
        add(Helper.KtimeGetNs, HelperPlaces.All, static (ref HelperFrame f) => f.Session.Host.Clock.Nanoseconds(VmClockKind.Monotonic));
        add(Helper.KtimeGetBootNs, HelperPlaces.All, static (ref HelperFrame f) => f.Session.Host.Clock.Nanoseconds(VmClockKind.Boot));
        add(Helper.KtimeGetCoarseNs, HelperPlaces.All, static (ref HelperFrame f) => f.Session.Host.Clock.Nanoseconds(VmClockKind.Coarse));
        add(Helper.KtimeGetTaiNs, HelperPlaces.All, static (ref HelperFrame f) => f.Session.Host.Clock.Nanoseconds(VmClockKind.Tai));
        add(Helper.Jiffies64, HelperPlaces.All, static (ref HelperFrame f) =>
            f.Session.Host.Clock.Nanoseconds(VmClockKind.Monotonic) / (1_000_000_000 / Math.Clamp(f.Session.Host.JiffiesPerSecond, 1, 1_000_000_000)));
        add(Helper.GetPrandomU32, HelperPlaces.All, static (ref HelperFrame f) => f.Session.Host.Random());
        add(Helper.GetSmpProcessorId, HelperPlaces.All, static (ref HelperFrame f) => (uint)f.Session.Cpu);
        add(Helper.GetNumaNodeId, HelperPlaces.All, static (ref HelperFrame f) => (ulong)f.Session.Host.NumaNode);
    }
}
