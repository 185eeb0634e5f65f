using System.Text.Json;
using Hachi.Btf;
using Hachi.Btf.Print;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Tests.Linux;

/// <summary>What is loaded, as bpftool sees it: names, types, the lines of the source; and pins, which either of us reads of the other.</summary>
public sealed class BpftoolTests
{
    private const string Source = """
        struct flow { u32 port; u64 bytes; };
        struct { __uint(type, 1); __uint(max_entries, 64); __type(key, u32); __type(value, struct flow); __uint(pinning, 1); } flows SEC(".maps");
        char _license[] SEC("license") = "GPL";
        static __noinline u64 grow(u64 bytes)
        {
            return bytes * 3;
        }

        SEC("tc") int account(void *ctx)
        {
            u32 key = 7;
            struct flow *flow = map_lookup_elem(&flows, &key);
            if (!flow)
                return 5;
            flow->bytes = grow(flow->bytes);
            flow->port++;
            return 0;
        }
        """;

    [Fact]
    public void It_shows_every_instruction_with_its_line()
    {
        using LoadedObject loaded = Load();
        Program program = loaded.Program("account");
        JsonElement[] shown = Ask("prog", "dump", "xlated", "id", $"{program.Id}", "linum");
        (string Text, int Line, int Column)[] lines = [.. shown.Where(row => row.TryGetProperty("src", out _))
            .Select(row => (row.GetProperty("src").GetString()!.Trim(), Number(row, "line_num"), Number(row, "line_col")))];
        ProgramSpec spec = loaded.Spec.Programs.Single();
        Assert.True(BtfReader.TryRead(loaded.Spec.Btf.AsMemory(), out BtfTypes? types, out string reason), reason);
        (string, int, int)[] own = [.. spec.Lines.Select(line => (types!.StringAt(line.Text).Trim(), (int)(line.LineColumn >> 10), (int)(line.LineColumn & 0x3ff)))];
        Assert.Equal(own, lines);
        Assert.Contains("flow->port++;", lines.Select(line => line.Text));
        // Functions of the program have their names, and their arguments theirs.
        string text = string.Join('\n', shown.Where(row => row.TryGetProperty("proto", out _)).Select(row => row.GetProperty("proto").GetString()));
        Assert.Contains("int account(void * ctx)", text);
        Assert.Contains("u64 grow(u64 bytes)", text);
    }

    [Fact]
    public void It_shows_types_and_values_with_their_names()
    {
        using LoadedObject loaded = Load();
        using LoadedTypes types = LoadedTypes.Open(loaded.Program("account").BtfId);
        Assert.Equal(loaded.Spec.Btf.AsSpan(), types.Read());
        Assert.True(BtfReader.TryRead(types.Read(), out BtfTypes? read, out string reason), reason);
        string raw = Tools.RunOk(Tools.Need("bpftool"), ["btf", "dump", "id", $"{types.Id}", "format", "raw"]).Text;
        Assert.Equal(raw.TrimEnd(), BtfRawText.Print(read!).TrimEnd());
        loaded.Map("flows").Set([7, 0, 0, 0], [80, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        JsonElement formatted = Ask("map", "dump", "id", $"{loaded.Map("flows").Id}").Single().GetProperty("formatted");
        Assert.Equal((7, 80, 9), (formatted.GetProperty("key").GetInt32(), formatted.GetProperty("value").GetProperty("port").GetInt32(), formatted.GetProperty("value").GetProperty("bytes").GetInt32()));
    }

    [Fact]
    public void Pins_are_read_both_ways()
    {
        using var pins = new PinMount();
        using LoadedObject loaded = Load(new LoadOptions { PinDirectory = pins.Path });
        Assert.Equal(loaded.Map("flows").Id, AskOne("map", "show", "pinned", pins.PathForOthers + "/flows").GetProperty("id").GetUInt32());
        loaded.Program("account").Pin(Path.Combine(pins.Path, "account"));
        Assert.Equal(loaded.Program("account").Id, AskOne("prog", "show", "pinned", pins.PathForOthers + "/account").GetProperty("id").GetUInt32());
        Tools.RunOk(Tools.Need("bpftool"), ["map", "create", pins.PathForOthers + "/theirs", "type", "array", "key", "4", "value", "8", "entries", "3", "name", "theirs"]);
        using Map theirs = Map.OpenPinned(Path.Combine(pins.Path, "theirs"));
        Assert.Equal(("theirs", MapType.Array, 8, 3u), (theirs.Name, theirs.Type, theirs.ValueSize, theirs.MaxEntries));
        Assert.Contains("is no map", Assert.ThrowsAny<Hachi.Linux.BpfException>(() => Map.OpenPinned(Path.Combine(pins.Path, "account"))).Message);
    }

    [Fact]
    public void Pins_are_taken_only_from_where_they_are_safe()
    {
        using var pins = new PinMount();
        using Map map = Map.Create(new MapSpec("kept", MapType.Array, 4, 8, 1));
        string elsewhere = Directory.CreateTempSubdirectory("hachi-pins-").FullName;
        try
        {
            Assert.Contains("BPF file system", Assert.Throws<Hachi.Linux.BpfException>(() => map.Pin(Path.Combine(elsewhere, "kept"))).Message);
            Assert.Contains("no such directory", Assert.Throws<Hachi.Linux.BpfException>(() => map.Pin(Path.Combine(elsewhere, "none", "kept"))).Message);
            Assert.Contains("no dot", Assert.Throws<Hachi.Linux.BpfException>(() => map.Pin(Path.Combine(pins.Path, "a.b"))).Message);
            string open = Directory.CreateDirectory(Path.Combine(pins.Path, "open")).FullName;
            File.SetUnixFileMode(open, (UnixFileMode)0x1ff);
            Assert.Contains("other users", Assert.Throws<Hachi.Linux.BpfException>(() => map.Pin(Path.Combine(open, "kept"))).Message);
            File.SetUnixFileMode(open, (UnixFileMode)0x1c0);
            map.Pin(Path.Combine(open, "kept"));
            Assert.Equal((int)ErrorNumber.EEXIST, Assert.Throws<Hachi.Linux.BpfException>(() => map.Pin(Path.Combine(open, "kept"))).Errno);
            using (Map same = Map.OpenPinned(Path.Combine(open, "kept")))
                Assert.Equal(map.Id, same.Id);
            Tools.RunOk("chown", ["65534", pins.PathForOthers + "/open/kept"]);
            Assert.Contains("belongs to user 65534", Assert.Throws<Hachi.Linux.BpfException>(() => Map.OpenPinned(Path.Combine(open, "kept"))).Message);
            Assert.Equal((int)ErrorNumber.ENOENT, Assert.Throws<Hachi.Linux.BpfException>(() => Map.OpenPinned(Path.Combine(open, "other"))).Errno);
        }
        finally
        {
            Directory.Delete(elsewhere);
        }
    }

    private static LoadedObject Load(LoadOptions? options = null)
    {
        Tools.NeedRoot();
        return ElfObjectReader.Read(Clang.Build(Source, "-mcpu=v3")).Object!.Load(options);
    }

    // What is zero is not said.
    private static int Number(JsonElement row, string name) => row.TryGetProperty(name, out JsonElement number) ? number.GetInt32() : 0;

    private static JsonElement[] Ask(params string[] what) => [.. AskOne(what).EnumerateArray()];

    private static JsonElement AskOne(params string[] what) => JsonDocument.Parse(Tools.RunOk(Tools.Need("bpftool"), ["-j", .. what]).Text).RootElement;
}
