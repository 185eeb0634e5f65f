using System.Globalization;
using System.Text.RegularExpressions;

namespace Hachi.Tests.Trace.Corpus;

/// <summary>What a case did, held against what it should do.</summary>
internal static partial class CaseVerdict
{
    /// <summary>What is wrong; null when nothing is. "skipped" where the case asks for something that the machine has not.</summary>
    /// <param name="row">The case.</param>
    /// <param name="status">Its exit status, <c>timeout</c>, or <c>skipped</c>.</param>
    /// <param name="output">All that it wrote.</param>
    public static string? Of(CorpusCase row, string status, string output)
    {
        if (status == "skipped")
            return "skipped";
        if (row.WillFail && status == "0")
            return "should fail\n" + output;
        if (!row.WillFail && status is not ("0" or "timeout"))
            return $"status {status}\n{output}";
        foreach ((string key, string value) in row.Directives)
            if (key switch
            {
                "EXPECT" => !IsLine(value, output) && !IsSaid(value, output),
                "EXPECT_REGEX" => !Matches(value, output) && !IsSaid(value, output),
                "EXPECT_NONE" => IsLine(value, output),
                "EXPECT_REGEX_NONE" => Regex.IsMatch(output, value, RegexOptions.Multiline),
                _ => false,
            })
                return $"{key} {value}\nstatus {status}\n{output}";
        return null;
    }

    // Lines of a pattern stand under each other, however far they are indented.
    private static bool Matches(string pattern, string output) => Regex.IsMatch(output, pattern, RegexOptions.Multiline) || (pattern.Contains('\n', StringComparison.Ordinal)
        && Regex.IsMatch(output, string.Join("\n\\s*", pattern.Split('\n').Select(line => line.TrimStart())), RegexOptions.Multiline));

    // A whole line, or lines; what stands around them is only space.
    private static bool IsLine(string text, string output) => Regex.IsMatch(output, @"^\s*" + Regex.Escape(text.Trim()) + @"\s*$", RegexOptions.Multiline);

    /// <summary>A quoted diagnostic in other words: of the same severity, and, where a place is quoted, at that line and those columns.</summary>
    private static bool IsSaid(string quoted, string output)
    {
        if (output.Contains("error: " + quoted, StringComparison.Ordinal))
            return true;
        if (Severity().Match(quoted) is not { Success: true } severity)
            return false;
        string word = severity.Value switch { "WARNING:" => "warning: ", "HINT:" => "hint: ", "USAGE:" => "sage", _ => "error: " };
        if (Place().Match(quoted) is not { Success: true } place)
            return output.Contains(word, StringComparison.OrdinalIgnoreCase) || (word == "error: " && output.Contains("hachi: ", StringComparison.Ordinal)) || (word == "sage" && output.Contains("--help", StringComparison.Ordinal));
        int from = int.Parse(place.Groups[1].Value, CultureInfo.InvariantCulture), to = int.Parse(place.Groups[2].Value, CultureInfo.InvariantCulture);
        return Regex.IsMatch(output, $"^ {{{from + 1}}}\\^{{{to - from}}}$", RegexOptions.Multiline);
    }

    [GeneratedRegex("ERROR:|WARNING:|HINT:|USAGE:|error:")]
    private static partial Regex Severity();

    [GeneratedRegex("stdin:1:([0-9]+)-([0-9]+)")]
    private static partial Regex Place();
}
