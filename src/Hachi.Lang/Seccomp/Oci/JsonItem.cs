using System.Buffers;
using System.Text;
using System.Text.Json;
using Hachi.Text;

namespace Hachi.Lang.Seccomp.Oci;

/// <summary>A value of a JSON text that knows where it stands.</summary>
internal sealed class JsonItem
{
    private const int DepthMax = 32;

    public required JsonTokenType Kind { get; init; }

    public required TextSpan Span { get; init; }

    /// <summary>A string's text, or a number's digits.</summary>
    public string Text { get; init; } = "";

    /// <summary>Of an object, in order.</summary>
    public List<(string Key, TextSpan Span, JsonItem Value)> Members { get; } = [];

    /// <summary>Of an array.</summary>
    public List<JsonItem> Items { get; } = [];

    /// <summary>Reads one document; null with a diagnostic when it is none.</summary>
    public static JsonItem? Parse(string text, List<Diagnostic> diagnostics)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = DepthMax, CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = false });
        var places = new Places(bytes);
        try
        {
            if (!reader.Read())
                return null;
            JsonItem root = Read(ref reader, places);
            reader.Read(); // what follows is an error
            return root;
        }
        catch (JsonException e)
        {
            int start = places.Index((int)Math.Min(bytes.Length, LineStart(bytes, e.LineNumber ?? 0) + (e.BytePositionInLine ?? 0)));
            string why = e.Message.Split(". ")[0].Split(" LineNumber")[0].TrimEnd('.');
            diagnostics.Add(DiagnosticTable.SeccompJson.At(new TextSpan(start, 0), why));
            return null;
        }
    }

    private static JsonItem Read(ref Utf8JsonReader reader, Places places)
    {
        int start = places.Index((int)reader.TokenStartIndex);
        JsonTokenType kind = reader.TokenType;
        if (kind is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
        {
            int end = places.Index((int)reader.BytesConsumed);
            string text = kind == JsonTokenType.String ? reader.GetString()! : Encoding.UTF8.GetString(reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan);
            return new JsonItem { Kind = kind, Span = new TextSpan(start, end - start), Text = text };
        }
        var item = new JsonItem { Kind = kind, Span = new TextSpan(start, 1) };
        while (reader.Read() && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
        {
            if (kind == JsonTokenType.StartArray)
            {
                item.Items.Add(Read(ref reader, places));
                continue;
            }
            string key = reader.GetString()!;
            int keyStart = places.Index((int)reader.TokenStartIndex), keyEnd = places.Index((int)reader.TokenStartIndex + reader.ValueSpan.Length + 2);
            reader.Read();
            item.Members.Add((key, new TextSpan(keyStart, keyEnd - keyStart), Read(ref reader, places)));
        }
        return item;
    }

    private static long LineStart(byte[] bytes, long line)
    {
        int at = 0;
        for (; line > 0; line--)
        {
            int end = bytes.AsSpan(at).IndexOf((byte)'\n');
            if (end < 0)
                return bytes.Length;
            at += end + 1;
        }
        return at;
    }

    /// <summary>Byte offsets to indexes in the text; asked in ascending order.</summary>
    private sealed class Places(byte[] bytes)
    {
        private int _byte, _index;

        public int Index(int offset)
        {
            if (offset < _byte)
                (_byte, _index) = (0, 0);
            _index += Encoding.UTF8.GetCharCount(bytes, _byte, offset - _byte);
            _byte = offset;
            return _index;
        }
    }
}
