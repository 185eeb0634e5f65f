using System.CommandLine;
using System.Text.Json;
using Hachi.Asm;
using Hachi.Captures;
using Hachi.Captures.Print;
using Hachi.Captures.Sample;
using Hachi.Cli.Ebpf;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Explain;
using Hachi.Text;
using Hachi.Verify.Rejections;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi explain</c>: what a filter means, what a packet meets on its way through it, what a diagnostic means.</summary>
internal sealed class ExplainVerb : IVerb
{
    private const int StepsMax = 100;

    private readonly Argument<string?> _expression = new("EXPR") { Description = "A capture filter as in pcap-filter(7)", Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _file = new("FILE") { Description = "A capture to take a packet from", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<int?> _packet = new("--packet") { Description = "Show the path of this packet of the capture, from 1, and why it was rejected", HelpName = "N" };
    private readonly Option<bool> _sample = new("--sample") { Description = "Take the packet from the built-in sample capture" };
    private readonly Option<string> _link = new("--link") { Description = "Link type, by DLT name or number, without a capture", DefaultValueFactory = _ => "EN10MB", HelpName = "L" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON document" };

    public string Name => "explain";

    public string Summary => "Explain a filter, the path of a packet through it, a refusal, or a diagnostic";

    public string Usage => """
        explain EXPR [--link L] [--json]
        explain EXPR FILE|--sample --packet N [--json]
        explain error [ID] [--json]
        explain object OBJ [--json]
        explain log FILE [--errno NAME] [--object OBJ [--section S]] [--json]
        """;

    public string Examples => """
        hachi explain 'vlan and tcp port 443'         what it matches, what each instruction is for, what may surprise
        hachi explain 'tcp port 443' --sample --packet 3    which tests that packet met, and why it was rejected
        hachi explain error HF0001                    what this diagnostic means, and what to do
        hachi explain error                           every diagnostic there is
        hachi explain object prog.o                   programs, maps, helpers of an eBPF object, and which kernel it needs
        hachi explain log verifier.log                why the kernel refused a program, and how to mend it
        hachi explain error map-null                  the same for one of the kernel's refusals
        """;

    public string About => """
        With --packet the status is 0 when the packet matches, 1 when it does not.
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_expression);
        command.Add(_file);
        foreach (Option option in (Option[])[_packet, _sample, _link, _json])
            command.Add(option);
        command.Add(ExplainError.Command(shell));
        command.Add(ExplainObject.Command(shell));
        command.Add(ExplainLog.Command(shell));
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        string text = parse.GetValue(_expression) ?? throw new CommandException("an expression is needed", "quote it: hachi explain 'tcp port 443'");
        string? path = parse.GetValue(_file);
        bool isSample = parse.GetValue(_sample);
        if (parse.GetValue(_packet) is { } number)
        {
            if (path is null != isSample)
                throw new CommandException("one capture is needed with --packet", "name a file, or write --sample");
            if (number < 1)
                throw new CommandException("packets are numbered from 1");
            using Stream stream = isSample ? new MemoryStream(SampleCapture.BuiltIn()) : shell.OpenInput(path!);
            return Follow(shell, text, path ?? "the sample", stream, number, parse.GetValue(_json));
        }
        if (path is not null || isSample)
            throw new CommandException("which packet of the capture?", "add --packet N");
        LinkType link = CompileVerb.ParseLink(parse.GetValue(_link)!);
        FilterExplanation explanation = FilterExplainer.Explain(text, link, new FilterOptions { Lookup = new SystemNames() });
        foreach (Diagnostic diagnostic in explanation.Diagnostics)
            shell.Report(diagnostic, text);
        if (explanation.Words.Count > 0 && parse.GetValue(_json))
            shell.WriteJson(to => WriteJson(to, text, link, explanation));
        else if (explanation.Words.Count > 0)
            Write(shell.Out, text, explanation);
        return explanation.Filter is null ? ExitStatus.BadInput : ExitStatus.Done;
    }

    private static void Write(TextWriter to, string text, FilterExplanation explanation)
    {
        to.WriteLine("It matches:");
        foreach (string line in explanation.Words)
            to.WriteLine("  " + Escaper.Escape(line));
        if (explanation.Filter is { } filter)
        {
            to.WriteLine();
            to.WriteLine("Its program:");
            List<string> listing = Listing(filter.Program);
            int width = listing.Max(line => line.Length) + 2;
            for (int i = 0; i < listing.Count; i++)
                to.WriteLine($"  {listing[i].PadRight(width)}{Escaper.Escape(explanation.Notes[i])}");
        }
        foreach (Diagnostic trap in explanation.Traps)
        {
            to.WriteLine();
            to.WriteLine(Caret.Render(text, trap));
        }
    }

    /// <summary>The lines of tcpdump -d, with columns in place of the tab.</summary>
    private static List<string> Listing(ClassicProgram program)
    {
        var lines = new List<string>();
        for (int i = 0; i < program.Length; i++)
        {
            string[] parts = ClassicPrinter.ListingLine(program[i], i, ListingStyle.Pcap111).Split('\t');
            lines.Add(parts.Length == 1 ? parts[0] : $"{parts[0].PadRight(38)} {parts[1]}");
        }
        return lines;
    }

    private static int Follow(Shell shell, string text, string path, Stream stream, int number, bool isJson)
    {
        using CaptureReader? reader = CaptureReader.Open(stream, out Diagnostic? diagnostic);
        long before = 0;
        while (reader is not null && reader.TryReadBatch(out CaptureBatch batch))
        {
            if (number > before + batch.Records.Length)
            {
                before += batch.Records.Length;
                continue;
            }
            ref readonly PacketRecord record = ref batch.Records[(int)(number - before - 1)];
            // As it is written, not as it is optimised: every test in its order, and a filter that rejects everything is followed, too.
            var options = new FilterOptions { Lookup = new SystemNames(), Optimise = false };
            bool done = CaptureFilter.TryCompile(text, batch.LinkType, options, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> diagnostics);
            foreach (Diagnostic each in diagnostics)
                shell.Report(each, text);
            if (!done)
                return ExitStatus.BadInput;
            reader.ReadMetadata(batch, record, out PacketMetadata metadata);
            PacketPath way = PacketPath.Of(filter!, batch.Data(record), (int)Math.Min(record.OriginalLength, int.MaxValue), metadata);
            string line = PacketLine.Format(batch.LinkType, batch.Data(record), record.OriginalLength, reader.TimestampOf(batch, record));
            if (isJson)
                shell.WriteJson(to => WriteJson(to, text, number, line, way));
            else
                Write(shell.Out, text, number, line, way);
            return way.Matches ? ExitStatus.Done : ExitStatus.No;
        }
        if ((diagnostic ?? reader?.Diagnostic) is { } damage)
            throw new CommandException($"{path}: {damage.Message} [{damage.Id}]");
        throw new CommandException($"{path} has no packet {number}, only {before}");
    }

    private static void Write(TextWriter to, string text, int number, string line, PacketPath way)
    {
        to.WriteLine($"packet {number}: {Escaper.Escape(line)}");
        TextSpan span = new(-1, 0);
        for (int i = 0; i < way.Steps.Count; i++)
        {
            if (way.Steps.Count > StepsMax && i == StepsMax / 2)
            {
                to.WriteLine($"  ... {way.Steps.Count - StepsMax} more tests");
                i = way.Steps.Count - (StepsMax / 2);
            }
            PacketStep step = way.Steps[i];
            if (step.Span != span && step.Span.End <= text.Length)
            {
                span = step.Span;
                to.WriteLine("  " + Escaper.Escape(text.Substring(span.Start, span.Length)));
            }
            to.WriteLine($"    {(step.Holds ? "yes" : "no"),-3}  {Escaper.Escape(step.Question)}: {Escaper.Escape(step.Found)}");
        }
        to.WriteLine(Escaper.Escape(way.Reason));
    }

    private static void WriteJson(Utf8JsonWriter to, string text, LinkType link, FilterExplanation explanation)
    {
        to.WriteStartObject();
        to.WriteString("expression", text);
        to.WriteString("link", link.Name);
        to.WriteStartArray("matches");
        foreach (string line in explanation.Words)
            to.WriteStringValue(line);
        to.WriteEndArray();
        to.WriteStartArray("program");
        for (int i = 0; i < explanation.Notes.Count; i++)
        {
            ClassicInsn insn = explanation.Filter!.Program[i];
            to.WriteStartObject();
            to.WriteNumber("code", insn.Code);
            to.WriteNumber("jt", insn.Jt);
            to.WriteNumber("jf", insn.Jf);
            to.WriteNumber("k", insn.K);
            to.WriteString("note", explanation.Notes[i]);
            to.WriteEndObject();
        }
        to.WriteEndArray();
        to.WriteStartArray("traps");
        foreach (Diagnostic trap in explanation.Traps)
        {
            to.WriteStartObject();
            to.WriteString("id", trap.Id);
            to.WriteString("severity", ExplainError.Word(trap.Severity));
            to.WriteString("message", trap.Message);
            to.WriteNumber("start", trap.Span.Start);
            to.WriteNumber("length", trap.Span.Length);
            if (trap.Hint is not null)
                to.WriteString("hint", trap.Hint);
            to.WriteEndObject();
        }
        to.WriteEndArray();
        to.WriteEndObject();
    }

    private static void WriteJson(Utf8JsonWriter to, string text, int number, string line, PacketPath way)
    {
        to.WriteStartObject();
        to.WriteString("expression", text);
        to.WriteNumber("packet", number);
        to.WriteString("summary", line);
        to.WriteBoolean("matches", way.Matches);
        to.WriteString("reason", way.Reason);
        to.WriteStartArray("tests");
        foreach (PacketStep step in way.Steps)
        {
            to.WriteStartObject();
            to.WriteString("test", step.Question);
            to.WriteBoolean("holds", step.Holds);
            to.WriteString("found", step.Found);
            to.WriteNumber("start", step.Span.Start);
            to.WriteNumber("length", step.Span.Length);
            to.WriteEndObject();
        }
        to.WriteEndArray();
        to.WriteEndObject();
    }
}

/// <summary>The subcommand <c>explain error</c>.</summary>
internal static class ExplainError
{
    public static Command Command(Shell shell)
    {
        var id = new Argument<string?>("ID") { Description = "The id in brackets at the end of a message; without one, all are listed", Arity = ArgumentArity.ZeroOrOne };
        id.CompletionSources.Add(_ => Ids().Select(each => new System.CommandLine.Completions.CompletionItem(each)));
        var json = new Option<bool>("--json") { Description = "One JSON object a line: id, severity, format, help" };
        var command = new Command("error", "Say what a diagnostic or a refusal of the kernel means and what to do about it") { id, json };
        command.SetAction(parse => Run(shell, parse.GetValue(id), parse.GetValue(json)));
        return command;
    }

    private static IEnumerable<string> Ids() => DiagnosticTable.All.Select(row => row.Id).Concat(RefusalTable.All.Select(row => row.Id));

    private static int Run(Shell shell, string? id, bool json)
    {
        IReadOnlyList<DiagnosticInfo> rows = DiagnosticTable.All;
        if (id is not null && RefusalTable.Find(id) is { } refusal)
        {
            if (json)
                shell.WriteJson(to => WriteJson(to, refusal));
            else
                shell.Out.WriteLine(ExplainLog.Describe(refusal));
            return ExitStatus.Done;
        }
        if (id is not null)
        {
            if (DiagnosticTable.Find(id) is not { } row)
            {
                string? near = Nearest.To(id.ToUpperInvariant(), rows.Select(each => each.Id)) ?? Nearest.To(id.ToLowerInvariant(), RefusalTable.All.Select(each => each.Id));
                throw new CommandException($"there is no diagnostic '{id}'", near is null ? "hachi explain error lists them" : $"did you mean {near}? hachi explain error lists them");
            }
            rows = [row];
        }
        foreach (DiagnosticInfo row in rows)
        {
            if (json)
                shell.WriteJson(to => WriteJson(to, row));
            else if (id is null)
                shell.Out.WriteLine($"{row.Id}  {Escaper.Escape(row.Format)}");
            else
                shell.Out.WriteLine($"{row.Id}, {Word(row.Severity)}: {Escaper.Escape(row.Format)}\n\n{Escaper.Escape(row.Help)}");
        }
        if (id is null)
            List(shell, json);
        return ExitStatus.Done;
    }

    private static void List(Shell shell, bool json)
    {
        foreach (RefusalInfo row in RefusalTable.All)
        {
            if (json)
                shell.WriteJson(to => WriteJson(to, row));
            else
                shell.Out.WriteLine($"{row.Id,-18}  {Escaper.Escape(row.Title)}");
        }
    }

    private static void WriteJson(System.Text.Json.Utf8JsonWriter to, RefusalInfo row)
    {
        to.WriteStartObject();
        to.WriteString("id", row.Id);
        to.WriteString("severity", "refusal");
        to.WriteString("format", row.Message);
        to.WriteString("title", row.Title);
        to.WriteString("help", row.Cause);
        to.WriteString("mend", row.Mend);
        to.WriteEndObject();
    }

    private static void WriteJson(System.Text.Json.Utf8JsonWriter to, DiagnosticInfo row)
    {
        to.WriteStartObject();
        to.WriteString("id", row.Id);
        to.WriteString("severity", Word(row.Severity));
        to.WriteString("format", row.Format);
        to.WriteString("help", row.Help);
        to.WriteEndObject();
    }

    internal static string Word(Severity severity) => severity switch { Severity.Error => "error", Severity.Warning => "warning", _ => "note" };
}
