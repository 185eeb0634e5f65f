using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Events;

/// <summary>The records of a ring buffer, as they come: for <c>await foreach</c>.</summary>
/// <typeparam name="T">What a record holds.</typeparam>
[SuppressMessage("Naming", "CA1710", Justification = "it is no collection")]
public readonly struct RecordSequence<T> : IAsyncEnumerable<T>
    where T : unmanaged
{
    private readonly RingBuffer _ring;
    private readonly CancellationToken _cancellation;

    internal RecordSequence(RingBuffer ring, CancellationToken cancellation) => (_ring, _cancellation) = (ring, cancellation);

    /// <summary>Begins to read, where the last reader ended.</summary>
    /// <param name="cancellation">Ends the enumeration without an error.</param>
    public RecordEnumerator<T> GetAsyncEnumerator(CancellationToken cancellation = default) => new(_ring, _cancellation, cancellation);

    /// <inheritdoc/>
    IAsyncEnumerator<T> IAsyncEnumerable<T>.GetAsyncEnumerator(CancellationToken cancellationToken) => GetAsyncEnumerator(cancellationToken);
}

/// <summary>A reader of a ring buffer. While there are records it answers at once; only where there are none does it wait.</summary>
/// <typeparam name="T">What a record holds.</typeparam>
public sealed unsafe class RecordEnumerator<T> : IAsyncEnumerator<T>, IValueTaskSource<bool>, IThreadPoolWorkItem
    where T : unmanaged
{
    private readonly RingBuffer _ring;
    private readonly CancellationTokenRegistration _first, _second;
    private ManualResetValueTaskSourceCore<bool> _answer;
    private RingCursor _cursor;
    private T _current;
    private ReadWait? _waiting;
    private volatile bool _isOver;
    private bool _isDisposed;

    internal RecordEnumerator(RingBuffer ring, CancellationToken first, CancellationToken second)
    {
        _ring = ring;
        _cursor = ring.OpenCursor();
        ring.Hold();
        if (first.CanBeCanceled || second.CanBeCanceled)
            _waiting = ring.OpenWait();
        _first = first.UnsafeRegister(End, this);
        _second = second == first ? default : second.UnsafeRegister(End, this);
    }

    /// <inheritdoc/>
    public T Current => _current;

    /// <inheritdoc/>
    public ValueTask<bool> MoveNextAsync()
    {
        if (!_isOver && _cursor.TryNext(out byte* record, out uint length))
        {
            _current = RingCursor.Value<T>(record, length);
            return new ValueTask<bool>(true);
        }
        return Later();
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return default;
        _isDisposed = _isOver = true;
        _first.Dispose();
        _second.Dispose();
        _cursor.Publish();
        _ring.Release();
        _waiting?.Dispose();
        return default;
    }

    /// <inheritdoc/>
    bool IValueTaskSource<bool>.GetResult(short token) => _answer.GetResult(token);

    /// <inheritdoc/>
    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _answer.GetStatus(token);

    /// <inheritdoc/>
    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _answer.OnCompleted(continuation, state, token, flags);

    /// <summary>The waiting, on a thread of the pool.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        bool hasRecord;
        try
        {
            hasRecord = WaitForRecord();
        }
        catch (Exception e) when (e is BpfException or ObjectDisposedException)
        {
            _answer.SetException(e);
            return;
        }
        _answer.SetResult(hasRecord);
    }

    private static void End(object? state)
    {
        var self = (RecordEnumerator<T>)state!;
        self._isOver = true;
        self._waiting!.Wake();
    }

    private ValueTask<bool> Later()
    {
        if (!_isDisposed)
            _cursor.Publish();
        if (_isOver || _ring.IsStopped)
            return new ValueTask<bool>(false);
        _waiting ??= _ring.OpenWait();
        _answer.Reset();
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return new ValueTask<bool>(this, _answer.Version);
    }

    private bool WaitForRecord()
    {
        var patience = new SpinWait();
        while (true)
        {
            // The producer wakes a reader only when it finds it caught up: our position must be seen before we look once more.
            Interlocked.MemoryBarrier();
            if (_isOver || _ring.IsStopped)
                return false;
            if (_cursor.TryNext(out byte* record, out uint length))
            {
                _current = RingCursor.Value<T>(record, length);
                return true;
            }
            _cursor.Publish();
            Interlocked.MemoryBarrier();
            // A record that a program still writes makes the ring readable, and there is nothing to wait by: that takes no longer than a program runs.
            if (!_waiting!.Wait(Timeout.InfiniteTimeSpan))
                return false;
            if (_ring.PendingBytes > 0)
                patience.SpinOnce();
        }
    }
}
