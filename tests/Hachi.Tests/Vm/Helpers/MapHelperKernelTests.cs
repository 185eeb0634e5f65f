using System.Text;
using Hachi.Vm;

namespace Hachi.Tests.Vm.Helpers;

/// <summary>Random programs that work on a map through helpers: every result is the kernel's, and so is the map afterwards.</summary>
public sealed class MapHelperKernelTests
{
    private const int Steps = 12;

    public static TheoryData<string> Kinds => ["hash", "array", "percpu_hash", "percpu_array", "lru_hash", "lru_percpu_hash", "queue", "stack"];

    [Theory, MemberData(nameof(Kinds))]
    public void Programs_see_the_same_map(string kind)
    {
        Random random = Volume.Random($"map helpers {kind}");
        // Per-CPU maps show on which processor a program ran: this thread stays on the first.
        using var pinned = new PinnedThread();
        for (int i = 0; i < Volume.Of(2_000, 12); i++)
        {
            string text = Write(kind, random);
            using BothMachines both = BothMachines.Load(text);
            for (int run = 0; run < 3; run++)
                both.Run(new byte[8 * Steps * 2], $"{text}\n{Volume.Note}");
            foreach (VmObject machine in both.Ours)
                Compare(both, machine, text);
        }
    }

    // Each step writes r0 (of a look-up: whether there was one) and the value that it saw to the context.
    private static string Write(string kind, Random random)
    {
        bool isQueue = kind is "queue" or "stack", isArray = kind.EndsWith("array", StringComparison.Ordinal);
        int key = isQueue ? 0 : isArray ? 4 : random.Next(2) == 0 ? 4 : 8;
        string entries = kind.StartsWith("lru", StringComparison.Ordinal) ? "512" : "4";
        var code = new StringBuilder($"""
            .map m {kind} key {key} value 8 entries {entries}
            .program main syscall
                    r6 = r1

            """);
        for (int i = 0; i < Steps; i++)
        {
            int chosen = random.Next(4), number = random.Next(7);
            code.AppendLine($"        *(u64 *)(r10 - 8) = {number}");
            code.AppendLine($"        *(u64 *)(r10 - 16) = {random.Next(1000)}").AppendLine("        r1 = map[m] ll").AppendLine("        r2 = r10");
            if (isQueue)
            {
                code.AppendLine("        r2 += -16").AppendLine($"        r3 = {random.Next(4) switch { 0 => 2, 1 => random.Next(5), _ => 0 }}");
                code.AppendLine($"        call bpf_map_{(chosen < 2 ? "push" : chosen == 2 ? "pop" : "peek")}_elem").AppendLine("        r1 = *(u64 *)(r10 - 16)");
            }
            else
            {
                code.AppendLine("        r2 += -8");
                if (chosen < 2)
                    code.AppendLine("        r3 = r10").AppendLine("        r3 += -16").AppendLine($"        r4 = {(random.Next(2) == 0 ? 0 : random.Next(4))}");
                code.AppendLine($"        call bpf_map_{(chosen < 2 ? "update" : chosen == 2 ? "delete" : "lookup")}_elem").AppendLine("        r1 = 0");
                if (chosen == 3)
                    code.AppendLine($"        if r0 == 0 goto none{i}").AppendLine("        r1 = *(u64 *)(r0 + 0)").AppendLine("        r2 = 1").AppendLine("        lock *(u64 *)(r0 + 0) += r2").AppendLine("        r0 = 1").AppendLine($"none{i}:");
            }
            code.AppendLine($"        *(u64 *)(r6 + {16 * i}) = r0").AppendLine($"        *(u64 *)(r6 + {16 * i + 8}) = r1");
        }
        return code.AppendLine("        r0 = 0").AppendLine("        exit").ToString();
    }

    private static void Compare(BothMachines both, VmObject machine, string text)
    {
        Hachi.Vm.Maps.VmMap ours = machine.Maps[0];
        if (ours.KeySize == 0)
            return;
        var expected = new SortedSet<string>(StringComparer.Ordinal);
        byte[] key = [], next = new byte[ours.KeySize];
        while (both.Theirs.Maps[0].NextKey(key, next) == 0)
        {
            byte[] value = new byte[ours.UserValueSize];
            Assert.Equal(0, both.Theirs.Maps[0].Get(next, value));
            expected.Add(Show(next, value));
            key = [.. next];
        }
        var actual = new SortedSet<string>(ours.Keys().Select(each =>
        {
            byte[] value = new byte[ours.UserValueSize];
            Assert.Equal(0, ours.Get(each, value));
            return Show(each, value);
        }), StringComparer.Ordinal);
        Assert.True(expected.SetEquals(actual), $"kernel {string.Join(' ', expected)}\nhere {string.Join(' ', actual)}\n{text}\n{Volume.Note}");
    }

    // On which processor the kernel ran is its own business: per-CPU values are compared as a sum.
    private static string Show(byte[] key, byte[] value)
    {
        ulong sum = 0;
        for (int i = 0; i < value.Length; i += 8)
            sum += BitConverter.ToUInt64(value, i);
        return $"{Convert.ToHexString(key)}={sum}";
    }
}
