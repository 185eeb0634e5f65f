using System.Globalization;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Compile;

/// <summary>How often calls are expected: where often made ones are found with fewer comparisons.</summary>
public sealed class SeccompWeights
{
    /// <summary>What a call without a rule weighs, where one with a rule weighs 1.</summary>
    private const double UnruledWeight = 0.25;

    private readonly Dictionary<string, double>? _counts;
    private readonly double _least;

    private SeccompWeights(Dictionary<string, double>? counts)
    {
        _counts = counts;
        _least = counts is null or { Count: 0 } ? 0 : counts.Values.Sum() * 0.0002;
    }

    /// <summary>All calls alike.</summary>
    public static SeccompWeights Uniform { get; } = new(null);

    /// <summary>Reads a frequency file: a name and a count a line, in either order (as <c>sort | uniq -c</c> writes them); <c>#</c> begins a comment.</summary>
    public static SeccompWeights? Parse(string text, List<Diagnostic> diagnostics)
    {
        var counts = new Dictionary<string, double>(StringComparer.Ordinal);
        int at = 0;
        foreach (string line in text.Split('\n'))
        {
            string[] words = line.Split('#')[0].Split([' ', '\t', '\r', ','], StringSplitOptions.RemoveEmptyEntries);
            var span = new TextSpan(at, line.Length);
            at += line.Length + 1;
            if (words.Length == 0)
                continue;
            double count = 0;
            int name = Array.FindIndex(words, SyscallTable.IsKnown);
            if (words.Length != 2 || name < 0 || !double.TryParse(words[1 - name], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out count) || !double.IsFinite(count))
            {
                diagnostics.Add(DiagnosticTable.SeccompWeightLine.At(span));
                return null;
            }
            counts[words[name]] = counts.GetValueOrDefault(words[name]) + count;
        }
        return new SeccompWeights(counts);
    }

    internal double Of(SeccompArchitecture architecture, string name) =>
        (_counts is null ? 1 : Math.Max(_counts.GetValueOrDefault(name), _least)) * Share(architecture);

    internal double OfUnruled(SeccompArchitecture architecture, string name) =>
        (_counts is null ? UnruledWeight : Math.Max(_counts.GetValueOrDefault(name), _least * UnruledWeight)) * Share(architecture);

    // x32 shares its search with x86_64, which hardly anybody uses it instead of.
    private static double Share(SeccompArchitecture architecture) => architecture == SeccompArchitecture.X32 ? 0.02 : 1;
}
