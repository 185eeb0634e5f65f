using Hachi.Linux.Load;
using Hachi.Object;

namespace Hachi.Tests.Object;

public sealed class DataVariableTests
{
    private const string Source = """
        const volatile int factor = 3;
        const volatile u64 limit;
        int shared = 5;
        static volatile u32 counts[4];
        struct { short a; long b; } pair;
        SEC("socket") int use(void *ctx) { counts[1] += shared; pair.b = 7; return (int)limit + factor * 2 + counts[1] + (int)pair.b; }
        """;

    [Fact]
    public void Variables_are_what_the_source_says()
    {
        BpfObject bpf = ElfObjectTests.Read(Clang.Build(Source));
        var all = bpf.Variables().ToDictionary(variable => variable.Name);
        Assert.Equal(["counts", "factor", "limit", "pair", "shared"], all.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((".rodata", 4, true), (all["factor"].Map, all["factor"].SizeBytes, all["factor"].IsConstant));
        Assert.Equal((".bss", 16, false), (all["counts"].Map, all["counts"].SizeBytes, all["counts"].IsConstant));
        Assert.Equal((".data", 4), (all["shared"].Map, all["shared"].SizeBytes));
        Assert.Equal(16, all["pair"].SizeBytes);
        Assert.Equal(3, bpf.VariableValue<int>("factor"));
        Assert.Equal(0ul, bpf.VariableValue<ulong>("limit"));
        Assert.Equal(5, bpf.VariableValue<int>("shared"));
    }

    [Fact]
    public void An_object_with_other_values_runs_with_them()
    {
        BpfObject bpf = ElfObjectTests.Read(Clang.Build(Source));
        BpfObject changed = bpf.WithVariable("factor", 10).WithVariable("limit", 1000ul).WithVariable("shared", 100).WithVariable("counts", (ReadOnlySpan<byte>)[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        Assert.Equal((10, 1000ul, 100), (changed.VariableValue<int>("factor"), changed.VariableValue<ulong>("limit"), changed.VariableValue<int>("shared")));
        Assert.Equal(bpf, changed.WithVariable("factor", 3).WithVariable("limit", 0ul).WithVariable("shared", 5).WithVariable("counts", (ReadOnlySpan<byte>)new byte[16]));
        Tools.NeedRoot();
        using LoadedObject loaded = changed.Load();
        Assert.Equal(1000u + 20 + 101 + 7, loaded.Program("use").Run(new byte[64]).ReturnValue);
    }

    [Fact]
    public void Wrong_names_and_sizes_are_told()
    {
        BpfObject bpf = ElfObjectTests.Read(Clang.Build(Source));
        Assert.Contains("did you mean 'factor'?", Assert.Throws<KeyNotFoundException>(() => bpf.WithVariable("facto", 1)).Message);
        Assert.Contains("4 bytes", Assert.Throws<ArgumentException>(() => bpf.WithVariable("factor", 1L)).Message);
    }
}
