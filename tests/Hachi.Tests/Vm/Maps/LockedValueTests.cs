using System.Buffers.Binary;
using Hachi.Linux;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;
using Hachi.Vm;
using Hachi.Vm.Contexts;
using Hachi.Vm.Maps;

namespace Hachi.Tests.Vm.Maps;

/// <summary>Values with a lock in them (<c>struct bpf_spin_lock</c>): copies leave the lock alone, <c>BPF_F_LOCK</c> writes under it; held against the running kernel.</summary>
public sealed class LockedValueTests
{
    private const string Source = """
        struct bpf_spin_lock { u32 val; };
        struct pair { u64 one; struct bpf_spin_lock lock; u32 two; u64 three; };
        struct { __uint(type, 2); __uint(max_entries, 4); __type(key, u32); __type(value, struct pair); } array SEC(".maps");
        struct { __uint(type, 1); __uint(max_entries, 4); __type(key, u32); __type(value, struct pair); } hash SEC(".maps");
        struct { __uint(type, 1); __uint(max_entries, 4); __type(key, u32); __type(value, u64); } plain SEC(".maps");
        static long (*spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
        static long (*spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
        char _license[] SEC("license") = "GPL";

        SEC("xdp") int count(void *ctx)
        {
            u32 key = 1;
            struct pair *p = map_lookup_elem(&array, &key), *q = map_lookup_elem(&hash, &key);
            u64 *r = map_lookup_elem(&plain, &key);
            if (!p)
                return 0;
            spin_lock(&p->lock);
            p->one++;
            p->two += 2;
            p->three += p->one + p->two;
            spin_unlock(&p->lock);
            if (!q)
                return r ? 5 : 1;
            spin_lock(&q->lock);
            q->three++;
            spin_unlock(&q->lock);
            return 2;
        }
        """;

    [Fact]
    public void The_same_operations_have_the_same_results_as_in_the_kernel()
    {
        Tools.NeedRoot();
        BpfObject spec = ElfObjectReader.Read(Clang.Build(Source)).Object!;
        Random random = Volume.Random(nameof(The_same_operations_have_the_same_results_as_in_the_kernel));
        foreach (VmEngine engine in EbpfEngines.All)
        {
            using LoadedObject kernel = spec.Load();
            using VmObject vm = VmObject.Load(spec, new VmOptions { Engine = engine }).Object!;
            byte[] key = new byte[4];
            int locked = 0;
            for (int i = 0; i < Volume.Of(20_000, 400); i++)
            {
                MapSpec map = spec.Maps[random.Next(spec.Maps.Length)];
                Map theirs = kernel.Map(map.Name);
                VmMap ours = vm.FindMap(map.Name)!;
                BinaryPrimitives.WriteInt32LittleEndian(key, random.Next(6));
                ulong flags = (random.Next(2) == 0 ? 4u : 0) | (random.Next(3) == 0 ? (uint)random.Next(4) : 0);
                byte[] here = new byte[map.ValueSize], there = new byte[map.ValueSize];
                string what;
                int expected, result;
                switch (random.Next(4))
                {
                    case 0:
                        random.NextBytes(here);
                        (what, expected, result) = ("update", Errno(() => theirs.Set(key, here, (UpdateFlags)flags)), ours.Update(key, here, flags));
                        locked += expected == 0 && (flags & 4) != 0 ? 1 : 0;
                        here.CopyTo(there, 0);
                        break;
                    case 1:
                        (what, expected, result) = ("delete", Errno(() => theirs.Remove(key) ? 0 : -(int)ErrorNumber.ENOENT), ours.Delete(key));
                        break;
                    case 2:
                        (what, expected, result) = ("look-up", Errno(() => theirs.TryGet(key, there, (UpdateFlags)flags) ? 0 : -(int)ErrorNumber.ENOENT), ours.Get(key, here, flags));
                        break;
                    default:
                        (what, expected, result) = ("run", (int)kernel.Program("count").Run(new byte[64]).ReturnValue, (int)vm.Programs[0].Run(new XdpContext(new byte[64])).R0);
                        break;
                }
                Assert.True(expected == result, $"{engine}, step {i}: {what} of {map.Name} with flags {flags}: {expected} in the kernel, {result} here; {Volume.Note}");
                Assert.True(expected != 0 || here.AsSpan().SequenceEqual(there), $"{engine}, step {i}: {what} of {map.Name}: {Convert.ToHexString(there)} in the kernel, {Convert.ToHexString(here)} here; {Volume.Note}");
            }
            Assert.True(locked > 10, $"{locked} updates under a lock");
        }
    }

    [Fact]
    public void Programs_and_csharp_do_not_see_each_other_half_done()
    {
        BpfObject spec = ElfObjectReader.Read(Clang.Build(Source)).Object!;
        using VmObject vm = VmObject.Load(spec).Object!;
        VmMap map = vm.FindMap("array")!;
        byte[] key = [1, 0, 0, 0], value = new byte[map.ValueSize];
        bool stop = false;
        var writer = new Thread(() =>
        {
            byte[] fresh = new byte[map.ValueSize];
            for (ulong n = 0; !Volatile.Read(ref stop); n++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(fresh, n);
                BinaryPrimitives.WriteUInt64LittleEndian(fresh.AsSpan(16), ~n);
                Assert.Equal(0, map.Update(key, fresh, 4));
            }
        });
        Assert.Equal(0, map.Update(key, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255], 4));
        writer.Start();
        for (int i = 0; i < 20_000; i++)
        {
            Assert.Equal(0, map.Get(key, value, 4));
            Assert.Equal(BinaryPrimitives.ReadUInt64LittleEndian(value), ~BinaryPrimitives.ReadUInt64LittleEndian(value.AsSpan(16)));
        }
        Volatile.Write(ref stop, true);
        writer.Join();
    }

    private static int Errno(Action action) => Errno(() =>
    {
        action();
        return 0;
    });

    private static int Errno(Func<int> action)
    {
        try
        {
            return action();
        }
        catch (BpfException e)
        {
            return -e.Errno;
        }
    }
}
