using Hachi.Cli.Verbs;
using Hachi.Tests.Trace.Corpus;

namespace Hachi.Tests.Tracing;

/// <summary>The tools that look at the whole machine, and those that need hooks which not every host has, in a test kernel: each with what it must have said.</summary>
public sealed class ToolGuestTests
{
    // 16 writes of 128 sectors, past the page cache.
    private const string Disk = "dd if=/dev/zero of=/dev/nvme0n1 bs=64k count=16 oflag=direct 2>/dev/null";

    // Packets to an address behind the loopback that nobody has are dropped: the first of a connection is sent again after a second.
    private const string Nowhere = "ip addr add 10.9.9.1/32 dev lo; ip route add 10.9.9.2 dev lo src 10.9.9.1; ./testprogs/syscall connect 10.9.9.2 9 & sleep 3";

    private static readonly (string Tool, string Workload, string Pattern)[] s_tools =
    [
        ("execsnoop", "./testprogs/true zztop", @"\d+ +\d+ +0 +\./testprogs/true zztop"),
        ("opensnoop", "cat /etc/passwd", @"\d+ +cat +\d+ +0 /etc/passwd"),
        ("statsnoop", "stat /etc/passwd", @"\d+ +stat +0 /etc/passwd"),
        ("exitsnoop", "sh -c 'exit 7'", @"sh +\d+ +\d+ +0 +7"),
        ("killsnoop", "sleep 5 & kill -USR1 $!", @"\d+ +\S+ +10 +\d+ +0"),
        ("syscount", "./testprogs/syscall read", @"@process\[\S+, \d+\]: \d+"),
        ("vfsstat", "./testprogs/syscall read; sleep 1; ./testprogs/syscall read", @"@\[vfs_read\]: \d+"),
        ("filelife", "touch /tmp/gone; rm /tmp/gone", @"\d+ +rm +/tmp/gone"),
        ("capable", "unshare -n ./testprogs/true", @"\d+ +0 +\d+ +unshare +21 +0"),
        ("tcpconnect", "./testprogs/syscall connect 127.0.0.1 9", @"\d+ +syscall +127\.0\.0\.1 +9"),
        ("tcplife", "./testprogs/syscall accept 4712", @"^\d+ +syscall +127\.0\.0\.1 +\d+ +127\.0\.0\.1 +4712 "),
        ("udpconnect", "./testprogs/syscall connect 127.0.0.1 9", @"\d+ +syscall +connect +\d+ +127\.0\.0\.1 +9"),
        ("runqlat", "for i in 1 2 3 4 5; do ./testprogs/true; done", @"@usecs: \n[\[(]"),
        ("cpudist", "for i in 1 2 3 4 5; do ./testprogs/true; done", @"@usecs\[true\]: \n[\[(]"),
        ("runqlen", "./testprogs/work_loop", @"@waiting\[0\]: \n\[\d+, \d+\)"),
        ("profile", "./testprogs/work_loop", @"work_loop\]: \d+"),
        ("biolatency", Disk, @"@usecs: \n(\[[0-9KM, ]+\) +\d+ \|[@ ]+\|\n)*\[[0-9KM, ]+\) +\d+ \|@+ *\|"),
        ("biosnoop", Disk, @"^\d+ +dd +WS? +\d+:\d+ +\d+ +128 +\d+$"),
        ("biotop", Disk, @"@requests\[dd\]: 16\s+@bytes\[dd\]: 1048576\s+@usecs\[dd\]: \d+"),
        ("tcpaccept", "./testprogs/syscall accept 4711", @"^\d+ +127\.0\.0\.1 +4711 +127\.0\.0\.1 +\d+$"),
        ("tcpretrans", Nowhere, @"10\.9\.9\.1 +\d+ +10\.9\.9\.2 +9 "),
    ];

    [Fact]
    public void They_see_what_happens()
    {
        Assert.SkipUnless(Volume.IsFull, "boots a kernel for minutes: ./test tracing --volume");
        List<CorpusCase> cases = [.. s_tools.Select(row => new CorpusCase(row.Tool, 'K',
            [("RUN", $"{{{{BPFTRACE}}}} scripts/{row.Tool}.bt"), ("TIMEOUT", "4"), ("EXPECT_REGEX", row.Pattern), ("AFTER", row.Workload)]))];
        string tracer = CorpusRunTests.NeedNative();
        using var folder = new CaseFolder(cases);
        string place = Directory.CreateDirectory(Path.Combine(folder.Root, "scripts")).FullName;
        foreach ((string tool, _, _) in s_tools)
            File.WriteAllText(Path.Combine(place, tool + ".bt"), ToolVerb.Script(tool, isForOlder: true));
        List<(CorpusCase Case, string? Wrong)> results = TraceGuest.Run(Environment.GetEnvironmentVariable("HACHI_GUEST") ?? "6.12", folder, tracer, 120 + 25 * cases.Count);
        List<string> wrong = [.. results.Where(result => result.Wrong is not null).Select(result => $"{result.Case.Name}: {result.Wrong}")];
        TestContext.Current.TestOutputHelper?.WriteLine($"{results.Count - wrong.Count} of {results.Count}");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }
}
