using System.Text.Json;
using Hachi.Isa;
using Hachi.Linux;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Tests.Linux;

/// <summary>Objects in the running kernel: what is loaded does what it says, bpftool sees it, and nothing stays behind.</summary>
[Collection(AloneCollection.Name)]
public sealed class LoadTests
{
    private const string Source = """
        struct { __uint(type, 1); __uint(max_entries, 64); __type(key, u32); __type(value, u64); } counts SEC(".maps");
        static volatile const u32 scale = 3;
        static u64 total;
        char _license[] SEC("license") = "GPL";
        static __noinline u64 grow(u64 x) { return x * scale; }

        SEC("tc") int count_one(void *ctx)
        {
            u32 key = 7;
            u64 one = 1, *value = map_lookup_elem(&counts, &key);
            if (value)
                *value += 1;
            else
                map_update_elem(&counts, &key, &one, 1);
            total += grow(2);
            return total;
        }
        """;

    [Fact]
    public void An_object_that_clang_built_runs_and_its_maps_are_read()
    {
        Tools.NeedRoot();
        BpfObject spec = ElfObjectReader.Read(Clang.Build(Source, "-mcpu=v3")).Object!;
        using LoadedObject loaded = spec.Load();
        Program program = loaded.Program("count_one");
        Assert.Equal(ProgramType.SchedCls, program.Type);
        for (int i = 1; i <= 3; i++)
            Assert.Equal((uint)(6 * i), program.Run(new byte[64]).ReturnValue);
        Map counts = loaded.Map("counts");
        byte[] value = new byte[8];
        Assert.True(counts.TryGet([7, 0, 0, 0], value));
        Assert.Equal(3UL, BitConverter.ToUInt64(value));
        Assert.False(counts.TryGet([8, 0, 0, 0], value));
        Assert.True(counts.TryAdd([8, 0, 0, 0], value));
        Assert.False(counts.TryAdd([8, 0, 0, 0], value));
        Assert.True(counts.TryReplace([8, 0, 0, 0], new byte[8]));
        byte[] key = new byte[4], next = new byte[4];
        Assert.True(counts.TryNextKey(default, key));
        Assert.True(counts.TryNextKey(key, next));
        Assert.False(counts.TryNextKey(next, key));
        Assert.True(counts.Remove([8, 0, 0, 0]));
        Assert.False(counts.Remove([8, 0, 0, 0]));
    }

    [Fact]
    public void Bpftool_sees_what_is_loaded()
    {
        Tools.NeedRoot();
        string bpftool = Tools.Need("bpftool");
        using LoadedObject loaded = ElfObjectReader.Read(Clang.Build(Source, "-mcpu=v3")).Object!.Load();
        Program program = loaded.Program("count_one");
        JsonElement shown = JsonDocument.Parse(Tools.Run(bpftool, ["-j", "prog", "show", "id", $"{program.Id}"]).Text).RootElement;
        Assert.Equal(("count_one", "sched_cls", program.Tag), (shown.GetProperty("name").GetString(), shown.GetProperty("type").GetString(), shown.GetProperty("tag").GetString()));
        Assert.Equal(program.ReadMapIds().Order(), shown.GetProperty("map_ids").EnumerateArray().Select(id => id.GetUInt32()).Order());
        JsonElement map = JsonDocument.Parse(Tools.Run(bpftool, ["-j", "map", "show", "id", $"{loaded.Map("counts").Id}"]).Text).RootElement;
        Assert.Equal(("counts", "hash", 64u), (map.GetProperty("name").GetString(), map.GetProperty("type").GetString(), map.GetProperty("max_entries").GetUInt32()));
        Assert.Contains(program.Id, Program.AllIds());
        using Map again = Map.Open(loaded.Map("counts").Id);
        Assert.Equal("counts", again.Name);
    }

    [Fact]
    public void A_refusal_carries_the_verifiers_last_word()
    {
        Tools.NeedRoot();
        var refused = Assert.Throws<BpfVerifierException>(() => Program.Load(ProgramType.SocketFilter, [new Insn(0x95)], "no_r0"));
        Assert.Equal((int)ErrorNumber.EACCES, refused.Errno);
        Assert.Contains("R0 !read_ok", refused.Reason);
        Assert.Contains("R0 !read_ok", refused.Log);
    }

    [Fact]
    public void Wrong_sizes_never_reach_the_kernel()
    {
        Tools.NeedRoot();
        using Map map = Map.Create(new MapSpec("sizes", MapType.PercpuArray, 4, 12, 2));
        Assert.Equal(16 * Processors.Possible, map.ValueBytes);
        Assert.Throws<ArgumentException>(() => map.TryGet(new byte[3], new byte[map.ValueBytes]));
        Assert.Throws<ArgumentException>(() => map.TryGet(new byte[4], new byte[12]));
        Assert.True(map.TryGet(new byte[4], new byte[map.ValueBytes]));
    }

    [Fact]
    public void Loading_and_dropping_leaves_no_descriptor()
    {
        Tools.NeedRoot();
        BpfObject spec = ElfObjectReader.Read(Clang.Build(Source, "-mcpu=v3")).Object!;
        spec.Load().Dispose();
        // Tests beside this one open files of their own, some tens; one descriptor left behind a load would be hundreds.
        const int Loads = 300;
        int before = Directory.GetFiles("/proc/self/fd").Length;
        for (int i = 0; i < Loads; i++)
            spec.Load().Dispose();
        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, before + Loads / 2);
    }
}
