namespace Hachi.Tests.Trace.Corpus;

/// <summary>The scripts of Debian's package bpftrace, as they are, in a kernel of Debian's: every one is loaded, and those that something can be made to happen for see it.</summary>
public sealed class DebianGuestTests
{
    // Ask for what 6.12 does not have: members, symbols, libraries that the guest lacks.
    private static readonly Dictionary<string, string> s_refused = new(StringComparer.Ordinal)
    {
        ["runqlen.bt"] = "asks for a member that struct cfs_rq had in older kernels",
        ["sslsnoop.bt"] = "the guest has no libssl",
        ["ssllatency.bt"] = "the guest has no libssl",
        ["bashreadline.bt"] = "bash is stripped of readline here",
        ["gethostlatency.bt"] = "getaddrinfo's library is not there as the script names it",
        ["xfsdist.bt"] = "xfs is a module that is not loaded",
        ["biosnoop.bt"] = "asks for functions that 6.12 does not have",
        ["biolatency.bt"] = "asks for functions that 6.12 does not have",
        ["biostacks.bt"] = "asks for functions that 6.12 does not have",
        ["mdflush.bt"] = "md is a module that is not loaded",
        ["tcpdrop.bt"] = "asks for a symbol that 6.12 does not export",
    };

    // A script, what is done while it runs, and what it then must have printed.
    private static readonly (string Script, string Workload, string Pattern)[] s_driven =
    [
        ("execsnoop.bt", "./testprogs/true zztop", @"^\d+ +\d+ +\./testprogs/true zztop$"),
        ("opensnoop.bt", "cat /etc/passwd", @"^\d+ +cat +\d+ +0 /etc/passwd$"),
        ("killsnoop.bt", "sleep 5 & kill -USR1 $!", @"^\d\d:\d\d:\d\d +\d+ +\S+ +10 +\d+ +0$"),
        ("syscount.bt", "./testprogs/syscall read", @"Top 10 syscalls IDs:[\s\S]*@syscall\[\d+\]: \d+[\s\S]*Top 10 processes:\n@process\["),
        ("vfscount.bt", "./testprogs/syscall read", @"@\[vfs_read\]: \d+"),
        ("vfsstat.bt", "./testprogs/syscall read; sleep 1; ./testprogs/syscall read", @"@\[vfs_read\]: \d+"),
        ("pidpersec.bt", "for i in 1 2 3 4 5 6; do ./testprogs/true; sleep 0.3; done", @"PIDs/sec: @: [1-9]"),
        ("naptime.bt", "./testprogs/syscall nanosleep 1e8", @"syscall +0\.100$"),
        ("capable.bt", "unshare -n ./testprogs/true", @"CAP_SYS_ADMIN"),
        ("tcpconnect.bt", "./testprogs/syscall connect 127.0.0.1 9", @"^\d\d:\d\d:\d\d +\d+ +syscall +127\.0\.0\.1 +\d+ +127\.0\.0\.1 +9"),
        ("cpuwalk.bt", "./testprogs/work_loop", @"@cpu: \n\[0, 1\) +\d+ \|@"),
        ("runqlat.bt", "for i in 1 2 3 4 5; do ./testprogs/true; done", @"@usecs: \n[\[(]"),
        ("dcsnoop.bt", "cat /no/such/file", @"\d+ +\d+ +cat"),
        ("setuids.bt", "setpriv --reuid 1 ./testprogs/true", @"setresuid|setuid"),
        ("statsnoop.bt", "stat /etc/passwd", @"stat +0 /etc/passwd"),
        ("syncsnoop.bt", "sync", @"sync +tracepoint:syscalls:sys_enter_sync"),
        ("tcplife.bt", "./testprogs/syscall connect 127.0.0.1 9", @"syscall +127\.0\.0\.1"),
        ("writeback.bt", "sleep 1", "Tracing writeback"),
        ("loads.bt", "sleep 2", @"load averages: \d+\.\d+"),
        ("threadsnoop.bt", "./testprogs/multi_threads", "TIME"),
    ];

    [Fact]
    public void They_load()
    {
        List<(string Name, string Text)> scripts = [.. TraceCorpus.DebianScripts()];
        Assert.SkipWhen(scripts.Count == 0, "needs the scripts of Debian's package bpftrace");
        List<(CorpusCase Case, string? Wrong)> results = Run(scripts, scripts.ConvertAll(script => Case(script.Name, "--check", null, ": loaded, not attached$")));
        List<string> wrong = [.. results.Where(result => result.Wrong is not null && !s_refused.ContainsKey(result.Case.Name)).Select(result => $"{result.Case.Name}: {result.Wrong}")];
        TestContext.Current.TestOutputHelper?.WriteLine($"{results.Count(result => result.Wrong is null)} of {results.Count} load");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void They_see_what_happens()
    {
        List<(string Name, string Text)> scripts = [.. TraceCorpus.DebianScripts()];
        Assert.SkipWhen(scripts.Count == 0, "needs the scripts of Debian's package bpftrace");
        List<(CorpusCase Case, string? Wrong)> results = Run(scripts, [.. s_driven.Where(row => scripts.Exists(script => script.Name == row.Script)).Select(row => Case(row.Script, "", row.Workload, row.Pattern))]);
        List<string> wrong = [.. results.Where(result => result.Wrong is not null).Select(result => $"{result.Case.Name}: {result.Wrong}")];
        TestContext.Current.TestOutputHelper?.WriteLine($"{results.Count - wrong.Count} of {results.Count}");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static CorpusCase Case(string script, string option, string? workload, string pattern) => new(script, 'K',
    [
        ("RUN", $"{{{{BPFTRACE}}}} {option} scripts/{script}"), ("TIMEOUT", "3"), ("EXPECT_REGEX", pattern), .. workload is null ? Array.Empty<(string, string)>() : [("AFTER", workload)],
    ]);

    private static List<(CorpusCase Case, string? Wrong)> Run(List<(string Name, string Text)> scripts, List<CorpusCase> cases)
    {
        Assert.SkipUnless(Volume.IsFull, "boots kernels for minutes: ./test trace --volume");
        string tracer = CorpusRunTests.NeedNative();
        using var folder = new CaseFolder(cases);
        string place = Directory.CreateDirectory(Path.Combine(folder.Root, "scripts")).FullName;
        foreach ((string name, string text) in scripts)
            File.WriteAllText(Path.Combine(place, name), text);
        return TraceGuest.Run(Environment.GetEnvironmentVariable("HACHI_GUEST") ?? "6.12", folder, tracer, 120 + 25 * cases.Count);
    }
}
