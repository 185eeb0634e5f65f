using Hachi.Captures;
using Hachi.Linux;
using Hachi.Linux.Capture;

namespace Hachi.Tests.Capture;

/// <summary>Live captures against frames that the tests send: which come, how they look, what the counters say.</summary>
public sealed class LiveCaptureTests
{
    [Fact]
    public void What_is_sent_is_captured_byte_for_byte() => CaptureLab.Run(lab =>
    {
        List<byte[]> frames = CaptureLab.Frames(500, 11);
        using LiveCapture capture = CaptureLab.Open(LiveCaptureOptions.Default, CaptureLab.Receiver);
        foreach (byte[] frame in frames)
            lab.Send(frame);
        List<CapturedPacket> packets = CaptureLab.Rest(capture);
        Assert.Equal(frames.Select(Convert.ToHexString), packets.Select(packet => Convert.ToHexString(packet.Data.Span)));
        Assert.All(packets, packet => Assert.Equal(packet.Data.Length, (int)packet.OriginalLength));
        Assert.Equal(packets.Select(packet => packet.Timestamp).Order(), packets.Select(packet => packet.Timestamp));
        Assert.Equal(new CaptureCounters(500, 0, 500, 0), capture.Counters);
    });

    [Theory]
    [InlineData("vlan 5 and udp", "8100", 5, true)]
    [InlineData("udp", "8100", 5, true)] // as with libpcap: the kernel has taken the tag off when the filter runs
    [InlineData("not vlan", "8100", 5, false)]
    [InlineData("vlan 6", "8100", 5, false)]
    [InlineData("", "88a8", 0x6123, true)]
    public void A_vlan_tag_is_put_back(string filter, string tpid, int tci, bool comes) => CaptureLab.Run(lab =>
    {
        using LiveCapture capture = CaptureLab.Open(new() { Filter = CaptureLab.Filter(filter) }, CaptureLab.Receiver);
        byte[] plain = CaptureLab.Numbered(1);
        byte[] tagged = [.. plain[..12], .. Convert.FromHexString(tpid), (byte)(tci >> 8), (byte)tci, .. plain[12..]];
        lab.Send(tagged);
        List<CapturedPacket> packets = CaptureLab.Rest(capture);
        Assert.Equal(comes ? [Convert.ToHexString(tagged)] : [], packets.Select(packet => Convert.ToHexString(packet.Data.Span)));
        Assert.All(packets, packet => Assert.Equal(64u, packet.OriginalLength));
    });

    [Fact]
    public void Packets_are_cut_off_at_the_snap_length() => CaptureLab.Run(lab =>
    {
        foreach (int snap in (int[])[1, 34, 60, 100])
        {
            using LiveCapture capture = CaptureLab.Open(new() { SnapLength = snap, Filter = CaptureLab.Filter("udp", snap) }, CaptureLab.Receiver);
            lab.Send(CaptureLab.Numbered(snap));
            CapturedPacket packet = Assert.Single(CaptureLab.Rest(capture));
            Assert.Equal((Math.Min(snap, 60), 60u), (packet.Data.Length, packet.OriginalLength));
        }
    });

    [Theory]
    [InlineData(CaptureDirections.In, 1)]
    [InlineData(CaptureDirections.Out, 2)]
    [InlineData(CaptureDirections.InOut, 3)]
    public void Directions(CaptureDirections directions, int expected) => CaptureLab.Run(lab =>
    {
        using LiveCapture capture = CaptureLab.Open(new() { Directions = directions, Filter = CaptureLab.Filter("udp") }, "v0");
        lab.Send(CaptureLab.Numbered(1));
        lab.Send(CaptureLab.Numbered(2));
        SendBack();
        SpinWait.SpinUntil(() => capture.Counters.Received >= expected, TimeSpan.FromSeconds(5)); // a busy kernel delivers later than it sends
        List<CapturedPacket> packets = CaptureLab.Rest(capture);
        Assert.Equal(expected, packets.Count);
        Assert.Equal(directions == CaptureDirections.In ? 0 : 2, packets.Count(packet => packet.PacketType == 4));
        Assert.Equal(expected, capture.Counters.Received); // the kernel rejects the others
    });

