using System.Buffers.Binary;

namespace Hachi.Linux.Symbols;

/// <summary>
/// A running .NET process, through the socket that its runtime listens on (dotnet/diagnostics, documentation/design-docs/ipc-protocol.md). It is asked to write a perf map, which
/// changes the target: only where that was asked for.
/// </summary>
public static class DotnetRuntime
{
    private const byte EnablePerfMap = 5, DisablePerfMap = 6;
    private const int MapOnly = 3;

    /// <summary>Whether a process is one whose runtime can be asked.</summary>
    public static bool IsDotnet(int pid) => DiagnosticsSocket.Exists(pid);

    /// <summary>Asks the runtime to tell the names of the code that it made and makes (.NET 8): <c>/tmp/perf-PID.map</c>.</summary>
    /// <returns>Null when it does; otherwise why not.</returns>
    public static string? TryEnablePerfMap(int pid)
    {
        byte[] kind = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(kind, MapOnly);
        return Ask(pid, EnablePerfMap, kind);
    }

    /// <summary>Ends that.</summary>
    /// <returns>Null when it did; otherwise why not.</returns>
    public static string? TryDisablePerfMap(int pid) => Ask(pid, DisablePerfMap, []);

    private static string? Ask(int pid, byte command, ReadOnlySpan<byte> payload)
    {
        using DiagnosticsSocket? socket = DiagnosticsSocket.Connect(pid, out string problem);
        return socket is null ? problem : socket.Send(DiagnosticsSocket.ProcessCommands, command, payload) ?? socket.Receive(out _);
    }
}
