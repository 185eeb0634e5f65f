using System.Runtime.InteropServices;
using static Hachi.Guest.Calls;

namespace Hachi.Guest;

/// <summary>Process 1 of a test kernel: the file systems, the modules, the checks, power off. The second serial port carries what is said; the console is the kernel's.</summary>
internal static unsafe class Init
{
    /// <summary>The port that the host listens to.</summary>
    private const string Port = "/dev/ttyS1";

    public static int Run()
    {
        string last = "GUEST\tmounts";
        try
        {
            MountAll();
            using var port = new StreamWriter(new FileStream(Port, FileMode.Open, FileAccess.Write)) { AutoFlush = true, NewLine = "\n" };
            port.WriteLine($"GUEST\tkernel\t{Environment.OSVersion.Version}\t{File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}");
            foreach (string complaint in LoadModules("/modules"))
                port.WriteLine($"GUEST\tmodule\t{complaint}");
            string[] names = (Environment.GetEnvironmentVariable("HACHI_CHECKS") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries);
            bool isGood = CheckRunner.Run(names, port, isGuest: true);
            last = $"GUEST\tend\t{(isGood ? 0 : 1)}";
            port.WriteLine(last);
        }
        catch (Exception e)
        {
            Console.Error.WriteLine($"agent: after '{last}': {e}");
        }
        PowerOff();
        return 1;
    }

    private static void MountAll()
    {
        (string Type, string Place)[] places =
        [
            ("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/tmp"), ("tmpfs", "/run"), ("tracefs", "/sys/kernel/tracing"), ("bpf", "/sys/fs/bpf"),
            ("cgroup2", "/sys/fs/cgroup"), ("securityfs", "/sys/kernel/security"),
        ];
        foreach ((string type, string place) in places)
        {
            Directory.CreateDirectory(place);
            // securityfs and tracefs may be missing; what needs them says so.
            if (Mount(type, place, type, 0, null) != 0 && type is "proc" or "devtmpfs")
                throw new IOException($"mount {type}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Loads every module there, in an order that works: those that fail are tried again as long as others succeed. Gives what stays.</summary>
    private static List<string> LoadModules(string folder)
    {
        var complaints = new List<string>();
        if (!Directory.Exists(folder))
            return complaints;
        List<string> left = [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal)];
        while (left.Count > 0)
        {
            complaints.Clear();
            List<string> again = left.FindAll(file =>
            {
                using var stream = new FileStream(file, FileMode.Open, FileAccess.Read);
                const int Compressed = 4, Exists = 17;
                if (FinitModule((int)stream.SafeFileHandle.DangerousGetHandle(), "", file.EndsWith(".ko", StringComparison.Ordinal) ? 0 : Compressed) == 0 || Marshal.GetLastPInvokeError() == Exists)
                    return false;
                complaints.Add($"{Path.GetFileName(file)}: {Marshal.GetLastPInvokeErrorMessage()}");
                return true;
            });
            if (again.Count == left.Count)
                return complaints;
            left = again;
        }
        return [];
    }
}
