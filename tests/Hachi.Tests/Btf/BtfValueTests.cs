using System.Text.Json;
using Hachi.Btf;
using Hachi.Btf.Print;
using Hachi.Linux.Load;
using Hachi.Object;

namespace Hachi.Tests.Btf;

/// <summary>Values by their types: as text, as JSON (bpftool is the oracle), and read back.</summary>
public sealed class BtfValueTests
{
    private const string Source = """
        enum color { RED, GREEN = 5, BLUE = -1 };
        enum wide { HUGE = 0x1234567890ULL };
        struct inner { u16 port; unsigned char mac[6]; };
        struct value {
            u64 count; s32 delta; signed char small; char comm[16]; _Bool on;
            enum color color; enum wide wide; struct inner inner; struct inner many[2];
            u32 low : 3; s32 middle : 7; u32 high : 22;
            union { u32 word; u8 bytes[4]; };
            void *address; int table[2][3];
        };
        struct key { u32 pid; u32 cpu; };
        struct { __uint(type, 1); __type(key, struct key); __type(value, struct value); __uint(max_entries, 16); } values SEC(".maps");
        u64 global = 7; int other = -3;
        SEC("socket") int nothing(void *ctx) { struct key k = {}; map_lookup_elem(&values, &k); return global + other; }
        """;

    [Fact]
    public void Text_is_read_back_to_the_same_bytes()
    {
        (BtfTypes types, uint id) = Value();
        Random random = Volume.Random(nameof(Text_is_read_back_to_the_same_bytes));
        byte[] bytes = new byte[types.SizeOf(id)!.Value], again = new byte[bytes.Length];
        for (int i = 0; i < Volume.Of(20_000, 500); i++)
        {
            random.NextBytes(bytes);
            string text = BtfValue.Print(types, id, bytes);
            again.AsSpan().Fill((byte)i);
            Assert.True(BtfValueParser.TryParse(text, types, id, again, out string problem), $"{Volume.Note}: {problem}\n{text}");
            Assert.Equal(text, BtfValue.Print(types, id, again));
            // And as JSON.
            Assert.True(BtfValueParser.TryParse(Json(types, id, bytes), types, id, again, out problem), $"{Volume.Note}: {problem}\n{Json(types, id, bytes)}");
            Assert.Equal(text, BtfValue.Print(types, id, again));
        }
    }

    [Fact]
    public void Members_that_are_not_named_stay()
    {
        (BtfTypes types, uint id) = Value();
        byte[] bytes = new byte[types.SizeOf(id)!.Value];
        Assert.True(BtfValueParser.TryParse("{ .count = 0x10, comm: \"a b\", .color = GREEN, .many = [{ .port = 1 }, { .port = 2 }], .middle = -3, word = 7 }", types, id, bytes, out string problem), problem);
        Assert.True(BtfValueParser.TryParse("{\"delta\": -5, \"on\": true, \"high\": 4194303}", types, id, bytes, out problem), problem);
        string text = BtfValue.Print(types, id, bytes);
        foreach (string part in (string[])[".count = 16,", ".delta = -5,", ".comm = \"a b\"", ".on = true", ".color = GREEN", ".wide = 0", ".many = [{ .port = 1, .mac = [0, 0, 0, 0, 0, 0] }, { .port = 2,", ".low = 0, .middle = -3, .high = 4194303",
            ".word = 7, .bytes = [7, 0, 0, 0]", ".address = 0x0", ".table = [[0, 0, 0], [0, 0, 0]]"])
            Assert.Contains(part, text);
    }

    [Theory]
    [InlineData("", "expected {")]
    [InlineData("7", "expected {")]
    [InlineData("{ .coun = 1 }", "there is no member 'coun'; there are: count, delta")]
    [InlineData("{ .count = 1 ", "expected , or }")]
    [InlineData("{ .count }", "expected = behind 'count'")]
    [InlineData("{ .small = 300 }", "does not fit 8 bits")]
    [InlineData("{ .low = 8 }", "does not fit 3 bits")]
    [InlineData("{ .color = PINK }", "'PINK' is no number and no name of color")]
    [InlineData("{ .comm = \"sixteen and more than that\" }", "the string is longer than 16 bytes")]
    [InlineData("{ .comm = \"abc }", "a string does not end")]
    [InlineData("{ .table = [[1, 2, 3, 4]] }", "more than 3 elements")]
    [InlineData("{ .table = 1 }", "expected [")]
    [InlineData("{} x", "nothing was expected at 'x'")]
    public void What_is_wrong_is_said(string text, string says)
    {
        (BtfTypes types, uint id) = Value();
        Assert.False(BtfValueParser.TryParse(text, types, id, new byte[types.SizeOf(id)!.Value], out string problem));
        Assert.Contains(says, problem);
    }

