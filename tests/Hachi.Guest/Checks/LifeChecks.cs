using System.Diagnostics;
using Hachi.Linux;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>What is attached goes when it is let go, and when its process dies.</summary>
internal static class LifeChecks
{
    private const string Life = "Clean-up";

    // As many as an ordinary test run has the time for; HACHI_CYCLES asks for more.
    private const int Few = 10;

    // A program goes after a grace period of the kernel's, at the latest when its last run has ended.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private static readonly (string Section, bool IsGuestOnly, Func<Program, Link> Attach)[] s_places =
    [
        ("tracepoint", false, program => program.AttachTracepoint("raw_syscalls", "sys_enter")),
        ("raw_tp", false, program => program.AttachRawTracepoint("sys_enter")),
        ("tp_btf/sys_enter", false, program => program.AttachTracing()),
        ("perf_event", false, program => program.AttachPerfEvent(PerfEventSpec.Sampling(TimeSpan.FromMilliseconds(1)))),
        ("tc", false, program => program.AttachTc(1, TcDirection.Ingress)),
        ("xdp", false, program => program.AttachXdp(1, XdpMode.Generic)),
        ("sk_lookup", false, program => program.AttachNetns()),
        ("iter/task", false, program => program.AttachIterator()),
        ("kprobe", true, program => program.AttachKprobe("__x64_sys_getpgid")),
        ("fentry/__x64_sys_getpgid", true, program => program.AttachTracing()),
        ("lsm/inode_mkdir", true, program => program.AttachTracing()),
    ];

    public static IEnumerable<Check> All =>
    [
        new("cycles", Life, "attached and detached, again and again", "no descriptor and no program left", Cycles),
        new("killed", Life, "SIGKILL of the process that attached", "no link left", Killed),
        new("killed-at-work", Life, "SIGKILL of a process that attaches and detaches all the time", "no program left", KilledAtWork),
    ];

    private static int Count => int.TryParse(Environment.GetEnvironmentVariable("HACHI_CYCLES"), out int asked) ? asked : Few;

    private static void Cycles(Lab lab)
    {
        NetworkLab.Enter();
        foreach ((string section, bool isGuestOnly, Func<Program, Link> attach) in s_places)
        {
            if (isGuestOnly && !lab.IsGuest)
                continue;
            int descriptors = Descriptors();
            uint id;
            using (Witness witness = NetworkChecks.Verdict(section, 0))
            {
                id = witness.Program.Id;
                for (int i = 0; i < Count; i++)
                    attach(witness.Program).Dispose();
            }
            Same(descriptors, Descriptors(), $"{section}: descriptors");
            Wait(() => IsGone(() => Program.Open(id)), $"{section}: program {id} stays");
        }
    }

    private static void Killed(Lab lab)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["hold", lab.IsGuest ? "all" : "own"]) { RedirectStandardOutput = true };
        using Process child = Process.Start(start)!;
        try
        {
            string line = child.StandardOutput.ReadLine() ?? throw new CheckException("the process that should hold links said nothing");
            uint[] ids = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(uint.Parse)];
            That(ids.Length >= 6, $"only these links: {line}");
            foreach (uint id in ids)
                That(!IsGone(() => BpfLink.Open(id)), $"link {id} is not there");
            child.Kill();
            child.WaitForExit();
            foreach (uint id in ids)
                Wait(() => IsGone(() => BpfLink.Open(id)), $"link {id} stays");
        }
        finally
        {
            child.Kill();
        }
    }

    // Wherever it is struck: loading, attaching, detaching. What is attached without a link would stay, which is why the places here have one.
    private static void KilledAtWork(Lab lab)
    {
        const int Rounds = 3, Seen = 12;
        for (int round = 0; round < Rounds; round++)
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!, ["churn", lab.IsGuest ? "all" : "own"]) { RedirectStandardOutput = true };
            using Process child = Process.Start(start)!;
            var ids = new List<uint>();
            try
            {
                while (ids.Count < Seen + round * 5)
                    ids.Add(uint.Parse(child.StandardOutput.ReadLine() ?? throw new CheckException("the process that should attach said nothing"), null));
            }
            finally
            {
                child.Kill();
            }
            string rest = child.StandardOutput.ReadToEnd();
            child.WaitForExit();
            // The last line may have been cut.
            ids.AddRange(rest.Split('\n')[..^1].Select(line => uint.Parse(line, null)));
            foreach (uint id in ids)
                Wait(() => IsGone(() => Program.Open(id)), $"program {id} stays");
        }
    }

    /// <summary>Loads, attaches and detaches for ever, and tells the number of each program as soon as it is there.</summary>
    public static void Churn(bool isGuest)
    {
        NetworkLab.Enter();
        while (true)
            foreach ((string section, bool isGuestOnly, Func<Program, Link> attach) in s_places)
            {
                if (isGuestOnly && !isGuest)
                    continue;
                using Witness witness = NetworkChecks.Verdict(section, 0);
                Console.WriteLine(witness.Program.Id);
                Console.Out.Flush();
                attach(witness.Program).Dispose();
            }
    }

    /// <summary>Attaches to everything that makes links, tells their numbers, and waits to be killed.</summary>
    public static void Hold(bool isGuest)
    {
        NetworkLab.Enter();
        List<Link> links = [];
        foreach ((string section, bool isGuestOnly, Func<Program, Link> attach) in s_places)
            if (isGuest || !isGuestOnly)
                links.Add(attach(NetworkChecks.Verdict(section, 0).Program));
        Console.WriteLine(string.Join(' ', links.SelectMany(link => link is LinkGroup group ? group.Links : [link]).OfType<BpfLink>().Select(link => link.Id)));
        Thread.Sleep(Timeout.Infinite);
        GC.KeepAlive(links);
    }

    private static int Descriptors() => Directory.GetFiles("/proc/self/fd").Length;

    private static bool IsGone(Func<IDisposable> open)
    {
        try
        {
            open().Dispose();
            return false;
        }
        catch (BpfException e) when (e.Errno == (int)Uapi.ErrorNumber.ENOENT)
        {
            return true;
        }
    }

    private static void Wait(Func<bool> holds, string words)
    {
        var clock = Stopwatch.StartNew();
        while (!holds())
        {
            That(clock.Elapsed < s_patience, words);
            Thread.Sleep(10);
        }
    }
}
