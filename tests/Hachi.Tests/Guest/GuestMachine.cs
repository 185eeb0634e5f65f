using System.Diagnostics;
using System.Text;
using Hachi.Guest;

namespace Hachi.Tests.Guest;

/// <summary>What a run of the agent said.</summary>
/// <param name="Version">The kernel's, as it names itself.</param>
/// <param name="Results">The checks that reported.</param>
/// <param name="Console">Everything else that was said: what to read when a check is missing.</param>
internal sealed record GuestReport(string Version, IReadOnlyList<CheckResult> Results, string Console)
{
    /// <summary>How long it took, from the start of the kernel on.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>Where the time went, on one line.</summary>
    public string Times => string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"{Version}: {Elapsed.TotalSeconds:F1} s, {Results.Count} checks {Results.Sum(result => result.Milliseconds) / 1000.0:F1} s; longest: {string.Join(", ", Results.OrderByDescending(result => result.Milliseconds).Take(6).Select(result => $"{result.Name} {result.Milliseconds} ms"))}");

    /// <summary>Reads what came over the port.</summary>
    public static GuestReport Read(string said, string console)
    {
        var results = new List<CheckResult>();
        var rest = new StringBuilder(console);
        string version = "";
        foreach (string line in said.Split('\n'))
        {
            if (CheckResult.TryParse(line) is CheckResult result)
                results.Add(result);
            else if (line.Split('\t') is ["GUEST", "kernel", _, string release])
                version = release.Trim();
            else
                rest.AppendLine(line.TrimEnd());
        }
        return new GuestReport(version, results, rest.ToString());
    }
}

/// <summary>Runs the agent: in a kernel under QEMU, by software emulation (no /dev/kvm is needed), or here.</summary>
internal static class GuestMachine
{
    // A quiet machine takes three seconds to start one, a loaded one a dozen.
    private static readonly int s_patienceSeconds = Volume.Of(1500, 240);

    // How often each kind of place is attached to and left: the issue's count goes through perf.
    private static readonly string s_cycles = Volume.Of(200, 10).ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Boots a kernel whose only program is the agent, and gives what it reported.</summary>
    /// <param name="series">Of which kernel: <c>6.12</c>.</param>
    /// <param name="names">The checks to do; none: all of them.</param>
    public static GuestReport Boot(string series, params string[] names)
    {
        if (!OperatingSystem.IsLinux() || System.Runtime.InteropServices.RuntimeInformation.OSArchitecture != System.Runtime.InteropServices.Architecture.X64)
            Assert.Skip("needs Linux on x86_64");
        string qemu = Tools.Need("qemu-system-x86_64", "qemu-system-x86");
        GuestKernel kernel = GuestKernel.Need(series);
        string agent = GuestAgent.Need();
        string folder = Directory.CreateTempSubdirectory("hachi-guest-").FullName;
        try
        {
            string initrd = Path.Combine(folder, "initrd");
            Pack(initrd, kernel, agent, GuestObjects.Need());
            string console = Path.Combine(folder, "console");
            var clock = Stopwatch.StartNew();
            // (no_timer_check: on a busy machine the emulated timer is late, and the kernel would take it for broken.)
            ToolResult run = Tools.Run(qemu,
                ["-accel", "tcg", "-M", "pc", "-cpu", "max", "-smp", "1", "-m", "512", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                 "-serial", "file:" + console, "-serial", "stdio", "-kernel", kernel.Image, "-initrd", initrd,
                 "-append", $"console=ttyS0 panic=-1 quiet no_timer_check HACHI_CHECKS={string.Join(',', names)} HACHI_CYCLES={s_cycles}"], timeoutSeconds: s_patienceSeconds);
            return GuestReport.Read(run.Text, $"{run.Error}\n{(File.Exists(console) ? File.ReadAllText(console) : "")}\n") with { Elapsed = clock.Elapsed };
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Runs the agent in the kernel that is here. Needs root.</summary>
    public static GuestReport RunHere(params string[] names)
    {
        Tools.NeedRoot();
        string agent = GuestAgent.Need(), folder = Directory.CreateTempSubdirectory("hachi-objects-").FullName;
        try
        {
            foreach ((string name, byte[] bytes) in GuestObjects.Need())
            {
                File.WriteAllBytes(Path.Combine(folder, name), bytes);
                if (Path.GetExtension(name).Length == 0)
                    File.SetUnixFileMode(Path.Combine(folder, name), UnixFileMode.UserRead | UnixFileMode.UserExecute);
            }
            var clock = Stopwatch.StartNew();
            ToolResult run = Tools.Run(agent, ["run", .. names], timeoutSeconds: s_patienceSeconds, environment: new Dictionary<string, string?> { ["HACHI_OBJECTS"] = folder, ["HACHI_CYCLES"] = s_cycles });
            return GuestReport.Read(run.Text, run.Error) with { Version = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(), Elapsed = clock.Elapsed };
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Pack(string initrd, GuestKernel kernel, string agent, IReadOnlyDictionary<string, byte[]> objects)
    {
        using var file = new FileStream(initrd, FileMode.CreateNew);
        var cpio = new CpioWriter(file);
        cpio.AddFile("init", File.ReadAllBytes(agent), isExecutable: true);
        cpio.AddFile($"boot/config-{kernel.Release}", File.ReadAllBytes(kernel.Configuration));
        foreach (string module in kernel.Modules)
            cpio.AddFile("modules/" + Path.GetFileName(module), File.ReadAllBytes(module));
        foreach ((string name, byte[] bytes) in objects)
            cpio.AddFile("objects/" + name, bytes, isExecutable: Path.GetExtension(name).Length == 0);
        cpio.Finish();
    }
}
