using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Hachi.Captures;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Linux;
using Hachi.Linux.Capture;
using Hachi.Text;

namespace Hachi.Cli.Capture;

/// <summary>
/// One call of <c>hachi capture</c>. Sockets first, then rights are given up, then files are opened (as the user who asked), then the filter of system calls
/// goes on, and only then the first packet is looked at.
/// </summary>
internal sealed class CaptureRun(Shell shell, CapturePlan plan) : IDisposable
{
    private const int SigUsr1 = 10;

    private readonly SystemNames _names = new();
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly HashSet<string> _said = new(StringComparer.Ordinal);
    private LiveCapture? _capture;
    private ClassicProgram? _guard;
    private CaptureFileSet? _files;
    private CaptureLines? _lines;
    private long _captured;
    private long _bytes;

    /// <summary>Captures until it is over.</summary>
    public int Run()
    {
        if (shell.OwnsProcess)
            InterruptSignal.Accept();
        try
        {
            // The kernel takes its time for a ring, and filters are compiled meanwhile: ours for system calls with the first.
            _capture = LiveCapture.Open(plan.Devices, plan.Options with { Filter = Compile });
            // Threads that are made from here on have no rights; so those that handle signals are made after it.
            if (shell.OwnsProcess)
                CaptureGuard.DropRights(plan.KeepsUser);
        }
        catch (WrongFilterException)
        {
            return ExitStatus.BadInput;
        }
        catch (BpfException e)
        {
            throw new CommandException(e.Message, Hint(e), ExitStatus.KernelRefused);
        }
        return RunOpened();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _files?.Dispose();
        _capture?.Dispose();
    }

    private int RunOpened()
    {
        // Asked for before the threads are filtered, so that the runtime makes its own before.
        CancellationToken interrupted = shell.Interrupted;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        using PosixSignalRegistration? terminate = shell.OwnsProcess ? PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            ended.Cancel();
        }) : null;
        using PosixSignalRegistration? tell = shell.OwnsProcess ? PosixSignalRegistration.Create((PosixSignal)SigUsr1, context =>
        {
            context.Cancel = true;
            WriteCountersMeanwhile();
        }) : null;
        try
        {
            Prepare();
            if (_guard is not null)
                CaptureGuard.TryApply(_guard);
            WriteStart();
            return Capture(ended.Token);
        }
        catch (BpfException e)
        {
            WriteEnd();
            throw new CommandException(e.Message, Hint(e), ExitStatus.KernelRefused);
        }
    }

    /// <summary>An interface's filter, each diagnostic once.</summary>
    private ClassicProgram Compile(CaptureDevice device)
    {
        var options = new FilterOptions
        {
            Live = true,
            Lookup = _names,
            SnapLength = plan.Options.SnapLength,
            // As for tcpdump: without an address the mask is 0, and "ip broadcast" finds 0.0.0.0 and 255.255.255.255.
            NetMask = device.Index == 0 ? FilterOptions.NetMaskUnknown : device.NetMask() ?? 0,
        };
        bool done = CaptureFilter.TryCompile(plan.Expression, device.LinkType, options, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> diagnostics);
        foreach (Diagnostic diagnostic in diagnostics)
            if (_said.Add(diagnostic.Message))
                shell.Report(diagnostic, plan.Expression);
        if (!done)
            throw new WrongFilterException();
        if (shell.OwnsProcess && !plan.IsUnguarded)
            _guard ??= CaptureGuard.Compile(plan.Files is { RotateBytes: > 0 } or { RotateEvery.Ticks: > 0 });
        if (shell.OwnsProcess)
            CaptureGuard.DropRightsAhead(plan.KeepsUser);
        return filter!.Program;
    }

    private void Prepare()
    {
        if (plan.Files is { } files)
            _files = OpenFiles(files);
        else if (!plan.IsCount)
            _lines = new CaptureLines(shell, plan.Devices, plan.IsJson);
    }

    private CaptureFileSet OpenFiles(CaptureFileOptions files)
    {
        try
        {
            return new CaptureFileSet(plan.Devices, plan.Options.SnapLength, files);
        }
        catch (CommandException e) when (shell.OwnsProcess && e.Hint is null && !plan.KeepsUser && CaptureGuard.IsUnderSudo)
        {
            throw new CommandException(e.Message, "files are written as the user who called sudo; --as-root writes them as root", e.Status);
        }
    }

    private int Capture(CancellationToken ended)
    {
        bool isEnough = false;
        bool Take(in LivePacket packet)
        {
            if (_files is not null && !_files.Write(packet))
            {
                isEnough = true;
                return false;
            }
            _lines?.Print(packet);
            _bytes += packet.OriginalLength;
            _captured++;
            isEnough = _captured == plan.CountMax;
            return !isEnough;
        }
        _capture!.Run(Take, Flush, ended);
        bool isInterrupted = !isEnough;
        if (isInterrupted)
            _capture.Stop(Take); // what was received before the interrupt is not lost
        _files?.Finish(_capture);
        WriteEnd();
        return isInterrupted ? ExitStatus.Interrupted : ExitStatus.Done;
    }

    /// <summary>When nothing more is waiting: lines are shown, and files brought up to date if that is asked for.</summary>
    private void Flush()
    {
        shell.Out.Flush();
        if (plan.FlushesAlways)
            _files?.Flush();
    }

    private void WriteStart()
    {
        string names = string.Join(", ", plan.Devices.Select(device => $"{Escaper.Escape(device.Name)} ({device.LinkType.Name})"));
        shell.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"listening on {names}, snapshot length {plan.Options.SnapLength} bytes"));
    }

    private void WriteEnd()
    {
        if (_capture is null)
            return;
        if (plan.IsCount)
            shell.Out.WriteLine(_captured.ToString(CultureInfo.InvariantCulture));
        shell.Out.Flush();
        WriteCounters();
        if (plan.ShowsStatistics)
            WriteStatistics();
    }

    private void WriteCounters()
    {
        CaptureCounters counters = _capture!.Counters;
        shell.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_captured} packets captured, {counters.Received + counters.Dropped} received by the filter, {counters.Dropped} dropped by the kernel"));
    }

    /// <summary>On a thread of the signal, which may come before the capture and after it.</summary>
    private void WriteCountersMeanwhile()
    {
        try
        {
            if (_capture is not null)
                WriteCounters();
        }
        catch (ObjectDisposedException)
        {
            // it has just ended and said so
        }
    }

    private void WriteStatistics()
    {
        double seconds = Math.Max(Stopwatch.GetElapsedTime(_start).TotalSeconds, 1e-9);
        shell.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_bytes} packet bytes in {seconds:F3} s ({_captured / seconds:F0} packets/s, {_bytes * 8 / seconds / 1e6:F2} Mbit/s)"));
        for (int i = 0; i < plan.Devices.Count; i++)
        {
            CaptureCounters counters = _capture!.CountersOf(i);
            shell.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{Escaper.Escape(plan.Devices[i].Name)}: {counters.Received} received, {counters.Dropped} dropped, buffer full {counters.Freezes} times"));
        }
        if (_files is not null)
            shell.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_files.FilesWritten} files"));
    }

    private static string? Hint(BpfException e) => (Uapi.ErrorNumber)e.Errno is Uapi.ErrorNumber.EPERM or Uapi.ErrorNumber.EACCES
        ? "sudo hachi capture ..., or setcap cap_net_raw+ep on the binary"
        : null;

    /// <summary>The expression is wrong, which has been said.</summary>
    private sealed class WrongFilterException : Exception;
}
