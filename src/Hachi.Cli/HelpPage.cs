using System.CommandLine;

namespace Hachi.Cli;

/// <summary>The help texts: what a person comes for, the list of verbs, one verb.</summary>
internal static class HelpPage
{
    private const int Width = 100;

    // What a person comes with, and the command that answers it. Rows whose verb this build lacks are left out.
    private static readonly (string Task, string Verb, string Command)[] s_tasks =
    [
        ("See what this can do, in six steps", "tour", "hachi tour"),
        ("Keep the packets I want", "filter", "hachi filter 'tcp port 443' in.pcap -w out.pcap"),
        ("See what passes on this machine", "capture", "sudo hachi capture 'tcp port 443'"),
        ("Understand a filter", "explain", "hachi explain 'vlan and tcp port 443'"),
        ("See what a filter compiles to", "compile", "hachi compile 'tcp port 443'"),
    ];

    /// <summary>What bare <c>hachi</c> says.</summary>
    public static void WriteTasks(TextWriter to)
    {
        to.WriteLine("hachi: BPF for .NET");
        to.WriteLine();
        var rows = s_tasks.Where(row => VerbList.Find(row.Verb) is not null).Select(row => (row.Task, row.Command)).ToList();
        WriteColumns(to, rows);
        if (rows.Count > 0)
            to.WriteLine();
        to.WriteLine("hachi --help lists every verb; hachi VERB --help shows one, with examples.");
    }

    /// <summary>What <c>hachi --help</c> says.</summary>
    public static void WriteVerbs(TextWriter to)
    {
        to.WriteLine("Usage: hachi VERB [ARGUMENTS] [OPTIONS]");
        to.WriteLine();
        to.WriteLine("Verbs:");
        WriteColumns(to, VerbList.All.Select(verb => (verb.Name, verb.Summary)));
        to.WriteLine();
        to.WriteLine("hachi VERB --help shows one verb, with examples. '--' ends options; '-' is standard input or output.");
        to.WriteLine("Exit status: 0 yes or done, 1 no, 2 bad input or usage, 3 the program was stopped or refused, 4 the kernel refused, 130 interrupted.");
    }

    /// <summary>What <c>hachi VERB --help</c> says.</summary>
    public static void WriteVerb(TextWriter to, IVerb verb, Command command)
    {
        to.WriteLine($"{command.Description}.");
        to.WriteLine();
        WriteBlock(to, "Usage:", verb.Usage, "hachi ");
        if (verb.About is { } about)
        {
            to.WriteLine(about.TrimEnd());
            to.WriteLine();
        }
        WriteSection(to, "Commands:", command.Subcommands.Select(sub => (sub.Name, sub.Description ?? "")));
        WriteSection(to, "Arguments:", command.Arguments.Where(argument => !argument.Hidden).Select(argument => (argument.HelpName ?? argument.Name, argument.Description ?? "")));
        WriteSection(to, "Options:", command.Options.Where(option => !option.Hidden).Select(option => (Names(option), option.Description ?? "")));
        WriteBlock(to, "Examples:", verb.Examples, "");
    }

    private static string Names(Option option)
    {
        IEnumerable<string> names = option.Aliases.Append(option.Name).Distinct().OrderBy(name => name.Length).ThenBy(name => name, StringComparer.Ordinal);
        string value = option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool) ? "" : " " + (option.HelpName ?? option.Name.TrimStart('-').ToUpperInvariant());
        return string.Join(", ", names) + value;
    }

    private static void WriteBlock(TextWriter to, string title, string lines, string prefix)
    {
        to.WriteLine(title);
        foreach (string line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            to.WriteLine($"  {prefix}{line.TrimEnd()}");
        if (title != "Examples:")
            to.WriteLine();
    }

    private static void WriteSection(TextWriter to, string title, IEnumerable<(string, string)> rows)
    {
        var all = rows.ToList();
        if (all.Count == 0)
            return;
        to.WriteLine(title);
        WriteColumns(to, all);
        to.WriteLine();
    }

    private static void WriteColumns(TextWriter to, IEnumerable<(string Left, string Right)> rows)
    {
        var all = rows.ToList();
        int left = Math.Min(36, all.Select(row => row.Left.Length).DefaultIfEmpty().Max()) + 2;
        foreach ((string name, string text) in all)
        {
            to.Write("  " + name.PadRight(left));
            if (name.Length > left - 2)
                to.Write("\n" + new string(' ', left + 2));
            int column = 0;
            foreach (string word in text.Split(' '))
            {
                if (column > 0 && left + 2 + column + 1 + word.Length > Width)
                {
                    to.Write("\n" + new string(' ', left + 2));
                    column = 0;
                }
                to.Write((column > 0 ? " " : "") + word);
                column += word.Length + 1;
            }
            to.WriteLine();
        }
    }
}