    [Fact]
    public void Damaged_types_and_random_values_end()
    {
        byte[] whole = BtfFuzzTests.SomeBtf();
        Random random = Volume.Random(nameof(Damaged_types_and_random_values_end));
        byte[] value = new byte[256];
        int printed = 0;
        for (int i = 0; i < Volume.Of(50_000, 500); i++)
        {
            if (!BtfReader.TryRead(BtfFuzzTests.Mutated(whole, random), out BtfTypes? types, out _))
                continue;
            for (uint id = 0; id < types!.Count + 1; id++)
            {
                random.NextBytes(value);
                Span<byte> bytes = value.AsSpan(0, random.Next(value.Length));
                string text = BtfValue.Print(types, id, bytes);
                _ = Json(types, id, bytes);
                printed += text.Length;
                _ = BtfValueParser.TryParse(text, types, id, bytes, out _);
            }
        }
        Assert.True(printed > 1000, Volume.Note);
    }

    [Fact]
    public void Json_is_bpftool_s()
    {
        Tools.NeedRoot();
        string bpftool = Tools.Need("bpftool");
        using LoadedObject loaded = ElfObjectReader.Read(Clang.Build(Source)).Object!.Load();
        Map map = loaded.Map("values");
        BtfTypes types = map.ReadTypes()!;
        Random random = Volume.Random(nameof(Json_is_bpftool_s));
        for (int i = 0; i < 16; i++)
        {
            byte[] key = [(byte)i, 1, 2, 3, 4, 0, 0, 0], value = new byte[map.ValueSize];
            random.NextBytes(value);
            "name"u8.CopyTo(value.AsSpan(13)); // bpftool takes a string for one as it is
            value.AsSpan(17, 12).Clear();
            value[29] &= 1; // and whatever is not 0 for true
            map.Set(key, value);
        }
        foreach (JsonElement row in JsonDocument.Parse(Tools.RunOk(bpftool, ["-j", "map", "dump", "id", $"{map.Id}"]).Text).RootElement.EnumerateArray())
        {
            byte[] key = Bytes(row.GetProperty("key")), value = Bytes(row.GetProperty("value"));
            Same(row.GetProperty("formatted").GetProperty("key"), JsonDocument.Parse(Json(types, map.KeyType, key)).RootElement, "key");
            Same(row.GetProperty("formatted").GetProperty("value"), JsonDocument.Parse(Json(types, map.ValueType, value)).RootElement, "value");
        }
    }

    private static byte[] Bytes(JsonElement hex) => [.. hex.EnumerateArray().Select(each => Convert.ToByte(each.GetString(), 16))];

    // bpftool writes bit fields, pointers and unknown enumerators in ways of its own; what they are must be the same.
    private static void Same(JsonElement theirs, JsonElement ours, string where)
    {
        if (theirs.ValueKind == JsonValueKind.Object)
            foreach (JsonProperty member in theirs.EnumerateObject())
            {
                // It has no name for the anonymous union, whose members stand beside the others here.
                if (member.Name is "" or "(anon)")
                    foreach (JsonProperty inner in member.Value.EnumerateObject())
                        Same(inner.Value, ours.GetProperty(inner.Name), $"{where}.{inner.Name}");
                else
                    Same(member.Value, ours.GetProperty(member.Name), $"{where}.{member.Name}");
            }
        else if (theirs.ValueKind == JsonValueKind.Array && ours.ValueKind == JsonValueKind.Array)
            foreach ((JsonElement a, JsonElement b) in theirs.EnumerateArray().Zip(ours.EnumerateArray()))
                Same(a, b, where + "[]");
        else
            // (A bit field below zero is its bits there.)
            Assert.True(Plain(theirs) == Plain(ours) || (where == "value.middle" && Plain(theirs) == $"{ours.GetInt64() & 0x7f}"), $"{Volume.Note}: {where}: bpftool {theirs.GetRawText()}, here {ours.GetRawText()}");
    }

    private static string Plain(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => "1",
        JsonValueKind.False => "0",
        JsonValueKind.String when value.GetString()! is var text => text == "(nil)" ? "0" : text.StartsWith("0x", StringComparison.Ordinal) ? $"{Convert.ToUInt64(text[2..], 16)}" : text,
        JsonValueKind.Number when value.TryGetInt64(out long number) => $"{(ulong)number}",
        _ => value.GetRawText(),
    };

    private static (BtfTypes Types, uint Id) Value()
    {
        Assert.True(BtfReader.TryRead(ElfObjectReader.Read(Clang.Build(Source)).Object!.Btf.AsMemory(), out BtfTypes? types, out string reason), reason);
        return (types!, types!.Find(BtfKind.Struct, "value"));
    }

    private static string Json(BtfTypes types, uint id, ReadOnlySpan<byte> bytes)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
            BtfValue.Write(json, types, id, bytes);
        return System.Text.Encoding.UTF8.GetString(memory.ToArray());
    }
}