    [Theory]
    [InlineData("lo", CaptureDirections.InOut)]
    [InlineData("lo", CaptureDirections.In)]
    [InlineData("lo", CaptureDirections.Out)]
    [InlineData("any", CaptureDirections.InOut)]
    [InlineData("any", CaptureDirections.In)]
    [InlineData("any", CaptureDirections.Out)]
    public void Loopback_shows_each_packet_once(string name, CaptureDirections directions) => CaptureLab.Run(_ =>
    {
        using LiveCapture capture = CaptureLab.Open(new() { Directions = directions, Filter = CaptureLab.Filter("udp port 7777") }, name);
        using var socket = new System.Net.Sockets.UdpClient();
        socket.Send([1, 2, 3], "127.0.0.1", 7777);
        CapturedPacket packet = Assert.Single(CaptureLab.Rest(capture));
        Assert.Equal(directions == CaptureDirections.Out, packet.PacketType == 4);
        Assert.Equal(1, packet.InterfaceIndex);
        Assert.Equal((name == "any" ? 20 : 14) + 31, packet.Data.Length);
    });

    [Fact]
    public void Received_and_dropped_are_what_was_sent() => CaptureLab.Run(lab =>
    {
        const int Sent = 20_000;
        using LiveCapture capture = CaptureLab.Open(new() { BufferBytes = 512 * 1024, Filter = CaptureLab.Filter("udp") }, CaptureLab.Receiver);
        byte[] frame = CaptureLab.Numbered(0);
        for (int i = 0; i < Sent; i++)
            lab.Send(frame); // nobody reads meanwhile
        Assert.Equal(Sent, capture.Counters.Received + capture.Counters.Dropped);
        List<CapturedPacket> packets = CaptureLab.Rest(capture);
        CaptureCounters counters = capture.Counters;
        Assert.Equal(Sent, counters.Received + counters.Dropped);
        Assert.Equal((packets.Count, packets.Count), (counters.Received, counters.Delivered));
        Assert.InRange(counters.Dropped, 1, Sent - 1);
        Assert.InRange(counters.Freezes, 1, Sent);
    });

    [Fact]
    public void A_run_ends_when_the_handler_has_enough_and_goes_on_behind_it() => CaptureLab.Run(lab =>
    {
        using LiveCapture capture = CaptureLab.Open(LiveCaptureOptions.Default, CaptureLab.Receiver);
        for (int i = 0; i < 10; i++)
            lab.Send(CaptureLab.Numbered(i));
        var numbers = new List<int>();
        foreach (int end in (int[])[3, 4, 10])
            capture.Run((in LivePacket packet) =>
            {
                numbers.Add(CaptureLab.NumberOf(packet.Data));
                return numbers.Count < end;
            }, TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(0, 10), numbers);
    });

    [Fact]
    public void A_run_ends_when_it_is_cancelled() => CaptureLab.Run(_ =>
    {
        using LiveCapture capture = CaptureLab.Open(LiveCaptureOptions.Default, CaptureLab.Receiver);
        using var source = new CancellationTokenSource(50);
        capture.Run((in LivePacket _) => true, source.Token);
        Assert.True(source.IsCancellationRequested);
        capture.Run((in LivePacket _) => true, source.Token); // cancelled before: comes back at once
    });

    [Fact]
    public void Behind_a_swap_of_filters_only_the_new_one_counts() => CaptureLab.Run(lab =>
    {
        using LiveCapture capture = CaptureLab.Open(new() { Filter = CaptureLab.Filter("udp port 7") }, CaptureLab.Receiver);
        using var ended = new CancellationTokenSource();
        // Both kinds without end, from another thread, while filters come and go.
        byte[][] frames = [CaptureLab.Numbered(0, 7), CaptureLab.Numbered(0, 8)];
        var sender = new Thread(() =>
        {
            for (int i = 0; !ended.IsCancellationRequested; i++)
            {
                lab.Send(frames[i & 1]);
                if ((i & 63) == 0)
                    Thread.Yield();
            }
        });
        sender.Start();
        long late = 0, rest = 0;
        try
        {
            for (int round = 0; round < 6; round++)
            {
                int port = 7 + (round & 1), seen = 0;
                capture.Run((in LivePacket packet) =>
                {
                    Assert.Equal(port, packet.Data[37]);
                    return ++seen < 200;
                }, TestContext.Current.CancellationToken);
                late += seen;
                capture.SetFilter(CaptureLab.Filter(round % 2 == 0 ? "udp port 8" : "udp port 7"), (in LivePacket packet) =>
                {
                    Assert.Equal(port, packet.Data[37]);
                    rest++;
                    return true;
                });
            }
        }
        finally
        {
            ended.Cancel();
            sender.Join();
        }
        Assert.Equal(1200, late);
        long more = CaptureLab.Rest(capture).Count;
        Assert.Equal(capture.Counters.Received, late + rest + more);
    });

