using System.Text;
using System.Text.Json;
using Hachi.Linux;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Tests.Cli;

/// <summary>The verbs that reach into the kernel, as root; and what they say to others.</summary>
public sealed class KernelVerbTests
{
    private const string Pass = ".license \"GPL\"\n.map counts hash key 4 value 8 entries 8\n.program pass xdp section \"xdp\"\n r1 = map[counts]\n r0 = 2\n exit\n";

    [Fact]
    public void Load_says_what_the_kernel_took()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.HachiWith(Encoding.UTF8.GetBytes(Pass), "load", "-", "--json");
        Assert.Equal((0, ""), (run.Status, run.Error));
        JsonElement document = JsonDocument.Parse(run.Text).RootElement;
        Assert.Equal(("pass", "xdp"), (document.GetProperty("programs")[0].GetProperty("name").GetString(), document.GetProperty("programs")[0].GetProperty("type").GetString()));
        Assert.Equal("counts", document.GetProperty("maps")[0].GetProperty("name").GetString());
    }

    [Fact]
    public void A_refusal_is_explained()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.HachiWith(Encoding.UTF8.GetBytes(Pass.Replace("r0 = 2", "r0 = r5", StringComparison.Ordinal)), "load", "-");
        Assert.Equal(3, run.Status);
        Assert.Contains("refuses program pass", run.Error);
        Assert.Contains("mend:", run.Error);
    }

    [Fact]
    public void What_cannot_be_is_told()
    {
        CommandRun run = CommandRun.HachiWith(Encoding.UTF8.GetBytes(Pass), "load", "-", "--attach", "moon:1");
        Assert.Equal(Tools.IsRoot ? 2 : 4, run.Status);
        Assert.Equal(2, CommandRun.Hachi("list", "everything").Status);
        Assert.Contains("no kind of place", CommandRun.Hachi("attach", "1", "moon").Error);
    }

    [Fact]
    public void Maps_are_read_and_changed_by_number()
    {
        Tools.NeedRoot();
        using Map map = Map.Create(new MapSpec("from_cli", MapType.Hash, 4, 8, 8));
        string id = $"{map.Id}";
        Assert.Equal(0, CommandRun.Hachi("map", "set", id, "7", "0x100").Status);
        Assert.Equal("from_cli[7] = 256\n", CommandRun.Hachi("map", "get", id, "7").Text);
        Assert.Equal("from_cli[7] = 256\n", CommandRun.Hachi("dump", "map", id).Text);
        Assert.Equal(2, CommandRun.Hachi("map", "set", id, "70000000000", "1").Status);
        Assert.Equal(0, CommandRun.Hachi("map", "delete", id, "7").Status);
        Assert.Equal(1, CommandRun.Hachi("map", "get", id, "7").Status);
        Assert.Contains($"map {id}: hash from_cli, key 4, value 8, entries 8", CommandRun.Hachi("list", "maps").Text);
    }

    [Fact]
    public void Maps_with_types_are_shown_and_changed_by_them()
    {
        Tools.NeedRoot();
        string name = $"typed_{Environment.ProcessId % 10_000}";
        using LoadedObject loaded = ElfObjectReader.Read(Clang.Build($$"""
            struct flow { u32 address; u16 port; u16 zone; };
            struct counts { u64 packets; u32 flags[2]; char label[8]; };
            struct { __uint(type, 1); __type(key, struct flow); __type(value, struct counts); __uint(max_entries, 8); } {{name}} SEC(".maps");
            struct { __uint(type, 6); __type(key, u32); __type(value, struct counts); __uint(max_entries, 1); } each_{{name}} SEC(".maps");
            u64 seen = 3; int limit = -1;
            SEC("socket") int look(void *ctx) { struct flow f = {}; u32 zero = 0; map_lookup_elem(&each_{{name}}, &zero); map_lookup_elem(&{{name}}, &f); return seen + limit; }
            """)).Object!.Load();
        Assert.Equal((0, ""), Brief(CommandRun.Hachi("map", "set", name, "{ .address = 0x7f000001, .port = 53 }", "{ .packets = 9, .label = \"dns\" }")));
        Assert.Equal((0, ""), Brief(CommandRun.Hachi("map", "set", name, "{\"address\": 2130706433, \"port\": 53}", "{ .flags = [1, 2] }")));
        Assert.Equal($"{name}[{{ .address = 2130706433, .port = 53, .zone = 0 }}] = {{ .packets = 9, .flags = [1, 2], .label = \"dns\" }}\n", CommandRun.Hachi("map", "get", name).Text);
        JsonElement row = JsonDocument.Parse(CommandRun.Hachi("dump", "map", $"{loaded.Map(name).Id}", "--json").Text).RootElement;
        Assert.Equal(("0100007f35000000", 53, 9, "dns"), (row.GetProperty("key").GetString(), row.GetProperty("formatted").GetProperty("key").GetProperty("port").GetInt32(),
            row.GetProperty("formatted").GetProperty("value").GetProperty("packets").GetInt32(), row.GetProperty("formatted").GetProperty("value").GetProperty("label").GetString()));
        Assert.Equal(0, CommandRun.Hachi("map", "set", $"each_{name}", "0", "{ .packets = 4 }").Status);
        Assert.Matches(@"^each_.*\[0\] = \{ \.packets = 4, .*\}(, \{ \.packets = 4, .*\})*\n$", CommandRun.Hachi("map", "get", $"each_{name}").Text);
        // Global variables are a map too, and a variable can be set without its neighbours.
        string data = $"{loaded.Maps.First(map => map.Name.EndsWith(".data", StringComparison.Ordinal)).Id}";
        Assert.Equal((0, ""), Brief(CommandRun.Hachi("map", "set", data, "0", "{ .seen = 40 }")));
        Assert.Contains(".seen = 40", CommandRun.Hachi("map", "get", data).Text);
        Assert.Contains(".limit = -1", CommandRun.Hachi("map", "get", data).Text);
        Assert.Contains("there is no member 'packet'; there are: packets, flags, label", CommandRun.Hachi("map", "set", name, "{}", "{ .packet = 9 }").Error);
        Assert.Contains("there is no map of the name 'nowhere'", CommandRun.Hachi("map", "get", "nowhere").Error);
    }

    [Fact]
    public void Programs_are_shown_with_their_functions_and_lines()
    {
        Tools.NeedRoot();
        string bpftool = Tools.Need("bpftool");
        using LoadedObject loaded = ElfObjectReader.Read(Clang.Build("""
            __noinline int twice(int number) { return number * 2; }
            SEC("tc") int first(void *ctx)
            {
                int number = ktime_get_ns() & 7;
                return twice(number) + 1;
            }
            """)).Object!.Load();
        string id = $"{loaded.Program("first").Id}", text = CommandRun.Hachi("dump", "prog", id, "--lines").Text;
        Assert.StartsWith("first:\n; ", text);
        Assert.Contains("\n\ntwice:\n", text);
        // Every line that bpftool shows, in its order.
        string[] theirs = [.. Tools.RunOk(bpftool, ["prog", "dump", "xlated", "id", id]).Text.Split('\n').Where(line => line.StartsWith("; ", StringComparison.Ordinal)).Select(line => line[2..].Trim())];
        string[] ours = [.. text.Split('\n').Where(line => line.StartsWith("; ", StringComparison.Ordinal)).Select(line => line[2..line.LastIndexOf(" [a.c:", StringComparison.Ordinal)])];
        Assert.Equal(theirs, ours);
        Assert.DoesNotContain("; ", CommandRun.Hachi("dump", "prog", id).Text);
        JsonElement row = JsonDocument.Parse(CommandRun.Hachi("list", "progs", "--json").Text).RootElement.EnumerateArray().First(each => $"{each.GetProperty("id")}" == id);
        JsonElement twin = JsonDocument.Parse(Tools.RunOk(bpftool, ["-j", "prog", "show", "id", id]).Text).RootElement;
        Assert.Equal(twin.GetProperty("uid").GetUInt32(), row.GetProperty("uid").GetUInt32());
        Assert.InRange(row.GetProperty("loaded_at").GetInt64() - twin.GetProperty("loaded_at").GetInt64(), -2, 2);
    }

    [Fact]
    public void Iterators_are_pinned_and_maps_that_want_it_are_found_again()
    {
        Tools.NeedRoot();
        using var pins = new PinMount();
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, Clang.Build("""
                struct { __uint(type, 2); __type(key, u32); __type(value, u64); __uint(max_entries, 1); __uint(pinning, 1); } kept SEC(".maps");
                struct meta { void *seq; u64 session, number; };
                struct context { struct meta *meta; void *task; };
                static long (*seq_write)(void *seq, const void *data, u32 length) = (void *)127;
                SEC("iter/task") int each(struct context *ctx)
                {
                    u32 zero = 0; u64 *runs = map_lookup_elem(&kept, &zero); char mark = 'x';
                    if (runs)
                        *runs += 1;
                    return ctx->task && seq_write(ctx->meta->seq, &mark, 1) < 0;
                }
                char _license[] SEC("license") = "GPL";
                """));
            // Only tried: nothing stays.
            Assert.Equal((0, ""), Brief(CommandRun.Hachi("load", file, "--pin-maps", pins.Path)));
            Assert.False(File.Exists(Path.Combine(pins.Path, "kept")));
            var ids = new List<uint>();
            foreach (string name in (string[])["one", "two"])
            {
                CommandRun run = CommandRun.Hachi("load", file, "--attach", "auto", "--pin", Path.Combine(pins.Path, name), "--pin-maps", pins.Path, "--json");
                Assert.Equal((0, ""), Brief(run));
                ids.Add(JsonDocument.Parse(run.Text).RootElement.GetProperty("maps")[0].GetProperty("id").GetUInt32());
                Assert.Matches("^x+$", File.ReadAllText(Path.Combine(pins.Path, name, "link_each")));
            }
            Assert.Equal(ids[0], ids[1]);
            Assert.Matches(@"^kept\[0\] = [1-9][0-9]*\n$", CommandRun.Hachi("map", "get", Path.Combine(pins.Path, "kept")).Text);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_socket_map_is_a_place()
    {
        Tools.NeedRoot();
        using LoadedObject loaded = ObjectParser.Parse(".license \"GPL\"\n.map sockets sockmap key 4 value 4 entries 2\n.program drop sk_msg section \"sk_msg\" attach sk_msg_verdict\n r0 = 0\n exit\n").Object!.Load();
        Map map = loaded.Map("sockets");
        Assert.True(Place.TryParse($"sockmap:{map.Id}", out Place? place, out string problem), problem);
        using (Link link = loaded.Program("drop").Attach(place!))
            Assert.Contains("on map sockets", link.Description);
        Assert.Contains("takes sk_skb or sk_msg", Assert.Throws<BpfException>(() => Hachi.Linux.Load.Program.Load(ProgramType.Xdp, [new(0xb7, imm: 2), new(0x95)]).Attach(place!)).Message);
        Assert.Equal("netns", Place.OfSection("sk_lookup")!.ToString());
    }

    [Fact]
    public void Others_are_told_what_to_type()
    {
        string setpriv = Tools.Need("setpriv", "util-linux");
        Tools.NeedRoot();
        foreach (string[] verb in (string[][])[["list", "progs"], ["list", "links", "--json"], ["dump", "map", "1"], ["map", "get", "1"], ["attach", "1", "xdp:lo"], ["detach", "1"], ["load", "a b.asm"]])
        {
            string folder = Directory.CreateTempSubdirectory("hachi-nobody-").FullName;
            try
            {
                File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
                File.WriteAllText(Path.Combine(folder, "a b.asm"), Pass);
                File.SetUnixFileMode(Path.Combine(folder, "a b.asm"), (UnixFileMode)0b110_100_100);
                ToolResult run = Tools.Run(setpriv, ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "dotnet", Path.Combine(AppContext.BaseDirectory, "Hachi.Cli.dll"), .. verb],
                    folder: folder, environment: new Dictionary<string, string?> { ["DOTNET_EnableDiagnostics"] = "0", ["HOME"] = "/tmp" });
                if (!run.Error.Contains("hachi:", StringComparison.Ordinal))
                    Assert.Skip("nobody may not read the build");
                Assert.Equal(4, run.ExitCode);
                Assert.Matches("EPERM: .*this process lacks CAP_(SYS_ADMIN|BPF)", run.Error);
                Assert.Contains($"\n  try: sudo hachi {string.Join(' ', verb).Replace("a b.asm", "'a b.asm'", StringComparison.Ordinal)}\n", run.Error);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private static (int Status, string Error) Brief(CommandRun run) => (run.Status, run.Error);

    [Fact]
    public void Lists_are_those_of_bpftool()
    {
        Tools.NeedRoot();
        string bpftool = Tools.Need("bpftool");
        using LoadedObject loaded = ObjectParser.Parse(Pass).Object!.Load();
        foreach ((string ours, string theirs) in new[] { ("progs", "prog"), ("maps", "map"), ("btf", "btf") })
        {
            JsonElement[] mine = [.. JsonDocument.Parse(CommandRun.Hachi("list", ours, "--json").Text).RootElement.EnumerateArray()];
            JsonElement[] other = [.. JsonDocument.Parse(Tools.Run(bpftool, ["-j", theirs, "list"]).Text).RootElement.EnumerateArray()];
            // Tests beside this one load and drop: only what both saw is compared.
            foreach (JsonElement row in mine)
            {
                JsonElement twin = Array.Find(other, each => each.GetProperty("id").GetUInt32() == row.GetProperty("id").GetUInt32());
                if (twin.ValueKind == JsonValueKind.Undefined || !twin.TryGetProperty("name", out JsonElement name) || !twin.TryGetProperty("type", out JsonElement type))
                    continue;
                Assert.StartsWith(row.GetProperty("name").GetString()!, name.GetString()!);
                Assert.Equal(type.GetString(), row.GetProperty("type").GetString());
            }
            if (ours == "progs")
                Assert.Contains(mine, row => row.GetProperty("id").GetUInt32() == loaded.Program("pass").Id);
        }
    }
}
