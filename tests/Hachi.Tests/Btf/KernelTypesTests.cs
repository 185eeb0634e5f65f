using System.Diagnostics;
using System.Text.RegularExpressions;
using Hachi.Btf;
using Hachi.Linux.Kernel;

namespace Hachi.Tests.Btf;

/// <summary>The running kernel's types: what bpftool, clang's own view and the kernel's headers say of them.</summary>
public sealed class KernelTypesTests
{
    internal static KernelBtf Kernel()
    {
        KernelBtf? kernel = KernelBtf.TryOpen(out string reason);
        if (kernel is null)
            Assert.Skip(reason);
        return kernel;
    }

    [Fact]
    public void The_index_is_small_and_made_at_once()
    {
        _ = Kernel();
        byte[] bytes = File.ReadAllBytes("/sys/kernel/btf/vmlinux");
        long before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        Assert.True(BtfReader.TryRead(bytes, out BtfTypes? types, out _));
        TimeSpan read = watch.Elapsed;
        uint task = types!.Find(BtfKind.Struct, "task_struct");
        TimeSpan named = watch.Elapsed;
        long index = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(types.TryFindEnumerator("BPF_PROG_TYPE_XDP", out _, out long value) && value == 6);
        TestContext.Current.TestOutputHelper?.WriteLine($"{types.Count} types: index {read.TotalMilliseconds:f1} ms, with names {named.TotalMilliseconds:f1} ms, with values {watch.Elapsed.TotalMilliseconds:f1} ms; {index / 1024} KiB beyond the {bytes.Length / 1024} KiB of the file");
        Assert.NotEqual(0u, task);
        Assert.InRange(bytes.Length + index, 0, 8 << 20);
    }

    [Fact]
    public void Structures_enumerations_and_functions_are_found_and_described()
    {
        BtfTypes types = Kernel().Types;
        uint task = types.Find(BtfKind.Struct, "task_struct");
        Assert.True(types.TryFindMember(task, "pid", out BtfMember pid));
        Assert.Equal(4u, types.SizeOf(pid.Type));
        Assert.True(types.TryFindMember(types.Find(BtfKind.Struct, "sk_buff"), "dev", out BtfMember dev)); // in an anonymous union
        Assert.Equal(BtfKind.Ptr, types[dev.Type].Kind);
        Assert.Equal(0u, dev.BitOffset % 64);
        Assert.False(types.TryFindMember(task, "no such member", out _));
        uint commands = types.Find(BtfKind.Enum, "bpf_cmd");
        Assert.Contains(types.ValuesOf(commands), value => value is { Name: "BPF_PROG_LOAD", Value: 5 });
        uint open = types.Find(BtfKind.Func, "vfs_read");
        Assert.Equal(["file", "buf", "count", "pos"], types.ParametersOf(open).Select(parameter => parameter.Name));
        Assert.Contains(task, types.FindAll("task_struct"));
        Assert.Equal(0u, types.Find(BtfKind.Struct, "no such type"));
        Assert.False(types.TryFindEnumerator("NO_SUCH_VALUE", out _, out _));
    }

    [Fact]
    public void Names_find_the_first_type_of_their_kind()
    {
        BtfTypes types = Kernel().Types;
        var first = new Dictionary<(BtfKind, string), uint>();
        for (uint id = 1; id < types.Count; id++)
            if (types[id].NameOffset != 0)
                first.TryAdd((types[id].Kind, types.NameOf(id)), id);
        foreach (((BtfKind kind, string name), uint id) in first)
            Assert.Equal(id, types.Find(kind, name));
    }

    [Fact]
    public void Every_enumerator_is_found_by_name()
    {
        BtfTypes types = Kernel().Types;
        var first = new Dictionary<string, (uint, long)>();
        for (uint id = 1; id < types.Count; id++)
            foreach (BtfEnumerator value in types.ValuesOf(id))
                first.TryAdd(value.Name, (id, value.Value));
        Assert.True(first.Count > 10_000);
        foreach ((string name, (uint type, long value)) in first)
            Assert.True(types.TryFindEnumerator(name, out uint foundType, out long found) && (foundType, found) == (type, value), name);
    }

    [Fact]
    public void Sizes_and_alignments_are_those_that_a_compiler_gives()
    {
        BtfTypes types = Kernel().Types;
        // The members' offsets of a structure without bit fields follow from sizes and alignments; the kernel has about 10,000 structures to try that on.
        int tried = 0;
        for (uint id = 1; id < types.Count; id++)
        {
            BtfType type = types[id];
            if (type.Kind != BtfKind.Struct || type.Flag || type.Count == 0 || types.AlignOf(id) is not { } align)
                continue;
            ulong at = 0;
            foreach (BtfMember member in types.MembersOf(id))
            {
                Assert.True(types.AlignOf(member.Type) is not null && types.SizeOf(member.Type) is not null, types.NameOf(id));
                Assert.True(member.BitOffset / 8 >= at, $"{types.NameOf(id)}.{member.Name} begins at {member.BitOffset / 8}, inside what is in front of it");
                at = member.BitOffset / 8 + types.SizeOf(member.Type)!.Value;
            }
            Assert.True(at <= type.SizeOrType, types.NameOf(id));
            Assert.Equal(0u, type.SizeOrType % align);
            tried++;
        }
        Assert.True(tried > 1000);
    }
}
