using System.Text;
using System.Text.Json;
using Hachi.Btf;
using Hachi.Btf.Print;
using Hachi.Cli.Ebpf;
using Hachi.Linux.Load;
using Hachi.Text;

namespace Hachi.Cli.Verbs.Kernel;

/// <summary>Elements of one map of the kernel as text, with the types that the map was made with, where it has any and they may be read.</summary>
internal sealed class MapElements
{
    private readonly Map _map;
    private readonly bool _isJson;
    private readonly BtfTypes? _types;
    private readonly bool _hasKeyType, _hasValueType;

    public MapElements(Map map, bool isJson)
    {
        (_map, _isJson, _types) = (map, isJson, map.ReadTypes());
        _hasKeyType = _types is not null && map.KeyType != 0 && _types.SizeOf(map.KeyType) == map.KeySize;
        _hasValueType = _types is not null && map.ValueType != 0 && _types.SizeOf(map.ValueType) is { } size && size <= map.ValueSize;
    }

    /// <summary>Where each value of a per-CPU map begins; of others there is one.</summary>
    private int Stride => _map.IsPerCpu ? (_map.ValueSize + 7) / 8 * 8 : Math.Max(1, _map.ValueBytes);

    /// <summary>The element of a key, without its value: <c>counts[7]</c>.</summary>
    public string Place(byte[] key) =>
        $"{Escaper.Escape(_map.Name)}[{(_hasKeyType ? Escaper.Escape(BtfValue.Print(_types!, _map.KeyType, key)) : MapText.Number(key))}]";

    /// <summary>An element on one line: <c>counts[7] = { .packets = 1 }</c>, or <c>{"key":"07000000","value":"…","formatted":{"key":7,"value":{…}}}</c> (<c>values</c> where each processor has one).</summary>
    public string Line(byte[] key, byte[] value)
    {
        if (_isJson)
            return Json(key, value);
        return $"{Place(key)} = {string.Join(", ", Values(value).Select(each => _hasValueType ? Escaper.Escape(BtfValue.Print(_types!, _map.ValueType, each)) : MapText.Number(each)))}";
    }

    /// <summary>A key as it was typed.</summary>
    public byte[] Key(string text) => Bytes(text, _map.KeySize, "key", _hasKeyType ? _map.KeyType : 0, null);

    /// <summary>A value as it was typed, for every processor where each has one. Of a structure it may name some members only: the others stay as they are.</summary>
    public byte[] Value(string text, byte[] key)
    {
        byte[] whole = new byte[_map.ValueBytes];
        bool isPartial = _hasValueType && !text.StartsWith("hex:", StringComparison.Ordinal) && text.AsSpan().TrimStart() is ['{' or '[', ..];
        if (isPartial && _map.KeySize > 0)
            _ = _map.TryGet(key, whole);
        for (int at = 0; at < whole.Length; at += Stride)
            Bytes(text, _map.ValueSize, "value", _hasValueType ? _map.ValueType : 0, isPartial ? whole.AsSpan(at, _map.ValueSize).ToArray() : null).CopyTo(whole, at);
        return whole;
    }

    private byte[] Bytes(string text, int size, string what, uint type, byte[]? before)
    {
        if (type == 0 || text.StartsWith("hex:", StringComparison.Ordinal))
            return MapText.Bytes(text, size, what, _map.Name);
        byte[] bytes = before ?? new byte[size];
        return BtfValueParser.TryParse(text, _types!, type, bytes, out string problem) ? bytes
            : throw new CommandException($"{_map.Name}: the {what} '{text}': {problem}", "bytes are written as hex:00ff...");
    }

    private IEnumerable<byte[]> Values(byte[] value)
    {
        for (int at = 0; at + _map.ValueSize <= value.Length; at += Stride)
            yield return value[at..(at + _map.ValueSize)];
    }

    private string Json(byte[] key, byte[] value)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            json.WriteString("key", Convert.ToHexStringLower(key));
            Each(json, value, each => json.WriteStringValue(Convert.ToHexStringLower(each)));
            if (_hasKeyType || _hasValueType)
            {
                json.WriteStartObject("formatted");
                if (_hasKeyType)
                {
                    json.WritePropertyName("key");
                    BtfValue.Write(json, _types!, _map.KeyType, key);
                }
                if (_hasValueType)
                    Each(json, value, each => BtfValue.Write(json, _types!, _map.ValueType, each));
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(memory.ToArray());
    }

    private void Each(Utf8JsonWriter json, byte[] value, Action<byte[]> write)
    {
        if (!_map.IsPerCpu)
        {
            json.WritePropertyName("value");
            write(value);
            return;
        }
        json.WriteStartArray("values");
        foreach (byte[] each in Values(value))
            write(each);
        json.WriteEndArray();
    }
}
