using System.Text;
using System.Text.Json;
using Hachi.Asm;
using Hachi.Captures;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Text;

namespace Hachi.Cli;

/// <summary>
/// <c>compile --batch</c>: a request a line, <c>{"expr","link","snaplen","netmask","opt":true|false,"live":false}</c>, an answer a line,
/// <c>{"insns":[[code,jt,jf,k],…]}</c> or <c>{"error","start","length"}</c>.
/// </summary>
internal static class CompileBatch
{
    /// <summary>Answers until standard input ends.</summary>
    public static int Run(Shell shell)
    {
        var names = new SystemNames();
        using var reader = new StreamReader(shell.OpenInput("-"), Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            if (string.IsNullOrWhiteSpace(line))
                continue;
            shell.WriteJson(json => Answer(line, names, json));
            shell.Out.Flush();
        }
        return ExitStatus.Done;
    }

    /// <summary>The program as one JSON document.</summary>
    public static byte[] Document(CaptureFilter filter)
    {
        var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("expr", filter.Expression);
            json.WriteString("link", filter.LinkType.Name);
            json.WriteNumber("snaplen", filter.Options.SnapLength);
            WriteInsns(json, filter.Program.Insns);
            json.WriteStartArray("listing");
            for (int i = 0; i < filter.Program.Length; i++)
                json.WriteStringValue(ClassicPrinter.ListingLine(filter.Program[i], i, ListingStyle.Pcap111));
            json.WriteEndArray();
            json.WriteEndObject();
        }
        bytes.WriteByte((byte)'\n');
        return bytes.ToArray();
    }

    private static void Answer(string line, SystemNames names, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        try
        {
            using JsonDocument request = JsonDocument.Parse(line);
            Answer(request.RootElement, names, json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            WriteError(json, $"not a request: {e.Message}", 0, 0);
        }
        json.WriteEndObject();
    }

    private static void Answer(JsonElement request, SystemNames names, Utf8JsonWriter json)
    {
        string text = request.TryGetProperty("expr", out JsonElement expr) ? expr.GetString() ?? "" : "";
        LinkType link = LinkType.Ethernet;
        if (request.TryGetProperty("link", out JsonElement named) && !LinkType.TryParse(named.ToString(), out link))
        {
            WriteError(json, $"there is no link type '{named}'", 0, 0);
            return;
        }
        var options = new FilterOptions
        {
            SnapLength = request.TryGetProperty("snaplen", out JsonElement snaplen) ? snaplen.GetInt32() : 262144,
            NetMask = request.TryGetProperty("netmask", out JsonElement mask) && mask.ValueKind == JsonValueKind.Number ? mask.GetUInt32() : FilterOptions.NetMaskUnknown,
            Live = request.TryGetProperty("live", out JsonElement live) && live.GetBoolean(),
            Optimise = !request.TryGetProperty("opt", out JsonElement opt) || opt.GetBoolean(),
            Lookup = names,
        };
        if (options.SnapLength < 1)
            WriteError(json, "the snap length must be at least 1", 0, 0);
        else if (CaptureFilter.TryCompile(text, link, options, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> diagnostics))
            WriteInsns(json, filter.Program.Insns);
        else
            WriteError(json, diagnostics[0].Message, diagnostics[0].Span.Start, diagnostics[0].Span.Length);
    }

    private static void WriteError(Utf8JsonWriter json, string message, int start, int length)
    {
        json.WriteString("error", message);
        json.WriteNumber("start", start);
        json.WriteNumber("length", length);
    }

    private static void WriteInsns(Utf8JsonWriter json, ReadOnlySpan<ClassicInsn> insns)
    {
        json.WriteStartArray("insns");
        foreach (ClassicInsn insn in insns)
        {
            json.WriteStartArray();
            json.WriteNumberValue(insn.Code);
            json.WriteNumberValue(insn.Jt);
            json.WriteNumberValue(insn.Jf);
            json.WriteNumberValue(insn.K);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    }
}
