using System.Globalization;
using Hachi.Linux.Run;
using Hachi.Linux.Run.Dotnet;
using Hachi.Linux.Symbols;

namespace Hachi.Cli.Verbs.Tracing;

/// <summary>What a report of a .NET process was asked with.</summary>
internal sealed record DotnetToolOptions(string? Pid, string? Command, string Format, string? Output, double Seconds, double IntervalSeconds, double LeastMilliseconds, bool HasStacks);

/// <summary>The tools that tell what a .NET runtime says of itself.</summary>
internal static class DotnetTool
{
    private const int StartMilliseconds = 10_000;

    /// <summary>Runs one.</summary>
    public static int Run(string name, DotnetToolOptions options, Shell shell)
    {
        TraceFormat format = options.Format switch
        {
            "text" => TraceFormat.Text,
            "json" => TraceFormat.Json,
            "csv" => TraceFormat.Csv,
            _ => throw new CommandException($"invalid output format \"{options.Format}\"", "text, json or csv"),
        };
        using StoppedCommand? target = options.Command is { } line ? StoppedCommand.Start(line) : null;
        int pid = target?.Pid ?? 0;
        if (target is null && (!int.TryParse(options.Pid, NumberStyles.None, CultureInfo.InvariantCulture, out pid) || pid <= 0))
            throw new CommandException(options.Pid is null ? $"{name} needs a process" : $"'{options.Pid}' is no process", "-p PID, or -c COMMAND to start one");
        if (target is not null)
            Await(target);
        using TextWriter? file = options.Output is { } path ? new StreamWriter(shell.OpenOutput(path)) : null;
        if (options.HasStacks && DotnetRuntime.TryEnablePerfMap(pid) is string refusal)
            throw new CommandException(refusal, "without --dotnet the process is left as it is");
        CancellationToken interrupted = shell.Interrupted;
        try
        {
            string? problem = DotnetReport.Run(Kind(name), pid, file ?? shell.Out, shell.Error, new DotnetReportOptions
            {
                Format = format,
                Duration = TimeSpan.FromSeconds(Math.Clamp(options.Seconds, 0, int.MaxValue)),
                Interval = TimeSpan.FromSeconds(Math.Clamp(options.IntervalSeconds, 0, int.MaxValue)),
                Least = TimeSpan.FromMilliseconds(Math.Clamp(options.LeastMilliseconds, 0, int.MaxValue)),
                HasStacks = options.HasStacks,
                ShouldEnd = () => interrupted.IsCancellationRequested || target?.HasEnded == true,
            });
            return problem is null ? ExitStatus.Done : throw new CommandException(problem, "hachi tool NAME --show says what it asks for");
        }
        finally
        {
            if (options.HasStacks)
                _ = DotnetRuntime.TryDisablePerfMap(pid);
        }
    }

    private static DotnetReportKind Kind(string name) => name switch
    {
        "dotnet-gc" => DotnetReportKind.Gc,
        "dotnet-exceptions" => DotnetReportKind.Exceptions,
        "dotnet-jit" => DotnetReportKind.Jit,
        _ => DotnetReportKind.Contention,
    };

    // Its runtime listens soon after it has begun.
    private static void Await(StoppedCommand target)
    {
        target.Continue();
        for (long until = Environment.TickCount64 + StartMilliseconds; !DotnetRuntime.IsDotnet(target.Pid) && !target.HasEnded && Environment.TickCount64 < until;)
            Thread.Sleep(1);
    }
}
