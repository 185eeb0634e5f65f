using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;

namespace Hachi.Linux.Symbols;

/// <summary>
/// A running .NET process, through the socket that its runtime listens on (dotnet/diagnostics, documentation/design-docs/ipc-protocol.md). It is asked to write a perf map, which
/// changes the target: only where that was asked for.
/// </summary>
public static class DotnetRuntime
{
    private const byte ProcessCommandSet = 4, EnablePerfMap = 5, DisablePerfMap = 6, ServerCommandSet = 0xff, Ok = 0;
    private const int HeaderBytes = 20, MapOnly = 3, AnswerMillisecondsMax = 3000;

    /// <summary>Whether a process is one whose runtime can be asked.</summary>
    public static bool IsDotnet(int pid) => FindSocket(pid) is not null;

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
        if (FindSocket(pid) is not { } path)
            return $"process {pid} has no diagnostics socket: it is no .NET process, or its diagnostics are switched off (DOTNET_EnableDiagnostics)";
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = AnswerMillisecondsMax, SendTimeout = AnswerMillisecondsMax };
            socket.Connect(new UnixDomainSocketEndPoint(path));
            if (PeerPid(socket) is { } peer && peer != pid)
                return $"the socket of process {pid} is served by process {peer}";
            byte[] message = new byte[HeaderBytes + payload.Length];
            "DOTNET_IPC_V1\0"u8.CopyTo(message);
            BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(14), (ushort)message.Length);
            message[16] = ProcessCommandSet;
            message[17] = command;
            payload.CopyTo(message.AsSpan(HeaderBytes));
            socket.Send(message);
            byte[] answer = new byte[HeaderBytes];
            int read = 0;
            while (read < HeaderBytes)
            {
                int more = socket.Receive(answer.AsSpan(read));
                if (more == 0)
                    return $"the runtime of process {pid} ended the conversation";
                read += more;
            }
            return answer[16] == ServerCommandSet && answer[17] == Ok ? null : $"the runtime of process {pid} refuses (it may be older than .NET 8)";
        }
        catch (SocketException e)
        {
            return $"the runtime of process {pid} does not answer: {e.Message}";
        }
    }

    // Its name holds the process's number as the process knows it, and the time of its start.
    private static string? FindSocket(int pid)
    {
        string folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/root/tmp"), start = string.Create(CultureInfo.InvariantCulture, $"dotnet-diagnostic-{TargetFile.InnerPid(pid)}-");
        try
        {
            return Directory.EnumerateFileSystemEntries(folder, start + "*-socket").Order(StringComparer.Ordinal).LastOrDefault();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // SO_PEERCRED: struct ucred { pid, uid, gid }, as this process sees them.
    private static int? PeerPid(Socket socket)
    {
        const int SolSocket = 1, PeerCredentials = 17;
        byte[] credentials = new byte[12];
        return socket.GetRawSocketOption(SolSocket, PeerCredentials, credentials) >= 4 ? BinaryPrimitives.ReadInt32LittleEndian(credentials) : null;
    }
}
