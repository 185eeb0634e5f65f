using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;

namespace Hachi.Linux.Symbols;

/// <summary>
/// One conversation with the runtime of a .NET process over the socket that it listens on (dotnet/diagnostics, documentation/design-docs/ipc-protocol.md): a command, its answer, and, where the
/// command says so, what follows it. That the process itself serves the socket is checked: anybody may put a socket of that name into /tmp.
/// </summary>
internal sealed class DiagnosticsSocket : IDisposable
{
    /// <summary>Sets of commands.</summary>
    public const byte EventPipeCommands = 2, ProcessCommands = 4;

    private const byte ServerCommands = 0xff, Ok = 0;
    private const int HeaderBytes = 20, AnswerMilliseconds = 3000, AnswerBytesMax = 4096;

    private readonly int _pid;

    private DiagnosticsSocket(Socket socket, int pid) => (Socket, _pid) = (socket, pid);

    /// <summary>The connection: what follows an answer is read from it.</summary>
    public Socket Socket { get; }

    /// <summary>Whether there is such a socket for a process.</summary>
    public static bool Exists(int pid) => Find(pid) is not null;

    /// <summary>Connects.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="problem">Why there is no connection; "" if there is one.</param>
    public static DiagnosticsSocket? Connect(int pid, out string problem)
    {
        problem = "";
        if (Find(pid) is not { } path)
        {
            string process = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}");
            problem = !Directory.Exists(process) ? $"there is no process {pid}"
                : !Environment.IsPrivilegedProcess && !Directory.Exists(process + "/root/") ? $"process {pid} belongs to somebody else: ask as its user, or as root"
                : $"process {pid} has no diagnostics socket: it is no .NET process, or its diagnostics are switched off (DOTNET_EnableDiagnostics)";
            return null;
        }
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = AnswerMilliseconds, SendTimeout = AnswerMilliseconds };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            if (PeerPid(socket) is { } peer && peer != pid)
                problem = $"the socket of process {pid} is served by process {peer}";
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            problem = e is SocketException { SocketErrorCode: SocketError.AccessDenied }
                ? $"process {pid} belongs to somebody else: ask as its user, or as root"
                : $"the runtime of process {pid} does not answer: {e.Message}";
        }
        if (problem.Length == 0)
            return new DiagnosticsSocket(socket, pid);
        socket.Dispose();
        return null;
    }

    /// <summary>Sends a command.</summary>
    /// <returns>Null when it is sent; otherwise why not.</returns>
    public string? Send(byte set, byte command, ReadOnlySpan<byte> payload)
    {
        byte[] message = new byte[HeaderBytes + payload.Length];
        "DOTNET_IPC_V1\0"u8.CopyTo(message);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(14), (ushort)message.Length);
        message[16] = set;
        message[17] = command;
        payload.CopyTo(message.AsSpan(HeaderBytes));
        try
        {
            Socket.Send(message);
            return null;
        }
        catch (SocketException e)
        {
            return $"the runtime of process {_pid} does not answer: {e.Message}";
        }
    }

    /// <summary>Reads the answer to a command.</summary>
    /// <param name="payload">What it holds.</param>
    /// <returns>Null when it is yes; otherwise why not.</returns>
    public string? Receive(out byte[] payload)
    {
        payload = [];
        try
        {
            byte[] header = new byte[HeaderBytes];
            if (!Fill(header))
                return $"the runtime of process {_pid} ended the conversation";
            int length = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(14)) - HeaderBytes;
            if (length is < 0 or > AnswerBytesMax)
                return $"the runtime of process {_pid} answers with something that is no answer";
            payload = new byte[length];
            if (!Fill(payload))
                return $"the runtime of process {_pid} ended the conversation";
            return header[16] == ServerCommands && header[17] == Ok ? null : Refusal(payload);
        }
        catch (SocketException e)
        {
            return $"the runtime of process {_pid} does not answer: {e.Message}";
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Socket.Dispose();

    private bool Fill(Span<byte> bytes)
    {
        for (int read = 0; read < bytes.Length;)
        {
            int more = Socket.Receive(bytes[read..]);
            if (more == 0)
                return false;
            read += more;
        }
        return true;
    }

    // Codes of ds-protocol: what it does not know, it is too old for.
    private string Refusal(byte[] payload)
    {
        const uint UnknownCommand = 0x80131385, NotYet = 0x80131384;
        uint code = payload.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(payload) : 0;
        string reason = code is UnknownCommand or NotYet or 0 ? "it may be older than .NET 8" : string.Create(CultureInfo.InvariantCulture, $"error 0x{code:x8}");
        return $"the runtime of process {_pid} refuses ({reason})";
    }

    // Its name holds the process's number as the process knows it, and the time of its start.
    private static string? Find(int pid)
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
