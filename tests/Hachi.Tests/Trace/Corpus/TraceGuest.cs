using System.Globalization;
using System.Text;
using Hachi.Tests.Guest;

namespace Hachi.Tests.Trace.Corpus;

/// <summary>A kernel under QEMU with a shell, the tools that cases use, and the tracer: what traces the whole machine, and what this kernel has no hooks for, runs there.</summary>
internal static class TraceGuest
{
    private const string Init = """
        #!/bin/bash
        export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/ LANG=C
        mkdir -p /proc /sys /dev /tmp /run /root /var/tmp
        mount -t proc proc /proc
        mount -t sysfs sysfs /sys
        mount -t devtmpfs devtmpfs /dev
        mount -t tmpfs tmpfs /tmp
        mount -t tracefs tracefs /sys/kernel/tracing
        mount -t bpf bpf /sys/fs/bpf
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        ip link set lo up
        bash /cases/driver.sh /cases /dev/ttyS1
        echo "@@END" >/dev/ttyS1
        sleep 1
        echo o >/proc/sysrq-trigger
        sleep 60
        """;

    // What the shell lines of cases call.
    private static readonly string[] s_tools =
    [
        "bash", "mount", "umount", "mkdir", "rm", "cat", "cp", "ls", "echo", "printf", "sleep", "grep", "sed", "awk", "wc", "head", "tail", "sort", "env", "true", "kill", "pgrep", "ip", "unshare", "stat", "setsid", "chmod",
        "sh", "bpftool", "nm", "dd", "find", "timeout", "date", "id", "touch", "setpriv", "ln", "mv", "seq", "tr", "cut", "sync", "mkfifo",
    ];

    /// <summary>Boots a kernel, runs the cases of a folder there, and gives what is wrong with each.</summary>
    /// <param name="series">Of which kernel: <c>6.12</c>.</param>
    /// <param name="folder">The cases.</param>
    /// <param name="tracer">The tracer, one static file.</param>
    /// <param name="patienceSeconds">After that the machine is ended.</param>
    /// <param name="peer">Debian's bpftrace, which is then <c>/usr/bin/bpftrace</c> there; null for none.</param>
    public static List<(CorpusCase Case, string? Wrong)> Run(string series, CaseFolder folder, string tracer, int patienceSeconds, string? peer = null)
    {
        Dictionary<int, (string Status, StringBuilder Output)> said = Read(Boot(series, folder.Root, tracer, patienceSeconds, peer));
        return folder.Judged(i => said.TryGetValue(i, out var row) ? row.Status : "did not run", i => said.TryGetValue(i, out var row) ? row.Output.ToString() : "");
    }

