using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using Hachi.Vm;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi filter</c>: which packets of a capture match.</summary>
internal sealed class FilterVerb : IVerb
{
    private readonly Argument<string> _expression = new("EXPR") { Description = "A capture filter as in pcap-filter(7); '' matches everything" };
    private readonly Argument<string[]> _files = new("FILE") { Description = "Captures (pcap, pcapng, also gzip); - or nothing is standard input", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<bool> _sample = new("--sample") { Description = "Read the built-in sample capture" };
    private readonly Option<string?> _write = new("-w") { Description = "Write the packets that match into a capture; - is standard output", HelpName = "OUT" };
    private readonly Option<bool> _count = new("--count", "-c") { Description = "Print only how many match, a number for each file" };
    private readonly Option<bool> _stats = new("--stats") { Description = "Say on standard error what was read, what matched and how fast" };
    private readonly Option<string[]> _split = new("--split") { Description = "In the same pass, write what matches EXPR into OUT; may be repeated", HelpName = "OUT EXPR", Arity = new ArgumentArity(2, 2), AllowMultipleArgumentsPerToken = true };
    private readonly Option<string?> _meta = new("--meta") { Description = "Packet metadata: mark=7,vlan_tci=100,...", HelpName = "NAME=VALUE,..." };
    private readonly Option<string> _engine = new("--engine") { Description = "auto, interp, il or x64", DefaultValueFactory = _ => "auto" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object a line: for each packet, or with --count for each file" };

    public string Name => "filter";

    public string Summary => "Show, count or write the packets of a capture that match an expression";

    public string Usage => "filter EXPR [FILE...|--sample] [-w OUT] [--count] [--stats] [--split OUT EXPR]...";

    public string Examples => """
        hachi filter 'tcp port 443' --sample                        a line for each packet that matches
        hachi filter 'tcp port 443' trace.pcap -w https.pcap        write them into a capture
        hachi filter --count 'icmp or icmp6' *.pcapng               how many there are in each file
        hachi filter '' trace.pcap --split dns.pcap 'port 53' --split web.pcap 'tcp port 80 or 443' --count
                                                                    several filters, one pass
        """;

    public string About => """
        The status is 0 when a packet matched, 1 when none did, 2 when something is wrong. A damaged capture is reported with the place; what stands
        before it is filtered all the same.
        """;

    public void Build(Command command, Shell shell)
    {
        foreach (Argument argument in (Argument[])[_expression, _files])
            command.Add(argument);
        foreach (Option option in (Option[])[_sample, _write, _count, _stats, _split, _meta, _engine, _json])
            command.Add(option);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        FilterEngineKind kind = ParseEngine(parse.GetValue(_engine)!);
        MetadataSettings? settings = null;
        if (parse.GetValue(_meta) is { } meta && (settings = MetadataSettings.Parse(meta, out Diagnostic? wrong)) is null)
        {
            shell.Report(wrong!, meta);
            return ExitStatus.BadInput;
        }
        var run = new FilterRun(shell, settings)
        {
            IsCount = parse.GetValue(_count),
            IsJson = parse.GetValue(_json),
            Main = new FilterExpression(parse.GetValue(_expression)!, shell, kind),
            OutputPath = parse.GetValue(_write),
        };
        string[] split = parse.GetValue(_split) ?? [];
        for (int i = 0; i + 1 < split.Length; i += 2)
            run.Splits.Add((split[i], new FilterExpression(split[i + 1], shell, kind)));
        string[] files = parse.GetValue(_files) ?? [];
        string expression = parse.GetValue(_expression)!;
        if (File.Exists(expression) && FilterParser.Parse(expression).Diagnostics.Count > 0)
            throw new CommandException($"'{expression}' is a file, not an expression", $"the expression comes first: hachi filter 'tcp port 443' {expression}; '' matches everything");
        bool sample = parse.GetValue(_sample);
        if (sample && files.Length > 0)
            throw new CommandException("--sample stands in place of a file");
        if (!sample && files.Length == 0 && !Console.IsInputRedirected)
            throw new CommandException("no capture to read", "name a file, write - for standard input, or try --sample");
        using (run)
        {
            long start = Stopwatch.GetTimestamp();
            if (sample)
                run.File("sample", new MemoryStream(SampleCapture.BuiltIn()), false);
            foreach (string file in sample ? [] : files.Length == 0 ? ["-"] : files)
                run.File(file, shell.OpenInput(file), files.Length > 1);
            run.Finish();
            if (parse.GetValue(_stats))
                WriteStats(shell, run, Stopwatch.GetElapsedTime(start));
        }
        return run.Status;
    }

    private static FilterEngineKind ParseEngine(string name) => name switch
    {
        "auto" => FilterEngineKind.Auto,
        "interp" => FilterEngineKind.Interpreter,
        "il" when FilterEngine.Has(FilterEngineKind.Il) => FilterEngineKind.Il,
        "il" => throw new CommandException("this build has no engine 'il'", "it was compiled ahead of time, where nothing can be compiled at run time; use --engine auto"),
        "x64" when FilterEngine.Has(FilterEngineKind.X64) => FilterEngineKind.X64,
        "x64" => throw new CommandException("there is no engine 'x64' here", "it needs an x86-64 processor; use --engine auto"),
        _ => throw new CommandException($"there is no engine '{name}'", "engines: auto, interp, il, x64"),
    };

    private static void WriteStats(Shell shell, FilterRun run, TimeSpan time)
    {
        double seconds = Math.Max(time.TotalSeconds, 1e-9);
        shell.Out.Flush();
        shell.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{run.Packets} packets read, {run.Matched} matched; {run.Bytes} packet bytes in {seconds:F3} s ({run.Packets / seconds / 1e6:F2} million packets/s)"));
        foreach ((string path, long matched) in run.SplitCounts)
            shell.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{matched} matched for {Escaper.Escape(path)}"));
    }
}
