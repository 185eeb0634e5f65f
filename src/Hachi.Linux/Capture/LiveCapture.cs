using System.Runtime.CompilerServices;
using Hachi.Captures;
using Hachi.Isa;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Capture;

/// <summary>
/// Packets of one or more interfaces as they pass (AF_PACKET, TPACKET_V3; packet(7)). The filter runs in the kernel, from the first packet on. One run at a
/// time; dispose it after the last has returned.
/// </summary>
/// <example><code>
/// using LiveCapture capture = LiveCapture.Open([CaptureDevice.Find("eth0")!], new() { Filter = device => CaptureFilter.Compile("udp", device.LinkType, live).Program });
/// capture.Run((in LivePacket packet) => { Console.WriteLine(packet.OriginalLength); return true; });
/// </code></example>
public sealed class LiveCapture : IDisposable
{
    private const short PollIn = 1, PollError = 8;
    private const int LanesMax = 64, MakersMax = 8;

    private readonly PacketRing[][] _lanes;
    private readonly LiveCaptureOptions _options;
    private readonly int _loopbackIndex;
    private readonly WakeEvent _wake = new();
    private bool _disposed;

    private LiveCapture(IReadOnlyList<CaptureDevice> devices, LiveCaptureOptions options)
    {
        Devices = devices;
        _options = options;
        _lanes = new PacketRing[options.Lanes][];
        _loopbackIndex = devices.Any(device => device.Index == 0) ? CaptureDevice.List().FirstOrDefault(device => device.IsLoopback)?.Index ?? 0 : 0;
    }

    /// <summary>The interfaces that are captured on.</summary>
    public IReadOnlyList<CaptureDevice> Devices { get; }

    /// <summary>What was counted since the start, over all interfaces.</summary>
    public CaptureCounters Counters
    {
        get
        {
            CaptureCounters sum = default;
            for (int i = 0; i < Devices.Count; i++)
                sum += CountersOf(i);
            return sum;
        }
    }

    /// <summary>Opens sockets and rings and starts to capture into them. Needs CAP_NET_RAW, here only: what follows needs no privilege.</summary>
    /// <param name="devices">The interfaces; each at most once.</param>
    /// <param name="options">How; defaults when null.</param>
    /// <exception cref="BpfException">The kernel refused.</exception>
    public static LiveCapture Open(IReadOnlyList<CaptureDevice> devices, LiveCaptureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(devices);
        options ??= LiveCaptureOptions.Default;
        ArgumentOutOfRangeException.ThrowIfLessThan(options.SnapLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BufferBytes, 1);
        ArgumentOutOfRangeException.ThrowIfNotEqual(options.Lanes, Math.Clamp(options.Lanes, 1, LanesMax));
        ArgumentOutOfRangeException.ThrowIfZero(devices.Count);
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("packet sockets are Linux's");
        var capture = new LiveCapture(devices, options);
        try
        {
            capture.Start();
            return capture;
        }
        catch
        {
            capture.Dispose();
            throw;
        }
    }

    /// <summary>What was counted of one interface.</summary>
    public CaptureCounters CountersOf(int device)
    {
        CaptureCounters sum = default;
        foreach (PacketRing[] rings in _lanes)
            if (rings is not null)
                sum += rings[device].Counters;
        return sum;
    }

    /// <summary>
    /// Hands on packets until the handler wants no more or the token is cancelled, in the order of their times as far as the interfaces allow.
    /// </summary>
    /// <param name="handler">Takes the packets, on this thread.</param>
    /// <param name="cancellation">Ends the wait at once.</param>
    /// <exception cref="BpfException">The interface is gone; of several, the last one.</exception>
    public void Run(LivePacketHandler handler, CancellationToken cancellation = default) => Run(handler, null, cancellation);