    private static string Boot(string series, string root, string tracer, int patienceSeconds, string? peer)
    {
        string qemu = Tools.Need("qemu-system-x86_64", "qemu-system-x86");
        GuestKernel kernel = GuestKernel.Need(series);
        string folder = Directory.CreateTempSubdirectory("hachi-guest-").FullName;
        try
        {
            string initrd = Path.Combine(folder, "initrd");
            Pack(initrd, kernel, root, tracer, peer);
            // A disk of the kind that these kernels have a driver for, built in: requests to it are traced.
            string disk = Path.Combine(folder, "disk");
            using (FileStream file = File.Create(disk))
                file.SetLength(8 << 20);
            ToolResult run = Tools.Run("timeout",
                [patienceSeconds.ToString(CultureInfo.InvariantCulture), qemu, "-accel", "tcg", "-M", "pc", "-cpu", "max", "-smp", "1", "-m", peer is null ? "640" : "1200", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                 "-serial", "file:" + Path.Combine(folder, "console"), "-serial", "stdio", "-drive", $"if=none,id=disk,format=raw,file={disk}", "-device", "nvme,drive=disk,serial=1", "-kernel", kernel.Image, "-initrd", initrd, "-append", "console=ttyS0 panic=-1 quiet no_timer_check"], timeoutSeconds: patienceSeconds + 30);
            if (Environment.GetEnvironmentVariable("HACHI_KEEP") is not null)
                File.WriteAllText(Path.Combine(root, "port"), run.Text);
            return run.Text.Length > 0 ? run.Text : throw new InvalidOperationException(run.Error + File.ReadAllText(Path.Combine(folder, "console")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Pack(string initrd, GuestKernel kernel, string root, string tracer, string? peer)
    {
        using var file = new FileStream(initrd, FileMode.CreateNew);
        var cpio = new CpioWriter(file);
        cpio.AddFile("init", Encoding.UTF8.GetBytes(Init.ReplaceLineEndings("\n")), isExecutable: true);
        var libraries = new HashSet<string>(StringComparer.Ordinal);
        foreach (string tool in s_tools)
        {
            if (Tools.Find(tool) is not string path)
                continue;
            cpio.AddFile("usr/bin/" + tool, File.ReadAllBytes(path), isExecutable: true);
            Libraries(path, libraries);
        }
        if (peer is not null)
        {
            cpio.AddFile("usr/bin/bpftrace", File.ReadAllBytes(peer), isExecutable: true);
            Libraries(peer, libraries);
        }
        // Scripts trace it.
        if (Tools.Run("/sbin/ldconfig", ["-p"]).Text.Split('\n').FirstOrDefault(line => line.Contains("libssl.so.", StringComparison.Ordinal) && line.Contains("x86-64", StringComparison.Ordinal)) is string known)
        {
            string library = known[(known.IndexOf("=> ", StringComparison.Ordinal) + 3)..].Trim();
            libraries.Add(library);
            Libraries(library, libraries);
        }
        cpio.AddFile("bin/bash", File.ReadAllBytes(Tools.Need("bash")), isExecutable: true);
        cpio.AddFile("bin/sh", File.ReadAllBytes(Tools.Need("bash")), isExecutable: true);
        cpio.AddFile($"boot/config-{kernel.Release}", File.ReadAllBytes(kernel.Configuration));
        cpio.AddFile("etc/passwd", "root:x:0:0:root:/:/bin/sh\n"u8);
        foreach (string program in Directory.EnumerateFiles(Path.Combine(root, "testprogs")).Concat(Directory.EnumerateFiles(Path.Combine(root, "testlibs"))))
            Libraries(program, libraries);
        foreach (string library in libraries)
            cpio.AddFile(library.TrimStart('/'), File.ReadAllBytes(library), isExecutable: true);
        foreach (string path in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            cpio.AddFile("cases/" + Path.GetRelativePath(root, path), File.ReadAllBytes(path), isExecutable: path.Contains("/bin/", StringComparison.Ordinal) || path.Contains("/testprogs/", StringComparison.Ordinal));
        cpio.AddFile("cases/bin/bpftrace", File.ReadAllBytes(tracer), isExecutable: true);
        cpio.Finish();
    }

    // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`
    private static void Libraries(string program, HashSet<string> libraries)
    {
        foreach (string line in Tools.Run("ldd", [program]).Text.Split('\n'))
            foreach (string word in line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                if (word.StartsWith('/') && File.Exists(word))
                    libraries.Add(word);
    }

    // "@@CASE cases/012 0 1700" (status, milliseconds), its output behind "@@OUT ".
    private static Dictionary<int, (string Status, StringBuilder Output)> Read(string port)
    {
        var said = new Dictionary<int, (string Status, StringBuilder Output)>();
        StringBuilder? output = null;
        foreach (string line in port.Split('\n').Select(line => line.TrimEnd('\r')))
            if (line.StartsWith("@@CASE cases/", StringComparison.Ordinal) && line.Split(' ') is [_, var name, var status, ..] && int.TryParse(name.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
                said[number] = (status, output = new StringBuilder());
            else if (line.StartsWith("@@OUT ", StringComparison.Ordinal))
                output?.Append(line.AsSpan(6)).Append('\n');
        return said;
    }
}
