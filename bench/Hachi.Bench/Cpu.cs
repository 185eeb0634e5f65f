using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hachi.Bench;

/// <summary>CPU time (user and system): of this thread by clock_gettime (getrusage counts it in ticks), and of a child that was waited for by getrusage.</summary>
internal static unsafe partial class Cpu
{
    private const int Children = -1, ThreadClock = 3;

    [StructLayout(LayoutKind.Sequential)]
    private struct Usage
    {
        public long UserSeconds;
        public long UserMicroseconds;
        public long SystemSeconds;
        public long SystemMicroseconds;
        public fixed long Rest[14];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, TimeSpec* time);

    [LibraryImport("libc", EntryPoint = "getrusage")]
    private static partial int GetUsage(int who, Usage* usage);

    /// <summary>Milliseconds that this thread takes for an action.</summary>
    public static double OfThread(Action action) => Of(ThreadNow, action);

    /// <summary>Milliseconds that a program takes; its output goes nowhere.</summary>
    public static double OfProgram(string name, params string[] arguments) => Of(ChildrenNow, () =>
    {
        using Process process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        _ = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
    });

    /// <summary>Runs a program and gives its output.</summary>
    public static string Output(string name, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true })!;
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? text : throw new InvalidOperationException($"{name}: status {process.ExitCode}");
    }

    private static double Of(Func<double> now, Action action)
    {
        double before = now();
        action();
        return now() - before;
    }

    private static double ThreadNow()
    {
        TimeSpec time;
        _ = GetTime(ThreadClock, &time);
        return (time.Seconds * 1e3) + (time.Nanoseconds / 1e6);
    }

    private static double ChildrenNow()
    {
        Usage usage;
        _ = GetUsage(Children, &usage);
        return ((usage.UserSeconds + usage.SystemSeconds) * 1e3) + ((usage.UserMicroseconds + usage.SystemMicroseconds) / 1e3);
    }
}