    /// <summary>The same, telling when everything that has come so far was handed on: the moment to flush what was written.</summary>
    /// <param name="handler">Takes the packets.</param>
    /// <param name="onIdle">Called before each wait, or null.</param>
    /// <param name="cancellation">Ends the wait at once.</param>
    public void Run(LivePacketHandler handler, Action? onIdle, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(handler);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_lanes.Length > 1)
            throw new InvalidOperationException("this capture has several lanes: use RunLanes");
        _wake.Reset();
        using (cancellation.UnsafeRegister(static wake => ((WakeEvent)wake!).Set(), _wake))
            RunLane(_lanes[0], handler, onIdle, cancellation);
    }

    /// <summary>Runs every lane on a thread of its own, the first on this one, and returns when all have ended.</summary>
    /// <param name="makeHandler">Makes the handler of a lane, counted from 0. False from one of them ends all.</param>
    /// <param name="cancellation">Ends the waits at once.</param>
    public void RunLanes(Func<int, LivePacketHandler> makeHandler, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(makeHandler);
        ObjectDisposedException.ThrowIf(_disposed, this);
        _wake.Reset();
        using var all = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using CancellationTokenRegistration registration = all.Token.UnsafeRegister(static wake => ((WakeEvent)wake!).Set(), _wake);
        var failures = new System.Collections.Concurrent.ConcurrentQueue<Exception>();
        void RunOne(int lane)
        {
            try
            {
                RunLane(_lanes[lane], makeHandler(lane), null, all.Token);
            }
#pragma warning disable CA1031 // thrown on the caller's thread below
            catch (Exception e)
            {
                failures.Enqueue(e);
            }
#pragma warning restore CA1031
            all.Cancel();
        }
        var threads = new Thread[_lanes.Length - 1];
        for (int i = 0; i < threads.Length; i++)
        {
            int lane = i + 1;
            threads[i] = new Thread(() => RunOne(lane)) { IsBackground = true, Name = "capture lane" };
            threads[i].Start();
        }
        RunOne(0);
        foreach (Thread thread in threads)
            thread.Join();
        if (failures.TryDequeue(out Exception? failure))
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Packets as they come, each copied. Made for ease: a handler (<see cref="Run(LivePacketHandler, CancellationToken)"/>) costs far less a packet.</summary>
    /// <param name="cancellation">Ends the sequence with an <see cref="OperationCanceledException"/>.</param>
    public async IAsyncEnumerable<CapturedPacket> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        const int BatchMax = 1024;
        var batch = new List<CapturedPacket>(BatchMax);
        while (true)
        {
            batch.Clear();
            await Task.Factory.StartNew(() => Collect(batch, BatchMax, cancellation), cancellation, TaskCreationOptions.None, TaskScheduler.Default).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
            foreach (CapturedPacket packet in batch)
                yield return packet;
        }
    }

    /// <summary>
    /// Ends the capture so that the counters are whole: nothing more is let in, and what has been received is handed on. Afterwards
    /// <see cref="CaptureCounters.Received"/> packets were seen, none lies in the ring.
    /// </summary>
    /// <param name="rest">Takes the packets that were still there; null drops them.</param>
    public void Stop(LivePacketHandler? rest = null)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        foreach (PacketRing[] lane in _lanes)
            foreach (PacketRing ring in lane)
                Empty(ring, rest ?? Discard);
    }

    /// <summary>
    /// Puts another filter in the place of the one that is there. Between the two no packet is let in; none that the old filter took comes after
    /// this has returned.
    /// </summary>
    /// <param name="filter">As <see cref="LiveCaptureOptions.Filter"/>.</param>
    /// <param name="rest">Takes the packets that the old filter let in and that lie in the ring; null drops them.</param>
    public void SetFilter(Func<CaptureDevice, ClassicProgram?>? filter, LivePacketHandler? rest = null)
    {
        KernelFilter[] made = [.. Devices.Select(device => Make(device, filter))];
        Stop(rest);
        foreach (PacketRing[] lane in _lanes)
            foreach (PacketRing ring in lane)
                ring.Attach(made[ring.Number]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (PacketRing[]? lane in _lanes)
            foreach (PacketRing? ring in lane ?? [])
                ring?.Dispose();
        _wake.Dispose();
    }

    private static bool Discard(in LivePacket packet) => true;

    private KernelFilter Make(CaptureDevice device, Func<CaptureDevice, ClassicProgram?>? filter) =>
        KernelFilter.Make(filter?.Invoke(device), device, _loopbackIndex, _options);

    /// <summary>
    /// Every socket rejects everything until all of a group have joined it, for before that each gets every packet; then the filter goes on. A single
    /// one has its filter before it is bound.
    /// </summary>
    private void Start()
    {
        KernelFilter[] filters = MakeRings();
        for (int i = 0; i < Devices.Count; i++)
        {
            int group = -1;
            foreach (PacketRing[] lane in _lanes)
            {
                if (_lanes.Length == 1)
                    lane[i].Attach(filters[i]);
                lane[i].Start();
                if (_lanes.Length > 1)
                    group = lane[i].Join(group);
            }
            foreach (PacketRing[] lane in _lanes)
                if (_lanes.Length > 1)
                    lane[i].Attach(filters[i]);
        }
    }

    /// <summary>
    /// The kernel waits for a grace period for every ring that it makes (packet_set_ring, net/packet/af_packet.c): ten milliseconds and more, in which the filters
    /// are made here, and other rings there.
    /// </summary>
    private KernelFilter[] MakeRings()
    {
        System.Runtime.ExceptionServices.ExceptionDispatchInfo? failure = null;
        void Try(Action step)
        {
            try
            {
                if (failure is null)
                    step();
            }
#pragma warning disable CA1031 // thrown on the caller's thread below: what is wrong with a filter is told before what is not permitted
            catch (Exception e)
            {
                failure ??= System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(e);
            }
#pragma warning restore CA1031
        }
        var rings = new List<PacketRing>();
        for (int lane = 0; lane < _lanes.Length; lane++)
        {
            _lanes[lane] = new PacketRing[Devices.Count];
            for (int i = 0; i < Devices.Count; i++)
                Try(() => rings.Add(_lanes[lane][i] = new PacketRing(Devices[i], i, _options)));
        }
        int next = -1;
        void MakeSome()
        {
            for (int i; (i = Interlocked.Increment(ref next)) < rings.Count;)
                Try(() => rings[i].Make(_options.LatencyMilliseconds));
        }
        // (A thread is in the network namespace of the one that starts it.)
        var makers = new Thread[Math.Min(rings.Count, MakersMax)];
        for (int i = 0; i < makers.Length; i++)
        {
            makers[i] = new Thread(MakeSome) { IsBackground = true, Name = "capture rings" };
            makers[i].Start();
        }
        KernelFilter[] filters;
        try
        {
            filters = [.. Devices.Select(device => Make(device, _options.Filter))];
            if (_options.IsPromiscuous)
                rings.ForEach(ring => Try(ring.BePromiscuous));
        }
        finally
        {
            foreach (Thread maker in makers)
                maker.Join();
        }
        failure?.Throw();
        return filters;
    }

    private void RunLane(PacketRing[] rings, LivePacketHandler handler, Action? onIdle, CancellationToken cancellation)
    {
        Span<PacketAbi.PollFd> waits = stackalloc PacketAbi.PollFd[rings.Length + 1];
        while (!cancellation.IsCancellationRequested)
        {
            if (!(rings.Length == 1 ? rings[0].Drain(handler) : DrainInOrder(rings, handler)))
                return;
            onIdle?.Invoke();
            if (Array.TrueForAll(rings, ring => ring.IsGone))
                throw new BpfException("poll(AF_PACKET)", (int)Uapi.ErrorNumber.ENETDOWN, $"{rings[^1].Device.Name} is gone");
            for (int i = 0; i < rings.Length; i++)
                waits[i] = new PacketAbi.PollFd { Descriptor = rings[i].IsGone ? -1 : rings[i].Descriptor, Events = PollIn | PollError };
            waits[^1] = new PacketAbi.PollFd { Descriptor = _wake.Descriptor, Events = PollIn };
            WakeEvent.Poll(waits, -1);
            for (int i = 0; i < rings.Length; i++)
                if ((waits[i].Returned & PollError) != 0)
                    rings[i].CheckDevice();
        }
    }

    /// <summary>Of several rings always the one with the oldest packet, up to the next older one of another.</summary>
    private static bool DrainInOrder(PacketRing[] rings, LivePacketHandler handler)
    {
        while (true)
        {
            PacketRing? first = null;
            long oldest = long.MaxValue, next = long.MaxValue;
            foreach (PacketRing ring in rings)
            {
                if (!ring.TryPeek(out long time))
                    continue;
                if (first is null || time < oldest)
                {
                    next = oldest;
                    (first, oldest) = (ring, time);
                }
                else
                {
                    next = Math.Min(next, time);
                }
            }
            if (first is null)
                return true;
            if (!first.Drain(handler, next))
                return false;
        }
    }

    private void Collect(List<CapturedPacket> batch, int most, CancellationToken cancellation)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        bool Take(in LivePacket packet)
        {
            batch.Add(packet.ToCaptured());
            return batch.Count < most;
        }
        Run(Take, () =>
        {
            if (batch.Count > 0)
                enough.Cancel();
        }, enough.Token);
    }

    /// <summary>
    /// The block that the kernel is filling is handed over when its time is over: until then the counters say that something is missing. Where it is certain that nobody
    /// writes there any more, it is read before.
    /// </summary>
    private void Empty(PacketRing ring, LivePacketHandler rest)
    {
        const int RoundsMax = 200;
        bool isQuiet = ring.Close();
        for (int round = 0; round < RoundsMax; round++)
        {
            while (!ring.Drain(rest)) // who wants no more does not get more, but it is counted as seen
                rest = Discard;
            if (isQuiet && !ring.DrainUnfinished(rest))
                rest = Discard;
            if (ring.IsEmpty)
                return;
            Span<PacketAbi.PollFd> waits = [new PacketAbi.PollFd { Descriptor = ring.Descriptor, Events = PollIn }];
            WakeEvent.Poll(waits, Math.Max(_options.LatencyMilliseconds, 10));
        }
    }
}
