using System.Globalization;
using Hachi.Captures;

namespace Hachi.Linux.Capture;

/// <summary>
/// Writes the packets of a live capture into one file, or into one after the other by size and by time, with the names that tcpdump gives them. Not for
/// several threads at once.
/// </summary>
public sealed class CaptureFileSet : IDisposable
{
    private readonly CaptureFileOptions _options;
    private readonly IReadOnlyList<CaptureDevice> _devices;
    private readonly int _snapLength;
    private readonly int[] _numbers;
    private readonly long _started;
    private CaptureWriter _writer;
    private DateTimeOffset _nameTime;
    private long _intervalStart;
    private int _sizeNumber;

    /// <summary>Opens the first file.</summary>
    /// <param name="devices">The interfaces of the capture (<see cref="LiveCapture.Devices"/>).</param>
    /// <param name="snapLength">Bytes kept of a packet, to be noted.</param>
    /// <param name="options">Where to.</param>
    /// <exception cref="ArgumentException">A pcap file cannot hold packets of several link types.</exception>
    public CaptureFileSet(IReadOnlyList<CaptureDevice> devices, int snapLength, CaptureFileOptions options)
    {
        ArgumentNullException.ThrowIfNull(devices);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfZero(devices.Count);
        if (options.Format == CaptureFormat.Pcap && devices.Any(device => device.LinkType != devices[0].LinkType))
            throw new ArgumentException("a pcap file holds packets of one link type only", nameof(devices));
        (_devices, _snapLength, _options) = (devices, snapLength, options);
        _numbers = new int[devices.Count];
        _nameTime = options.Clock.GetLocalNow();
        _started = ToNanoseconds(_nameTime);
        _intervalStart = _started;
        FilesWritten = 1;
        _writer = Create();
    }

    /// <summary>How many files were begun.</summary>
    public int FilesWritten { get; private set; }

    /// <summary>Packets written, in all files.</summary>
    public long Packets { get; private set; }

    /// <summary>Writes a packet, into the next file if it is time for that.</summary>
    /// <returns>False when the number of files is reached: then the packet was not written, and the capture ends.</returns>
    public bool Write(in LivePacket packet)
    {
        if (_options.RotateEvery > TimeSpan.Zero && packet.Timestamp - _intervalStart >= _options.RotateEvery.TotalNanoseconds)
        {
            if (_options.FileCount > 0 && _options.RotateBytes == 0 && FilesWritten >= _options.FileCount)
                return false;
            // The interval that the packet lies in: none is made up for times in which nothing came.
            long length = (long)_options.RotateEvery.TotalNanoseconds;
            _intervalStart += (packet.Timestamp - _intervalStart) / length * length;
            _nameTime = TimeZoneInfo.ConvertTime(DateTimeOffset.UnixEpoch.AddTicks(_intervalStart / 100), _options.Clock.LocalTimeZone);
            _sizeNumber = 0;
            Next();
        }
        else if (_options.RotateBytes > 0 && _writer.BytesWritten > _options.RotateBytes)
        {
            _sizeNumber++;
            if (_options.FileCount > 0 && _sizeNumber >= _options.FileCount)
                _sizeNumber = 0;
            Next();
        }
        _writer.Write(_numbers[packet.Device], packet.Timestamp, packet.OriginalLength, packet.Data);
        Packets++;
        return true;
    }

    /// <summary>Gives everything so far to the file.</summary>
    public void Flush() => _writer.Flush();

    /// <summary>Ends the last file with what the capture has counted.</summary>
    public void Finish(LiveCapture capture)
    {
        ArgumentNullException.ThrowIfNull(capture);
        long now = ToNanoseconds(_options.Clock.GetUtcNow());
        for (int i = 0; i < _numbers.Length; i++)
        {
            CaptureCounters counters = capture.CountersOf(i);
            _writer.WriteStatistics(_numbers[i], new InterfaceStatistics(_started, now, counters.Received + counters.Dropped, counters.Dropped, counters.Delivered));
        }
        _writer.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();

    private static long ToNanoseconds(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * 100;

    private void Next()
    {
        _writer.Dispose();
        FilesWritten++;
        _writer = Create();
    }

    private CaptureWriter Create()
    {
        Stream stream = _options.Open(Name());
        CaptureWriter writer = CaptureWriter.Create(stream, _options.Format, _devices[0].LinkType, _options.Nanoseconds, (uint)_snapLength, leaveOpen: _options.Path == "-");
        for (int i = 0; i < _devices.Count; i++)
            _numbers[i] = writer.AddInterface(new CaptureInterface(i, i, _devices[i].LinkType, (uint)_snapLength, _devices[i].Name), _options.Filter);
        return writer;
    }

    /// <summary>
    /// The time in the pattern, then the number of the file: none for the first; with a limit all of them have as many digits as the highest, from 0.
    /// </summary>
    private string Name()
    {
        string name = _options.RotateEvery > TimeSpan.Zero ? FileNamePattern.Format(_options.Path, _nameTime) : _options.Path;
        if (_options.RotateBytes == 0 || _options.FileCount == 1)
            return name;
        if (_options.FileCount > 0)
            return name + _sizeNumber.ToString(CultureInfo.InvariantCulture).PadLeft((_options.FileCount - 1).ToString(CultureInfo.InvariantCulture).Length, '0');
        return _sizeNumber == 0 ? name : name + _sizeNumber.ToString(CultureInfo.InvariantCulture);
    }
}
