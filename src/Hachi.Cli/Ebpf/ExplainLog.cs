using System.CommandLine;
using System.Text.Json;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;
using Hachi.Verify.Rejections;

namespace Hachi.Cli.Ebpf;

/// <summary><c>hachi explain log</c>: why the kernel's verifier refused a program.</summary>
internal static class ExplainLog
{
    public static Command Command(Shell shell)
    {
        var file = new Argument<string>("FILE") { Description = "A log of the kernel's verifier, with or without what libbpf, bpftool or tc print around it; - is standard input" };
        var errno = new Option<string?>("--errno") { Description = "The error of the load, for a log that says nothing: EPERM, E2BIG, ...", HelpName = "NAME" };
        var program = new Option<string?>("--object") { Description = "The object that was loaded: its source lines and names of functions are shown", HelpName = "OBJ" };
        var section = new Option<string?>("--section") { Description = "Which program of the object: its name or its section", HelpName = "S" };
        var json = new Option<bool>("--json") { Description = "One JSON document" };
        var command = new Command("log", "Say why the kernel refused a program, from the verifier's log, and how to mend it") { file, errno, program, section, json };
        command.SetAction(parse =>
        {
            string text = shell.ReadText(parse.GetValue(file)!);
            BpfObject? bpf = parse.GetValue(program) is { } path ? ObjectFile.Read(shell, path) : null;
            ProgramSpec? spec = bpf?.Programs[ObjectFile.Choose(bpf, parse.GetValue(section))];
            Rejection rejection = Rejection.Parse(text, ParseErrno(parse.GetValue(errno)), spec, bpf is null ? null : new SourceLines(bpf));
            if (rejection.Message.Length == 0 && rejection.Errno == 0)
                return shell.Fail("the log holds no refusal", "it may be cut off at its end: load again with a larger buffer; or name the error: --errno EPERM", ExitStatus.No);
            if (parse.GetValue(json))
                shell.WriteJson(to => WriteJson(to, rejection));
            else
                shell.Out.WriteLine(RejectionPrinter.Print(rejection));
            return ExitStatus.Done;
        });
        return command;
    }

    /// <summary>A rejection as JSON, on a writer that stands where a value may stand.</summary>
    public static void WriteJson(Utf8JsonWriter to, Rejection rejection)
    {
        to.WriteStartObject();
        to.WriteString("reason", rejection.Reason.Id);
        to.WriteString("title", rejection.Reason.Title);
        to.WriteString("message", rejection.Message);
        if (rejection.Errno > 0)
            to.WriteString("errno", Errno.Name(rejection.Errno));
        if (rejection.Slot is { } slot)
        {
            to.WriteNumber("slot", slot);
            to.WriteString("insn", rejection.Insn);
        }
        if (rejection.Source is { } source)
        {
            to.WriteStartObject("source");
            to.WriteString("file", source.File);
            to.WriteNumber("line", source.Line);
            to.WriteString("text", source.Text);
            to.WriteEndObject();
        }
        to.WriteStartArray("registers");
        foreach (RegisterState register in rejection.Registers)
        {
            to.WriteStartObject();
            to.WriteString("name", register.Name);
            to.WriteString("state", register.State);
            to.WriteString("words", register.Words);
            to.WriteEndObject();
        }
        to.WriteEndArray();
        to.WriteStartArray("calls");
        foreach (RejectionCall call in rejection.Calls)
        {
            to.WriteStartObject();
            to.WriteNumber("slot", call.Slot);
            to.WriteString("function", call.Function);
            to.WriteEndObject();
        }
        to.WriteEndArray();
        if (rejection.Detail is not null)
            to.WriteString("detail", rejection.Detail);
        to.WriteString("cause", rejection.Reason.Cause);
        to.WriteString("mend", rejection.Reason.Mend);
        to.WriteBoolean("truncated", rejection.IsTruncated);
        if (rejection.InsnsProcessed is { } processed)
            to.WriteNumber("insnsProcessed", processed);
        to.WriteEndObject();
    }

    /// <summary>A row of the catalogue in full: <c>explain error packet-bounds</c>.</summary>
    public static string Describe(RefusalInfo row) =>
        $"{row.Id}, refusal of the kernel: {Escaper.Escape(row.Title)}\n{(row.Message.Length > 0 ? $"  {Escaper.Escape(row.Message)}\n" : "")}\n{Escaper.Escape(row.Cause)}\n\n{Escaper.Escape(row.Mend)}";

    private static int ParseErrno(string? name) => name is null
        ? 0
        : Errno.Number(name.ToUpperInvariant()) ?? (int.TryParse(name.TrimStart('-'), out int number) && number is > 0 and < 4096
            ? number
            : throw new CommandException($"there is no error '{name}'", "errors are written EPERM, EACCES, E2BIG, ... or as numbers"));
}