    [Fact]
    public void Several_interfaces_come_in_the_order_of_time() => CaptureLab.Run(lab =>
    {
        using LiveCapture capture = CaptureLab.Open(LiveCaptureOptions.Default, CaptureLab.Receiver, CaptureLab.OtherReceiver);
        for (int i = 0; i < 40; i++)
            lab.Send(CaptureLab.Numbered(i), i % 3 == 0 ? "w0" : "v0");
        // Let the kernel hand over both blocks first.
        Thread.Sleep(60);
        var numbers = new List<(int, int)>();
        capture.Run((in LivePacket packet) =>
        {
            numbers.Add((packet.Device, CaptureLab.NumberOf(packet.Data)));
            return numbers.Count < 40;
        }, TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => (i % 3 == 0 ? 1 : 0, i)), numbers);
        Assert.Equal((26, 14), (capture.CountersOf(0).Received, capture.CountersOf(1).Received));
    });

    [Fact]
    public void Lanes_share_the_packets_flow_by_flow() => CaptureLab.Run(lab =>
    {
        const int Sent = 4_000, Lanes = 3;
        using LiveCapture capture = CaptureLab.Open(new() { Lanes = Lanes, Filter = CaptureLab.Filter("udp port 7") }, CaptureLab.Receiver);
        for (int i = 0; i < Sent; i++)
            lab.Send(CaptureLab.Numbered(i, (ushort)(7 + (i & 1))));
        var seen = new System.Collections.Concurrent.ConcurrentDictionary<int, int>();
        int[] counts = new int[Lanes];
        int total = 0;
        capture.RunLanes(lane => (in LivePacket packet) =>
        {
            Assert.Equal(lane, seen.GetOrAdd(packet.Data[35] | (packet.Data[34] << 8), lane)); // a source port stays in its lane
            counts[lane]++;
            return Interlocked.Increment(ref total) < Sent / 2;
        }, TestContext.Current.CancellationToken);
        Assert.Equal(Sent / 2, total);
        Assert.Equal(Sent / 2, capture.Counters.Received);
        Assert.All(counts, count => Assert.InRange(count, 1, Sent / 2 - 2));
    });

    [Fact]
    public async Task Packets_as_an_asynchronous_sequence()
    {
        var numbers = new List<int>();
        LiveCapture? capture = null;
        CaptureLab.Run(lab =>
        {
            capture = CaptureLab.Open(new() { Filter = CaptureLab.Filter("udp") }, CaptureLab.Receiver);
            for (int i = 0; i < 3_000; i++)
                lab.Send(CaptureLab.Numbered(i));
        });
        using (capture)
            await foreach (CapturedPacket packet in capture!.ReadAllAsync(TestContext.Current.CancellationToken))
            {
                numbers.Add(CaptureLab.NumberOf(packet.Data.Span));
                if (numbers.Count == 3_000)
                    break;
            }
        Assert.Equal(Enumerable.Range(0, 3_000), numbers);
    }

    [Fact]
    public void An_interface_that_goes_away_ends_the_capture() => CaptureLab.Run(lab =>
    {
        using LiveCapture capture = CaptureLab.Open(new() { Filter = CaptureLab.Filter("udp") }, CaptureLab.OtherReceiver);
        lab.Send(CaptureLab.Numbered(1), "w0");
        Tools.RunOk(Tools.Need("ip"), ["link", "del", "w0"]);
        int seen = 0;
        BpfException gone = Assert.Throws<BpfException>(() => capture.Run((in LivePacket _) => ++seen > 0, TestContext.Current.CancellationToken));
        Assert.Contains("w1 is gone", gone.Message);
        Assert.Equal(1, seen);
    });

    [Fact]
    public void An_interface_that_goes_down_and_up_again_is_captured_on() => CaptureLab.Run(lab =>
    {
        using LiveCapture capture = CaptureLab.Open(new() { Filter = CaptureLab.Filter("udp") }, CaptureLab.OtherReceiver);
        string ip = Tools.Need("ip");
        for (int i = 0; i < 3; i++)
        {
            Tools.RunOk(ip, ["link", "set", "w1", "down"]);
            Tools.RunOk(ip, ["link", "set", "w1", "up"]);
            // What is sent before the sender has noticed its carrier vanishes: so again and again.
            bool came = false;
            for (int attempt = 0; attempt < 200 && !came; attempt++)
            {
                lab.Send(CaptureLab.Numbered(i), "w0");
                using var soon = new CancellationTokenSource(100);
                capture.Run((in LivePacket packet) => !(came |= CaptureLab.NumberOf(packet.Data) == i), soon.Token);
            }
            Assert.True(came);
        }
    });

    [Theory]
    [InlineData("ip protochain 17 and udp port 7")] // loops
    [InlineData("large")]
    public void What_the_kernel_cannot_run_is_run_here(string expression) => CaptureLab.Run(lab =>
    {
        if (expression == "large")
        {
            // Since 6.7 each namespace has a limit of its own.
            ToolResult limit = Tools.Run("/bin/sh", ["-c", "echo 2000 > /proc/sys/net/core/optmem_max"]);
            if (limit.ExitCode != 0)
                Assert.Skip("this kernel has no optmem_max of a network namespace");
            expression = "udp port 7 and not (" + string.Join(" or ", Enumerable.Range(0, 300).Select(i => $"host 10.2.{i / 100}.{i % 100 * 2} and len > {i}")) + ")";
        }
        using LiveCapture capture = CaptureLab.Open(new() { Filter = CaptureLab.Filter(expression) }, CaptureLab.Receiver);
        for (int i = 0; i < 20; i++)
            lab.Send(CaptureLab.Numbered(i, (ushort)(7 + (i & 1))));
        List<CapturedPacket> packets = CaptureLab.Rest(capture);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => 2 * i), packets.Select(packet => CaptureLab.NumberOf(packet.Data.Span)));
        Assert.Equal((20, 10), (capture.Counters.Received, capture.Counters.Delivered)); // the kernel let all of them through
    });

    [Fact]
    public void An_interface_that_is_down_says_so() => CaptureLab.Run(_ =>
    {
        Tools.RunOk(Tools.Need("ip"), ["link", "set", "w1", "down"]);
        BpfException down = Assert.Throws<BpfException>(() => CaptureLab.Open(LiveCaptureOptions.Default, CaptureLab.OtherReceiver));
        Assert.Contains("w1 is down", down.Message);
    });

    [Fact]
    public void Interfaces_are_listed_with_what_they_carry() => CaptureLab.Run(_ =>
    {
        IReadOnlyList<CaptureDevice> all = CaptureDevice.List();
        Assert.Equal(["lo", "v0", "v1", "w0", "w1"], all.Select(device => device.Name).Order());
        Assert.All(all, device => Assert.Equal((LinkType.Ethernet, true, false), (device.LinkType, device.IsUp, device.IsCooked)));
        Assert.Equal("lo", Assert.Single(all, device => device.IsLoopback).Name);
        Assert.Equal(all[0], CaptureDevice.Find("1"));
        Assert.Null(CaptureDevice.Find("nonsense"));
        Assert.True(SpinWait.SpinUntil(static () => CaptureDevice.Find("v1")!.IsRunning, 10_000), "no carrier");
        Assert.False(CaptureDevice.Default()!.IsLoopback); // one that has a carrier comes before loopback
    });

    private static unsafe void SendBack()
    {
        int fd = KernelCalls.Check(KernelCalls.Socket(KernelCalls.AfPacket, KernelCalls.SockRaw | KernelCalls.SockCloexec, 0), "socket");
        var address = new KernelCalls.SockAddrLl { Family = KernelCalls.AfPacket, IfIndex = CaptureDevice.Find(CaptureLab.Receiver)!.Index };
        KernelCalls.Check(KernelCalls.Bind(fd, &address, 20), "bind");
        byte[] frame = CaptureLab.Numbered(3);
        fixed (byte* data = frame)
            KernelCalls.Check((int)KernelCalls.Send(fd, data, (nuint)frame.Length, 0), "send");
        KernelCalls.Close(fd);
    }
}
