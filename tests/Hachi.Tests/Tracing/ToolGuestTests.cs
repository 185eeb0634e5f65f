using Hachi.Cli.Verbs;
using Hachi.Tests.Trace.Corpus;

namespace Hachi.Tests.Tracing;

/// <summary>The tools that look at the whole machine, and those that need hooks which not every host has, in a test kernel: each with what it must have said.</summary>
public sealed class ToolGuestTests
{
    private const string Disk = "dd if=/dev/zero of=/tmp/disk bs=1M count=4 2>/dev/null; dd if=/tmp/disk of=/dev/ram0 bs=64k oflag=direct 2>/dev/null || dd if=/tmp/disk of=/dev/sda bs=64k count=16 oflag=direct 2>/dev/null";

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
        ("tcplife", "./testprogs/syscall connect 127.0.0.1 9", @"\d+ +syscall +127\.0\.0\.1 +\d+ +127\.0\.0\.1 +9 "),
        ("udpconnect", "./testprogs/syscall connect 127.0.0.1 9", @"\d+ +syscall +connect +\d+ +127\.0\.0\.1 +9"),
        ("runqlat", "for i in 1 2 3 4 5; do ./testprogs/true; done", @"@usecs: \n[\[(]"),
        ("cpudist", "for i in 1 2 3 4 5; do ./testprogs/true; done", @"@usecs\[true\]: \n[\[(]"),
        ("runqlen", "./testprogs/work_loop", @"@waiting\[0\]: \n\[\d+, \d+\)"),
        ("profile", "./testprogs/work_loop", @"work_loop\]: \d+"),
        ("biolatency", Disk, @"(?s)\A(?!.*ERROR)"),
        ("biosnoop", Disk, @"PID +COMM +WHAT"),
        ("biotop", Disk, @"\d\d:\d\d:\d\d\n"),
        ("tcpaccept", "./testprogs/syscall connect 127.0.0.1 9", @"TIME\(ms\) +LOCAL"),
        ("tcpretrans", "ip link add d0 type dummy; ip addr add 10.9.9.1/24 dev d0; ip link set d0 up; ./testprogs/syscall connect 10.9.9.2 9 & sleep 3", @"10\.9\.9\.1 +\d+ +10\.9\.9\.2 +9 "),
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
