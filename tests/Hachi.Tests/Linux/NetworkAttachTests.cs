using System.Net.Sockets;
using Hachi.Isa;
using Hachi.Linux;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Uapi;

namespace Hachi.Tests.Linux;

/// <summary>Programs in the way of packets: on loopback of a namespace that the test makes. Attached they drop, detached they do not.</summary>
public sealed class NetworkAttachTests
{
    private const int Loopback = 1, Datagrams = 5;

    [Fact]
    public void Xdp_drops_what_it_is_told_to()
    {
        Drops(ProgramType.Xdp, 1, 2, program => program.AttachXdp(Loopback, XdpMode.Generic));
        Drops(ProgramType.Xdp, 1, 2, program => program.AttachXdpByNetlink(Loopback, XdpMode.Generic));
    }

    [Theory]
    [InlineData(TcDirection.Ingress, false)]
    [InlineData(TcDirection.Egress, false)]
    [InlineData(TcDirection.Ingress, true)]
    [InlineData(TcDirection.Egress, true)]
    public void Tc_drops_what_it_is_told_to(TcDirection direction, bool useClassifier) =>
        Drops(ProgramType.SchedCls, 2, 0, program => program.AttachTc(Loopback, direction, new TcOptions { UseClassifier = useClassifier }));

    [Fact]
    public void Links_of_tc_keep_their_order()
    {
        NetworkNamespace.Run(() =>
        {
            using Socket receiver = NetworkNamespace.Receiver();
            using Program drop = Return(ProgramType.SchedCls, 2), pass = Return(ProgramType.SchedCls, 0), next = Return(ProgramType.SchedCls, -1);
            using var first = (BpfLink)drop.AttachTc(Loopback, TcDirection.Ingress);
            Assert.Equal(0, NetworkNamespace.Deliver(receiver, Datagrams));
            using (pass.AttachTc(Loopback, TcDirection.Ingress, new TcOptions { Before = first }))
                Assert.Equal(Datagrams, NetworkNamespace.Deliver(receiver, Datagrams));
            using (next.AttachTc(Loopback, TcDirection.Ingress, new TcOptions { Before = first }))
                Assert.Equal(0, NetworkNamespace.Deliver(receiver, Datagrams));
            first.Replace(pass);
            Assert.Equal(Datagrams, NetworkNamespace.Deliver(receiver, Datagrams));
            Assert.Equal((BpfLinkType.Tcx, pass.Id, AttachType.TcxIngress, 1u), (first.ReadInfo().Type, first.ReadInfo().ProgramId, first.ReadInfo().AttachType, first.ReadInfo().Target));
        });
    }

    [Fact]
    public void A_socket_takes_both_kinds_of_filter()
    {
        NetworkNamespace.Run(() =>
        {
            using Socket receiver = NetworkNamespace.Receiver();
            using (receiver.AttachFilter(new ClassicProgram([new ClassicInsn(6, 0, 0, 0)])))
                Assert.Equal(0, NetworkNamespace.Deliver(receiver, Datagrams));
            Assert.Equal(Datagrams, NetworkNamespace.Deliver(receiver, Datagrams));
            using Program none = Return(ProgramType.SocketFilter, 0), all = Return(ProgramType.SocketFilter, 1 << 16);
            using (receiver.AttachProgram(none))
                Assert.Equal(0, NetworkNamespace.Deliver(receiver, Datagrams));
            using Link kept = receiver.AttachProgram(all);
            receiver.LockFilter();
            Assert.Contains("locked", Assert.Throws<BpfException>(() => receiver.AttachProgram(none)).Message);
            Assert.Equal(Datagrams, NetworkNamespace.Deliver(receiver, Datagrams));
        });
    }

    [Fact]
    public void A_cgroup_drops_what_it_is_told_to()
    {
        Tools.NeedRoot();
        string? root = new[] { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" }.FirstOrDefault(path => File.Exists(Path.Combine(path, "cgroup.procs")) && File.Exists(Path.Combine(path, "cgroup.controllers")));
        if (root is null)
            Assert.Skip("needs the unified cgroup hierarchy");
        string path = Path.Combine(root, $"hachi-test-{Environment.ProcessId}");
        Directory.CreateDirectory(path);
        try
        {
            using Program program = Return(ProgramType.CgroupSkb, 0);
            foreach (CgroupSharing sharing in Enum.GetValues<CgroupSharing>())
            {
                using Link link = program.AttachCgroup(path, AttachType.CgroupInetEgress, sharing);
                Assert.Equal([program.Id], CgroupPrograms(path));
                link.Dispose();
                Assert.Empty(CgroupPrograms(path));
            }
        }
        finally
        {
            Directory.Delete(path);
        }
    }

    [Fact]
    public void What_does_not_fit_is_told()
    {
        NetworkNamespace.Run(() =>
        {
            using Program xdp = Return(ProgramType.Xdp, 2), tc = Return(ProgramType.SchedCls, 0);
            Assert.Contains("no such interface", Assert.Throws<BpfException>(() => xdp.AttachXdp(4711)).Message);
            Assert.Contains("no such interface", Assert.Throws<BpfException>(() => tc.AttachTc(4711, TcDirection.Ingress)).Message);
            Assert.True(Place.TryParse("tc:lo", out Place? place, out _));
            Assert.Contains("program verdict is of kind xdp, and tc:lo takes sched_cls or sched_act", Assert.Throws<BpfException>(() => xdp.Attach(place!)).Message);
            using Link first = xdp.AttachXdp(Loopback, XdpMode.Generic);
            Assert.Contains("already", Assert.Throws<BpfException>(() => xdp.AttachXdp(Loopback, XdpMode.Generic)).Message);
        });
    }

    private static List<uint> CgroupPrograms(string path)
    {
        string text = Tools.Run(Tools.Need("bpftool"), ["-j", "cgroup", "show", path]).Text;
        return text.Trim().Length == 0 ? [] : [.. System.Text.Json.JsonDocument.Parse(text).RootElement.EnumerateArray().Select(row => row.GetProperty("id").GetUInt32())];
    }

    /// <summary>A program that drops stops every datagram, one that passes none, and after it is detached all arrive.</summary>
    private static void Drops(ProgramType type, int drop, int pass, Func<Program, Link> attach)
    {
        NetworkNamespace.Run(() =>
        {
            using Socket receiver = NetworkNamespace.Receiver();
            using Program dropping = Return(type, drop), passing = Return(type, pass);
            Assert.Equal(Datagrams, NetworkNamespace.Deliver(receiver, Datagrams));
            using (attach(dropping))
                Assert.Equal(0, NetworkNamespace.Deliver(receiver, Datagrams));
            using (attach(passing))
                Assert.Equal(Datagrams, NetworkNamespace.Deliver(receiver, Datagrams));
            Assert.Equal(Datagrams, NetworkNamespace.Deliver(receiver, Datagrams));
        });
    }

    private static Program Return(ProgramType type, int value) => Program.Load(type, [new Insn(0xb7, imm: value), new Insn(0x95)], "verdict");
}
