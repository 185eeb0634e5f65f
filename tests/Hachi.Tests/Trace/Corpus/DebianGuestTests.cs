namespace Hachi.Tests.Trace.Corpus;

/// <summary>The scripts of Debian's package bpftrace, as they are, in a kernel of Debian's: every one is loaded, and those that something can be made to happen for see it.</summary>
public sealed class DebianGuestTests
{
    // What neither kernel has, and what one of them has not: the reason stands where a script is not loaded.
    private const string Modules = "a module that is not loaded", Renamed = "functions that this kernel does not have, or has made part of others", Stripped = "functions that the library here does not name";

    private static readonly Dictionary<string, string> s_refused = new(StringComparer.Ordinal)
    {
        ["6.12 biolatency.bt"] = Renamed,
        ["6.12 biosnoop.bt"] = Renamed,
        ["6.12 biostacks.bt"] = Renamed,
        ["6.12 swapin.bt"] = Renamed,
        ["6.1 biolatency.bt"] = Renamed,
        ["6.1 biosnoop.bt"] = Renamed,
        ["6.1 biostacks.bt"] = Renamed,
        ["6.12 ssllatency.bt"] = Stripped,
        ["6.12 sslsnoop.bt"] = Stripped,
        ["6.1 ssllatency.bt"] = Stripped,
        ["6.1 sslsnoop.bt"] = Stripped,
        ["6.12 xfsdist.bt"] = Modules,
        ["6.12 mdflush.bt"] = Modules,
        ["6.1 xfsdist.bt"] = Modules,
        ["6.1 mdflush.bt"] = Modules,
        ["6.12 threadsnoop.bt"] = "libpthread has been part of libc since glibc 2.34",
        ["6.1 threadsnoop.bt"] = "libpthread has been part of libc since glibc 2.34",
    };

    // What bpftrace 0.17 itself does not print there.
    private static readonly Dictionary<string, string> s_notByPeer = new(StringComparer.Ordinal)
    {
        ["tcpconnect.bt"] = Headers,
        ["runqlat.bt"] = Headers,
        ["tcplife.bt"] = Headers,
        ["vfsstat.bt"] = "bpftrace 0.17 cannot attach kprobe:vfs_write* there: one of the functions must not be probed",
    };

    private const string Headers = "bpftrace 0.17 wants the headers of the kernel and of the C library";

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
    ];

    [Theory]
    [InlineData("6.12")]
    [InlineData("6.1")]
    public void They_load(string series)
    {
        List<(string Name, string Text)> scripts = NeedScripts();
        List<(CorpusCase Case, string? Wrong)> results = Run(series, scripts, scripts.ConvertAll(script => Case(script.Name, "{{BPFTRACE}} --check", null, ": loaded, not attached$")), null);
        List<string> wrong = [.. results.Where(result => result.Wrong is not null && !s_refused.ContainsKey($"{series} {result.Case.Name}")).Select(result => $"{result.Case.Name}: {result.Wrong}")];
        List<string> gone = [.. results.Where(result => result.Wrong is null && s_refused.ContainsKey($"{series} {result.Case.Name}")).Select(result => result.Case.Name)];
        TestContext.Current.TestOutputHelper?.WriteLine($"{results.Count(result => result.Wrong is null)} of {results.Count} load in {series}");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(gone.Count == 0, "these load now: " + string.Join(", ", gone));
    }

    /// <summary>Each prints what it should, and so does Debian's bpftrace with the same script, workload and kernel.</summary>
    [Fact]
    public void They_see_what_bpftrace_sees()
    {
        List<(string Name, string Text)> scripts = NeedScripts();
        string? peer = Tools.Find("bpftrace");
        var cases = new List<CorpusCase>();
        foreach ((string name, string workload, string pattern) in s_driven.Where(row => scripts.Exists(script => script.Name == row.Script)))
        {
            cases.Add(Case(name, "{{BPFTRACE}}", workload, pattern));
            if (peer is not null)
                cases.Add(Case(name, "/usr/bin/bpftrace", workload, pattern) with { Name = name + PeerMark });
        }
        List<(CorpusCase Case, string? Wrong)> results = Run(Series, scripts, cases, peer);
        List<string> wrong = [.. results.Where(result => result.Wrong is not null && !(IsPeer(result.Case) && s_notByPeer.ContainsKey(result.Case.Name[..^PeerMark.Length])))
            .Select(result => $"{result.Case.Name}: {result.Wrong}")];
        TestContext.Current.TestOutputHelper?.WriteLine($"{results.Count(result => !IsPeer(result.Case) && result.Wrong is null)} of {results.Count(result => !IsPeer(result.Case))}; bpftrace {results.Count(result => IsPeer(result.Case) && result.Wrong is null)}");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private const string PeerMark = " by bpftrace";

    private static string Series => Environment.GetEnvironmentVariable("HACHI_GUEST") ?? "6.12";

    private static bool IsPeer(CorpusCase row) => row.Name.EndsWith(PeerMark, StringComparison.Ordinal);

    private static List<(string Name, string Text)> NeedScripts()
    {
        Assert.SkipUnless(Volume.IsFull, "boots kernels for minutes: ./test trace --volume");
        List<(string Name, string Text)> scripts = [.. TraceCorpus.DebianScripts()];
        Assert.SkipWhen(scripts.Count == 0, "needs the scripts of Debian's package bpftrace");
        return scripts;
    }

    private static CorpusCase Case(string script, string tracer, string? workload, string pattern) => new(script, 'K',
    [
        ("RUN", $"{tracer} scripts/{script}"), ("TIMEOUT", "3"), ("EXPECT_REGEX", pattern), .. workload is null ? Array.Empty<(string, string)>() : [("AFTER", workload)],
    ]);

    private static List<(CorpusCase Case, string? Wrong)> Run(string series, List<(string Name, string Text)> scripts, List<CorpusCase> cases, string? peer)
    {
        string tracer = CorpusRunTests.NeedNative();
        using var folder = new CaseFolder(cases);
        string place = Directory.CreateDirectory(Path.Combine(folder.Root, "scripts")).FullName;
        foreach ((string name, string text) in scripts)
            File.WriteAllText(Path.Combine(place, name), text);
        return TraceGuest.Run(series, folder, tracer, 120 + (peer is null ? 40 : 75) * cases.Count, peer);
    }
}
