using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Hachi.Linux.Symbols;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>
/// Events of a running .NET process, asked for over its diagnostics socket (CollectTracing2: .NET 5 and later). The process needs no preparation and goes on running; it keeps at most so much
/// memory for events that have not been read. A session that is dropped, or whose owner dies, is ended by the runtime.
/// </summary>
public sealed class EventPipeSession : IDisposable
{
    private const byte StopTracing = 1, CollectTracing2 = 3;
    private const int Nettrace = 1, IdleMicroseconds = 100_000, IdlesMax = 3, EndSeconds = 10;

    private readonly DiagnosticsSocket _socket;
    private readonly byte[] _number;
    private readonly NettraceReader _reader = new();
    private readonly byte[] _buffer = new byte[1 << 16];
    private readonly int _pid;
    private DiagnosticsSocket? _stop;
    private long _stopped = -1;
    private int _idles;

    private EventPipeSession(int pid, DiagnosticsSocket socket, byte[] number) => (_pid, _socket, _number) = (pid, socket, number);

    /// <summary>Why the stream of events ended early; null otherwise.</summary>
    public string? Problem => _reader.Problem;

    /// <summary>Events that the process made and that did not come: it had no room for them.</summary>
    public ulong Lost => _reader.Lost;

    /// <summary>Begins.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="providers">Whose events.</param>
    /// <param name="problem">Why there are none; "" if there is a session.</param>
    /// <param name="bufferMegabytes">What the process may keep.</param>
    public static EventPipeSession? Start(int pid, IReadOnlyList<EventPipeProvider> providers, out string problem, int bufferMegabytes = 16)
    {
        ArgumentNullException.ThrowIfNull(providers);
        DiagnosticsSocket? socket = DiagnosticsSocket.Connect(pid, out problem);
        if (socket is null)
            return null;
        byte[] number = [];
        problem = socket.Send(DiagnosticsSocket.EventPipeCommands, CollectTracing2, Request(providers, bufferMegabytes)) ?? socket.Receive(out number) ?? (number.Length == 8 ? "" : $"the runtime of process {pid} answers with something that is no session");
        if (problem.Length == 0)
            return new EventPipeSession(pid, socket, number);
        socket.Dispose();
        return null;
    }

    /// <summary>Waits a little for events.</summary>
    /// <param name="events">Gets them, in the order of time.</param>
    /// <returns>False when no more come.</returns>
    public bool Read(List<EventPipeEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        try
        {
            if (_socket.Socket.Poll(IdleMicroseconds, SelectMode.SelectRead))
            {
                _idles = 0;
                int read = _socket.Socket.Receive(_buffer);
                if (read > 0)
                    return _reader.Feed(_buffer.AsSpan(0, read), events);
                _reader.Flush(events);
                return false;
            }
        }
        catch (SocketException)
        {
            _reader.Flush(events);
            return false;
        }
        if (++_idles == IdlesMax)
            _reader.Flush(events);
        // A runtime that was asked to stop and stands still is left alone.
        return _stopped < 0 || Environment.TickCount64 - _stopped < EndSeconds * 1000;
    }

    /// <summary>Asks the process to end the session: it then sends what it still has, and <see cref="Read"/> tells when that is all.</summary>
    public void Stop()
    {
        if (_stopped >= 0)
            return;
        _stopped = Environment.TickCount64;
        // Its answer comes when all is sent, so nobody may wait for it here.
        _stop = DiagnosticsSocket.Connect(_pid, out _);
        _stop?.Send(DiagnosticsSocket.EventPipeCommands, StopTracing, _number);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop?.Dispose();
        _socket.Dispose();
    }

    // Megabytes, format, no list of all methods at the end; for each source its groups, detail, name, no arguments.
    private static byte[] Request(IReadOnlyList<EventPipeProvider> providers, int bufferMegabytes)
    {
        var bytes = new MemoryStream();
        Number((uint)bufferMegabytes);
        Number(Nettrace);
        bytes.WriteByte(0);
        Number((uint)providers.Count);
        foreach (EventPipeProvider provider in providers)
        {
            Number((uint)provider.Keywords);
            Number((uint)(provider.Keywords >> 32));
            Number((uint)provider.Level);
            Number((uint)provider.Name.Length + 1);
            bytes.Write(Encoding.Unicode.GetBytes(provider.Name + '\0'));
            Number(0);
        }
        return bytes.ToArray();

        void Number(uint value)
        {
            Span<byte> four = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(four, value);
            bytes.Write(four);
        }
    }
}
