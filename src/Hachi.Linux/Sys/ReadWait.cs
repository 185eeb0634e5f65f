namespace Hachi.Linux.Sys;

/// <summary>Waits until one of some descriptors has something to read, or until another thread says to stop.</summary>
internal sealed class ReadWait : IDisposable
{
    private const short Readable = 1, Writable = 4;

    private readonly WakeEvent _wake = new();
    private readonly PacketAbi.PollFd[] _waits;

    public ReadWait(params ReadOnlySpan<int> descriptors)
        : this(Readable, descriptors)
    {
    }

    private ReadWait(short events, ReadOnlySpan<int> descriptors)
    {
        _waits = new PacketAbi.PollFd[descriptors.Length + 1];
        for (int i = 0; i < descriptors.Length; i++)
            _waits[i] = new PacketAbi.PollFd { Descriptor = descriptors[i], Events = events };
        _waits[^1] = new PacketAbi.PollFd { Descriptor = _wake.Descriptor, Events = Readable };
    }

    /// <summary>Waits until a descriptor can be written to instead.</summary>
    public static ReadWait ForRoom(int descriptor) => new(Writable, [descriptor]);

    /// <summary>Waits.</summary>
    /// <param name="timeout">At most so long; infinite when negative.</param>
    /// <returns>Whether a descriptor has something; false after the time or a <see cref="Wake"/>.</returns>
    public bool Wait(TimeSpan timeout)
    {
        int milliseconds = timeout < TimeSpan.Zero ? -1 : (int)Math.Min(int.MaxValue, Math.Ceiling(timeout.TotalMilliseconds));
        if (WakeEvent.Poll(_waits, milliseconds) > 0)
            foreach (ref readonly PacketAbi.PollFd wait in _waits.AsSpan(0, _waits.Length - 1))
                if (wait.Returned != 0)
                    return true;
        return false;
    }

    /// <summary>Ends every <see cref="Wait"/>, now and later.</summary>
    public void Wake() => _wake.Set();

    /// <inheritdoc/>
    public void Dispose() => _wake.Dispose();
}
