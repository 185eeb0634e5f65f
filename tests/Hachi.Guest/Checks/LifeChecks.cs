using System.Diagnostics;
using Hachi.Linux;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Linux.Sandbox;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>What is attached goes when it is let go, and when its process dies.</summary>
internal static class LifeChecks
{
    private const string Life = "Clean-up";

    // KiB: a program and its map are some eight pages, which two hundred cycles would make several thousand.
    private const long KernelMemoryMax = 1024;

    // A program goes after a grace period of the kernel's, at the latest when its last run has ended.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    // Those that go through perf or the kernel's trampolines are what HACHI_CYCLES is about; the others are done by the thousand on the host (AttachCycleTests).
    private static readonly string[] s_costly = ["tracepoint", "perf_event", "kprobe", "fentry", "lsm"];

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
        new("cycles", Life, "attached and detached, again and again", "no descriptor, program, link or memory left", Cycles) { PatienceSeconds = 20 + 4 * Lab.Cycles },
        new("killed", Life, "SIGKILL of the process that attached", "no link left", Killed),
        new("killed-at-work", Life, "SIGKILL of a process that attaches and detaches all the time", "no program left", KilledAtWork),
        new("drop", Life, "root gives its capabilities up", "no thread has one left, those started later neither", Dropped),
    ];

    private static void Cycles(Lab lab)
    {
        NetworkLab.Enter();
        foreach ((string section, bool isGuestOnly, Func<Program, Link> attach) in s_places)
        {
            if (isGuestOnly && !lab.IsGuest)
                continue;
            string kind = section.Split('/')[0];
            int count = s_costly.Contains(kind) ? Lab.Cycles : Math.Min(Lab.Cycles, Lab.FewCycles);
            // The first leaves what stays for good: tables of the runtime, types of the kernel, the queueing discipline of tc.
            Cycle(section, attach);
            (int descriptors, int links, long memory) = (Descriptors(), BpfLink.AllIds().Count(), KernelMemory());
            var clock = Stopwatch.StartNew();
            uint last = 0;
            for (int i = 0; i < count; i++)
                last = Cycle(section, attach);
            lab.Figures += $"{(lab.Figures.Length > 0 ? ", " : "")}{kind} {count} in {clock.ElapsedMilliseconds} ms";
            Same(descriptors, Descriptors(), $"{section}: descriptors");
            Wait(() => IsGone(() => Program.Open(last)), $"{section}: program {last} stays");
            // On the host others attach and detach meanwhile.
            if (lab.IsGuest)
            {
                Wait(() => BpfLink.AllIds().Count() <= links, $"{section}: links stay");
                Wait(() => KernelMemory() - memory < KernelMemoryMax, $"{section}: {KernelMemory() - memory} KiB of the kernel's memory stay");
            }
        }
    }

    // Loads, attaches, lets both go.
    private static uint Cycle(string section, Func<Program, Link> attach)
    {
        using Witness witness = NetworkChecks.Verdict(section, 0);
        attach(witness.Program).Dispose();
        return witness.Program.Id;
    }

    /// <summary>KiB that the kernel has taken for itself and would not give back: what programs, maps, links and probes are made of.</summary>
    private static long KernelMemory() => File.ReadLines("/proc/meminfo").Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words is ["SUnreclaim:" or "Percpu:" or "VmallocUsed:" or "PageTables:", ..]).Sum(words => long.Parse(words[1], null));

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

    private static void Dropped(Lab lab)
    {
        using Process child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["drop"]) { RedirectStandardOutput = true })!;
        string said = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        string[] counts = said.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        That(counts is [_, _] && int.Parse(counts[0], null) > 0, $"no capabilities to begin with: {said}");
        Same("0", counts[1], "threads with capabilities");
    }

    /// <summary>Gives up every capability, starts a thread, and tells how many threads had any before and have any then.</summary>
    public static void Drop()
    {
        int before = Privileges.ThreadsWithCapabilities().Count, after = -1;
        Privileges.Drop();
        var later = new Thread(() => after = Privileges.ThreadsWithCapabilities().Count);
        later.Start();
        later.Join();
        Console.WriteLine($"{before} {after}");
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
