namespace Hachi.Linux.Kernel;

/// <summary>The processors of this machine, as per-CPU maps and perf buffers count them.</summary>
public static class Processors
{
    private static readonly Lazy<int> s_possible = new(() => Highest("/sys/devices/system/cpu/possible") + 1);
    private static readonly Lazy<int[]> s_online = new(() => [.. List("/sys/devices/system/cpu/online")]);

    /// <summary>How many there may ever be: the number of values that a per-CPU map keeps for a key.</summary>
    public static int Possible => s_possible.Value;

    /// <summary>The numbers of those that run.</summary>
    public static IReadOnlyList<int> Online => s_online.Value;

    private static int Highest(string path) => List(path).DefaultIfEmpty(Environment.ProcessorCount - 1).Max();

    // "0-3,8": ranges and numbers.
    private static IEnumerable<int> List(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path).Trim();
        }
        catch (IOException)
        {
            return Enumerable.Range(0, Environment.ProcessorCount);
        }
        var cpus = new List<int>();
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-');
            if (int.TryParse(ends[0], out int first) && int.TryParse(ends[^1], out int last) && last < 1 << 16)
                for (int cpu = first; cpu <= last; cpu++)
                    cpus.Add(cpu);
        }
        return cpus;
    }
}
