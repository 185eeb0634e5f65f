using Hachi.Linux.Kernel;
using Hachi.Uapi;

namespace Hachi.Guest;

/// <summary>One observation of a running kernel: something is loaded or attached through Hachi.Linux, and its effect is seen.</summary>
/// <param name="Name">For the command line and the report: lower case, words joined by <c>-</c>.</param>
/// <param name="Area">Heading of the table that it stands in.</param>
/// <param name="Point">The attach point (or the feature), as the table names it.</param>
/// <param name="Effect">What is observed: "packet dropped", "value returned".</param>
/// <param name="Run">Makes the observation; whatever it throws is its failure.</param>
internal sealed record Check(string Name, string Area, string Point, string Effect, Action<Lab> Run)
{
    /// <summary>What it needs of the kernel: rows of <c>eng/uapi/features.txt</c> (<c>attach trace_kprobe_multi</c>). A kernel without one must refuse, in words that say so.</summary>
    public string[] Features { get; init; } = [];

    /// <summary>Whether it touches the whole machine, so that it belongs into a kernel of its own and is not done on the host.</summary>
    public bool IsGuestOnly { get; init; }

    /// <summary>How long it may take on a busy machine.</summary>
    public int PatienceSeconds { get; init; } = 20;

    /// <summary>What the running kernel lacks for it, as a refusal has to say it: <c>since Linux 6.6</c>, or the option that it was built without; null for nothing.</summary>
    public string? Lacking
    {
        get
        {
            foreach (KernelFeature feature in Features.Select(row => KernelFeatures.Find(row) ?? throw new CheckException($"no feature '{row}'")))
                if (Lab.Kernel < feature.Since)
                    return $"since Linux {feature.Since}";
                else if (feature.Option is { } option && KernelConfig.Running?.Has(option) == false)
                    return option;
            return null;
        }
    }
}

/// <summary>How a check ended.</summary>
internal enum Outcome
{
    /// <summary>The effect was seen.</summary>
    Yes,

    /// <summary>The kernel is older than the feature, and said no; or its configuration lacks it.</summary>
    No,

    /// <summary>Not done on this machine.</summary>
    NotTried,

    /// <summary>Something else happened.</summary>
    Failed,
}

/// <summary>What one check said, as one line of text goes over the serial port.</summary>
/// <param name="Name">The check's.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Words">The reason of a no, the message of a failure, figures of a yes.</param>
internal readonly record struct CheckResult(string Name, Outcome Outcome, long Milliseconds, string Words)
{
    private const string Mark = "CHECK\t";

    /// <summary>One line, without line ends.</summary>
    public override string ToString() => $"{Mark}{Name}\t{Outcome}\t{Milliseconds}\t{Words.Replace("\r", "", StringComparison.Ordinal).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}";

    /// <summary>The result that a line holds; null for any other line.</summary>
    public static CheckResult? TryParse(string line)
    {
        string[] parts = line.TrimEnd('\r', '\n').Split('\t', 5);
        return parts.Length == 5 && parts[0] + "\t" == Mark && Enum.TryParse(parts[2], out Outcome outcome) && long.TryParse(parts[3], out long time)
            ? new CheckResult(parts[1], outcome, time, parts[4].Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal))
            : null;
    }
}
