using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Hachi.Captures;
using Hachi.Cli;
using Hachi.Cli.Capture;
using Hachi.Cli.Verbs;
using Hachi.Lang.Seccomp;
using Hachi.Uapi;

namespace Hachi.Tests.Capture;

/// <summary><c>hachi capture</c> as a user sees it: inside this process where nothing is given up, as a program of its own where something is.</summary>
public sealed class CaptureVerbTests : IDisposable
{
    private const int Somebody = 54321;

    private readonly string _folder = Directory.CreateTempSubdirectory("hachi-verb-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Prints_a_line_for_each_packet() => CaptureLab.Run(lab =>
    {
        CommandRun run = Under(lab, ["-i", "v1", "-n", "-c", "3", "udp", "port", "7"]);
        Assert.Equal(ExitStatus.Done, run.Status);
        Assert.Equal(3, run.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Matches(@"(?m)^\d\d:\d\d:\d\d\.\d{6} IP 10\.0\.0\.1\.\d+ > 10\.0\.0\.2\.7: UDP, length 18$", run.Text);
        Assert.Contains("listening on v1 (EN10MB), snapshot length 262144 bytes\n3 packets captured, ", run.Error);
        Assert.Contains(" 0 dropped by the kernel\n", run.Error);
    });

    [Fact]
    public void On_several_interfaces_lines_say_which() => CaptureLab.Run(lab =>
    {
        foreach (string[] names in new string[][] { ["-i", "v1", "-i", "w1"], ["-i", "any", "inbound"], ["-i", "any", "-y", "LINUX_SLL", "inbound"] })
        {
            CommandRun run = Under(lab, [.. names, "-c", "20"]);
            Assert.Matches(@"(?m)^[\d:.]{15} v1 (P   )?IP 10", run.Text);
            Assert.Matches(@"(?m)^[\d:.]{15} w1 (P   )?IP 10", run.Text);
        }
    });

    [Fact]
    public void Json_is_an_object_a_line() => CaptureLab.Run(lab =>
    {
        CommandRun run = Under(lab, ["-i", "any", "-c", "2", "--json", "-Q", "out"]);
        string[] lines = run.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < 2; i++)
        {
            using var json = JsonDocument.Parse(lines[i]);
            Assert.Equal(i + 1, json.RootElement.GetProperty("packet").GetInt32());
            Assert.Equal("out", json.RootElement.GetProperty("direction").GetString());
            Assert.Contains(json.RootElement.GetProperty("interface").GetString(), (string[])["v0", "w0"]);
            Assert.Equal(66, json.RootElement.GetProperty("originalLength").GetInt32());
            Assert.StartsWith("Out IP 10.0.0.1.", json.RootElement.GetProperty("summary").GetString(), StringComparison.Ordinal);
        }
    });

    [Fact]
    public void Count_prints_one_number() => CaptureLab.Run(lab => Assert.Equal("5\n", Under(lab, ["-i", "v1", "-c", "5", "--count"]).Text));

    [Fact]
    public void Writes_files_that_others_read() => CaptureLab.Run(lab =>
    {
        string tcpdump = Tools.Need("tcpdump");
        foreach (string name in (string[])["a.pcap", "a.pcapng"])
        {
            string path = Path.Combine(_folder, name);
            CommandRun run = Under(lab, ["-i", "v1", "-i", "w1", "-w", path, "-c", "40", "-s", "50", "--stats"]);
            Assert.Equal((0, ""), (run.Status, run.Text));
            Assert.Contains("v1: ", run.Error);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            Assert.All(CaptureLab.Read(path), packet => Assert.Equal((60u, 100), (packet.Length, packet.Bytes.Length)));
            Assert.Equal(40, Tools.RunOk(tcpdump, ["-n", "-r", path]).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        }
        CommandRun piped = Under(lab, ["-i", "v1", "-w", "-", "-c", "4", "--nano"]);
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(piped.Output), out _)!;
        Assert.True(reader.TryReadBatch(out CaptureBatch batch));
        Assert.Equal(4, batch.Records.Length);
    });

    [Fact]
    public void Interrupted_it_closes_its_file_and_says_the_counters() => CaptureLab.Run(lab =>
    {
        string path = Path.Combine(_folder, "a.pcapng");
        foreach (string signal in (string[])["INT", "TERM"])
        {
            using Process hachi = Start("-i", "v1", "-w", path, "udp port 7");
            for (int i = 0; i < 300; i++)
                lab.Send(CaptureLab.Numbered(i, (ushort)(7 + (i & 1))));
            (int status, string error) = CaptureLab.End(hachi, signal);
            Assert.Equal((ExitStatus.Interrupted, "150 packets captured, 150 received by the filter, 0 dropped by the kernel\n"), (status, error));
            Assert.Equal(Enumerable.Range(0, 150).Select(i => 2 * i), CaptureLab.Read(path).Select(packet => CaptureLab.NumberOf(Convert.FromHexString(packet.Bytes))));
        }
    });

