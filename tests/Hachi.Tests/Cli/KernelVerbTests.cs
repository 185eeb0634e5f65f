using System.Text;
using System.Text.Json;
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
