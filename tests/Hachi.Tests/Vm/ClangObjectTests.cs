using Hachi.Object;
using Hachi.Uapi;
using Hachi.Vm;
using Hachi.Vm.Maps;

namespace Hachi.Tests.Vm;

/// <summary>One object that clang built: read here, run by every engine and by the running kernel, over the same random memory; results, memory and maps are equal.</summary>
public sealed class ClangObjectTests
{
    private const int MemoryBytes = 64;

    private const string Source = """
        struct entry { u64 count; u32 last; u32 flags; };
        struct { __uint(type, 1); __uint(max_entries, 64); __type(key, u32); __type(value, struct entry); } seen SEC(".maps");
        struct { __uint(type, 2); __uint(max_entries, 8); __type(key, u32); __type(value, u64); } sums SEC(".maps");
        static u64 runs = 5;
        static u8 history[32];
        static volatile const u16 table[8] = { 3, 1, 4, 1, 5, 9, 2, 6 };
        char _license[] SEC("license") = "GPL";

        static __noinline u64 mix(u64 x, u32 n) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; return x + table[n & 7]; }

        __noinline u64 note(u32 key, u32 last)
        {
            struct entry *e = map_lookup_elem(&seen, &key), fresh = { 1, last, key ^ 0xff };
            if (!e)
                return map_update_elem(&seen, &key, &fresh, 1) == 0;
            e->count++;
            e->last = last;
            return e->count;
        }

        SEC("syscall") int first(u8 *memory)
        {
            u64 x = runs++;
        #pragma clang loop unroll(full)
            for (u32 i = 0; i < 16; i++) {
                u32 word = ((u32 *)memory)[i], slot = word & 7;
                x = mix(x ^ word, i);
                u64 *sum = map_lookup_elem(&sums, &slot);
                if (sum)
                    __sync_fetch_and_add(sum, x & 0xffff);
                x += note(word & 15, word);
                history[x & 31]++;
                memory[(i * 4) & 63] = x;
            }
            return x;
        }
        """;

    [Theory]
    [InlineData("-mcpu=v1")]
    [InlineData("-mcpu=v3")]
    [InlineData("-mcpu=v4")]
    public void Engines_and_kernel_agree(string cpu)
    {
        BpfObject bpf = ElfObjectReader.Read(Clang.Build(Source, cpu)).Object!;
        BpfObject written = ElfObjectReader.Read(ElfObjectWriter.Write(bpf)).Object!;
        using KernelObject? kernel = KernelObject.Load(written, out string log);
        Assert.True(kernel is not null, log);
        Random random = Volume.Random(nameof(Engines_and_kernel_agree));
        byte[][] memories = [.. Enumerable.Range(0, Volume.Of(1000, 20)).Select(_ => Bytes(random))];
        List<(uint, string)> expected = [.. memories.Select(memory =>
        {
            KernelOutcome outcome = kernel.Run([], memory);
            Assert.Equal(0, outcome.Errno);
            return (outcome.R0, Convert.ToHexString(outcome.Context));
        })];
        foreach (VmEngine engine in EbpfEngines.All)
        {
            using VmObject vm = VmObject.Load(bpf, new VmOptions { Engine = engine }).Object!;
            for (int i = 0; i < memories.Length; i++)
            {
                byte[] memory = [.. memories[i]];
                VmResult result = vm.Programs[0].Run(memory);
                Assert.True(result.Success, result.Fault?.ToString());
                Assert.True(expected[i] == ((uint)result.R0, Convert.ToHexString(memory)), $"{engine}, run {i}: r0 0x{result.R0:x}; {Volume.Note}");
            }
            for (int i = 0; i < bpf.Maps.Length; i++)
            {
                int inKernel = written.Maps.ToList().FindIndex(map => map.Name == bpf.Maps[i].Name);
                foreach (byte[] key in vm.Maps[i].Keys())
                {
                    byte[] here = new byte[vm.Maps[i].ValueSize], there = new byte[here.Length];
                    Assert.True(vm.Maps[i].TryGet(key, here));
                    Assert.Equal(0, kernel.Maps[inKernel].Get(key, there));
                    Assert.Equal(Convert.ToHexString(there), Convert.ToHexString(here));
                }
            }
        }
    }

    private static byte[] Bytes(Random random)
    {
        byte[] bytes = new byte[MemoryBytes];
        random.NextBytes(bytes);
        return bytes;
    }
}