    [Fact]
    public void A_signal_asks_for_the_counters() => CaptureLab.Run(lab =>
    {
        using Process hachi = Start("-i", "v1", "-w", Path.Combine(_folder, "a.pcap"), "udp");
        lab.Send(CaptureLab.Numbered(1));
        Tools.RunOk("/bin/kill", ["-USR1", hachi.Id.ToString(CultureInfo.InvariantCulture)]);
        Assert.EndsWith(" packets captured, 1 received by the filter, 0 dropped by the kernel", hachi.StandardError.ReadLine(), StringComparison.Ordinal);
        Assert.Equal((ExitStatus.Interrupted, "1 packets captured, 1 received by the filter, 0 dropped by the kernel\n"), CaptureLab.End(hachi));
    });

    [Fact]
    public void Files_by_time_end_the_capture() => CaptureLab.Run(lab =>
    {
        CommandRun run = Under(lab, ["-i", "v1", "-w", Path.Combine(_folder, "%s.pcap"), "-G", "1", "-W", "2", "--stats"]);
        Assert.Equal(ExitStatus.Done, run.Status);
        Assert.Contains("\n2 files\n", run.Error);
        string[] files = [.. Directory.GetFiles(_folder).Order(StringComparer.Ordinal)];
        Assert.Equal(2, files.Length);
        long[] last = [.. files.Select(file => CaptureLab.Read(file)[^1].Time)], first = [.. files.Select(file => CaptureLab.Read(file)[0].Time)];
        Assert.True(first[1] > last[0] && last[1] - first[1] < 1_000_000_000);
    });

    [Fact]
    public void It_gives_up_what_it_needs_no_more() => CaptureLab.Run(lab =>
    {
        string path = Path.Combine(_folder, "%s.pcap");
        File.SetUnixFileMode(_folder, (UnixFileMode)0x1ff);
        using Process hachi = StartIn(new() { ["SUDO_UID"] = $"{Somebody}", ["SUDO_GID"] = $"{Somebody + 1}" }, "-i", "v1", "-w", path, "-C", "1k", "-W", "3", "-U");
        try
        {
            foreach (string task in Directory.GetDirectories($"/proc/{hachi.Id}/task"))
            {
                string status = File.ReadAllText(task + "/status");
                Assert.Matches($@"Uid:\t{Somebody}\t{Somebody}\t{Somebody}\t{Somebody}\nGid:\t{Somebody + 1}\t{Somebody + 1}\t{Somebody + 1}\t{Somebody + 1}\n", status);
                Assert.Matches(@"CapPrm:\t0{16}\nCapEff:\t0{16}\n", status);
                Assert.Matches(@"Seccomp:\t2\n", status);
            }
            for (int i = 0; i < 100; i++)
                lab.Send(CaptureLab.Numbered(i));
        }
        finally
        {
            Assert.Equal(ExitStatus.Interrupted, CaptureLab.End(hachi).Status);
        }
        string[] files = Directory.GetFiles(_folder); // rotation has opened files as that user, under the filter of calls
        Assert.Equal(3, files.Length);
        string stat = Tools.RunOk("/usr/bin/stat", ["-c", "%u %g %a", .. files]).Text;
        Assert.Equal(string.Concat(Enumerable.Repeat($"{Somebody} {Somebody + 1} 600\n", 3)), stat);
    });

    [Fact]
    public void Without_root_it_says_what_is_missing() => CaptureLab.Run(_ =>
    {
        string setpriv = Tools.Need("setpriv", "util-linux");
        ToolResult run = Tools.Run(setpriv, ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "dotnet", Cli, "capture", "-i", "v1", "-c", "1"],
            environment: new Dictionary<string, string?> { ["DOTNET_EnableDiagnostics"] = "0", ["HOME"] = "/tmp" });
        if (run.Error.Contains("Permission denied", StringComparison.OrdinalIgnoreCase) && !run.Error.Contains("hachi:", StringComparison.Ordinal))
            Assert.Skip("nobody may not read the build");
        Assert.Equal(ExitStatus.KernelRefused, run.ExitCode);
        Assert.Contains("socket(AF_PACKET): EPERM: capturing takes CAP_NET_RAW\n  sudo hachi capture", run.Error);
    });

    [Theory]
    [InlineData("there is no interface 'nonsense'", "-i", "nonsense")]
    [InlineData("an interface is named twice", "-i", "lo", "-i", "1")]
    [InlineData("any stands for every interface", "-i", "lo", "-i", "any")]
    [InlineData("lo has no link type RAW", "-i", "lo", "-y", "RAW")]
    [InlineData("-c takes a number from 1 up", "-i", "lo", "-c", "0")]
    [InlineData("-s takes a number", "-i", "lo", "-s", "-1")]
    [InlineData("-C, -G and -W need -w", "-i", "lo", "-C", "1")]
    [InlineData("-W needs -C or -G", "-i", "lo", "-W", "1", "-w", "x")]
    [InlineData("'1x' is no size", "-i", "lo", "-C", "1x", "-w", "x")]
    [InlineData("standard output is only one", "-i", "lo", "-C", "1", "-w", "-")]
    [InlineData("syntax error", "-i", "lo", "tcp", "port")]
    [InlineData("--count and -w exclude each other", "-i", "lo", "--count", "-w", "x")]
    public void What_is_wrong_is_said(string says, params string[] args)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("capture is Linux's");
        CommandRun run = CommandRun.Hachi(["capture", .. args]);
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains(says, run.Error);
    }

    [Theory]
    [InlineData("1", 1_000_000)]
    [InlineData("64k", 65_536)]
    [InlineData("10M", 10L << 20)]
    [InlineData("2g", 2L << 30)]
    public void Sizes(string text, long bytes) => Assert.Equal(bytes, CaptureVerb.ParseSize(text));

    [Fact]
    public void Interfaces_are_listed()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("capture is Linux's");
        Assert.Matches(@"(?m)^ +1  lo +EN10MB +up, loopback$", CommandRun.Hachi("capture", "-D").Text);
        Assert.Equal("any", JsonDocument.Parse(CommandRun.Hachi("capture", "-D", "--json").Text.TrimEnd().Split('\n')[^1]).RootElement.GetProperty("name").GetString());
    }

    [Fact]
    public void The_filter_of_calls_compiles_for_every_architecture_and_denies_the_dangerous_ones()
    {
        foreach (SeccompArchitecture architecture in (SeccompArchitecture[])[SeccompArchitecture.X86_64, SeccompArchitecture.Aarch64])
            foreach ((bool opens, bool compiles) in (ReadOnlySpan<(bool, bool)>)[(false, false), (true, false), (false, true)])
            {
                SeccompPolicy policy = CaptureGuard.Policy(opens, compiles).Build(architecture);
                Assert.NotNull(SeccompCompiler.Compile(policy).Program);
                foreach (string call in (string[])["execve", "ptrace", "connect", "bind", "mount", "bpf", "fchmodat", "init_module", "setresuid", "process_vm_writev", "unshare"])
                    Assert.False(Decide(policy, architecture, call).Permits, call);
                Assert.Equal(opens || compiles, Decide(policy, architecture, "openat").Permits);
                Assert.Equal(compiles, Decide(policy, architecture, "mmap", 0, 4096, 7).Permits);
                Assert.True(Decide(policy, architecture, "mmap", 0, 4096, 3).Permits);
                Assert.False(Decide(policy, architecture, "socket", 2, 1).Permits);
                Assert.False(Decide(policy, architecture, "clone", 17).Permits);
            }
    }

    private static string Cli => Path.Combine(AppContext.BaseDirectory, "Hachi.Cli.dll");

    private static SeccompAction Decide(SeccompPolicy policy, SeccompArchitecture architecture, string call, params ReadOnlySpan<ulong> arguments) =>
        policy.Decide(SeccompData.Of(architecture, SyscallTable.Of(architecture).Find(call)!.Number, arguments)).Action;

    private static Process Start(params string[] args) => StartIn([], args);

    /// <summary>As a script starts it in the background: with SIGINT ignored.</summary>
    private static Process StartIn(Dictionary<string, string> environment, params string[] args) =>
        CaptureLab.Listening("/bin/sh", ["-c", "trap '' INT; exec env \"$@\"", "sh", "-u", "SUDO_UID", .. environment.Select(pair => $"{pair.Key}={pair.Value}"), "dotnet", Cli, "capture", .. args], "listening on");

    /// <summary>Runs the verb while frames are sent on both pairs, in turn.</summary>
    private static CommandRun Under(CaptureLab lab, string[] args)
    {
        using var ended = new ManualResetEventSlim();
        var sender = new Thread(() =>
        {
            for (int i = 0; !ended.Wait(1); i++)
                lab.Send(CaptureLab.Numbered(i), i % 2 == 0 ? "v0" : "w0");
        });
        sender.Start();
        try
        {
            return CommandRun.Hachi(["capture", .. args]);
        }
        finally
        {
            ended.Set();
            sender.Join();
        }
    }
}
