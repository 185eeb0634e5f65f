using System.Text;
using Hachi.Object;
using Hachi.Vm;
using Hachi.Vm.Contexts;

namespace Hachi.Tests.Vm.Helpers;

/// <summary>Programs on packets, here on each engine and in the running kernel: the same verdict, packet and fields afterwards.</summary>
public sealed class PacketKernelTests
{
    private const int Steps = 6;

    // Results go into the packet's end by skb_store_bytes, and into a map that is compared, so that every r0 counts.
    private static string Tc(Random random)
    {
        var code = new StringBuilder("""
            .map out array key 4 value 192 entries 1
            .program main sched_cls
                    r6 = r1
                    *(u32 *)(r10 - 4) = 0
                    r1 = map[out] ll
                    r2 = r10
                    r2 += -4
                    call bpf_map_lookup_elem
                    if r0 == 0 goto out
                    r7 = r0

            """);
        for (int i = 0; i < Steps; i++)
        {
            code.AppendLine($"        *(u64 *)(r10 - 16) = {random.Next()}").AppendLine($"        *(u64 *)(r10 - 24) = {random.Next()}").AppendLine("        r1 = r6");
            int offset = random.Next(12) == 0 ? random.Next(-3, 70_000) : random.Next(0, 60), size = random.Next(1, 9);
            switch (random.Next(14))
            {
                case 0:
                    code.AppendLine($"        r2 = {offset}\n        r3 = r10\n        r3 += -16\n        r4 = {size}\n        call bpf_skb_load_bytes");
                    break;
                case 1:
                    code.AppendLine($"        r2 = {offset}\n        r3 = r10\n        r3 += -16\n        r4 = {size}\n        r5 = {random.Next(0, 3)}\n        call bpf_skb_load_bytes_relative");
                    break;
                case 2:
                    code.AppendLine($"        r2 = {offset}\n        r3 = r10\n        r3 += -16\n        r4 = {size}\n        r5 = {random.Next(0, 5)}\n        call bpf_skb_store_bytes");
                    break;
                case 3:
                    code.AppendLine($"        r2 = {offset}\n        r3 = {(random.Next(3) == 0 ? 0 : random.Next())}\n        r4 = {random.Next()}\n        r5 = {((int[])[0, 2, 4, 1, 18])[random.Next(5)]}\n        call bpf_l3_csum_replace");
                    break;
                case 4:
                    code.AppendLine($"        r2 = {offset}\n        r3 = {(random.Next(3) == 0 ? 0 : random.Next())}\n        r4 = {random.Next()}\n        r5 = {((int[])[0, 2, 4, 0x12, 0x14, 0x24, 0x64, 0x60, 3])[random.Next(9)]}\n        call bpf_l4_csum_replace");
                    break;
                case 5:
                    code.AppendLine($"        r1 = r10\n        r1 += -16\n        r2 = {4 * random.Next(1, 3)}\n        r3 = r10\n        r3 += -24\n        r4 = {4 * random.Next(1, 3)}\n        r5 = {random.Next()}\n        call bpf_csum_diff");
                    break;
                case 6:
                    code.AppendLine($"        r2 = {random.Next(0, 200)}\n        call bpf_skb_pull_data");
                    break;
                case 7: // within the kernel's headroom: where it has to move the packet, it mistakes an unset transport header for a set one
                    code.AppendLine($"        r2 = {random.Next(0, 8)}\n        r3 = {(random.Next(8) == 0 ? 1 : 0)}\n        call bpf_skb_change_head");
                    break;
                case 8:
                    code.AppendLine($"        r2 = {random.Next(20, 300)}\n        r3 = {(random.Next(8) == 0 ? 1 : 0)}\n        call bpf_skb_change_tail");
                    break;
                case 9:
                    code.AppendLine($"        r2 = {((int[])[0x0081, 0xa888, 5])[random.Next(3)]}\n        r3 = {random.Next(1, 0xffff)}\n        call bpf_skb_vlan_push");
                    break;
                case 10:
                    code.AppendLine("        call bpf_skb_vlan_pop");
                    break;
                case 11:
                    code.AppendLine($"        r2 = {random.Next(5)}\n        call bpf_csum_level");
                    break;
                case 12:
                    code.AppendLine($"        r2 = {random.Next()}\n        call bpf_csum_update");
                    break;
                default:
                    code.AppendLine($"        r2 = {random.Next(0, 6)}\n        call bpf_skb_change_type");
                    break;
            }
            code.AppendLine($"        *(u64 *)(r7 + {32 * i}) = r0").AppendLine("        r1 = *(u64 *)(r10 - 16)").AppendLine($"        *(u64 *)(r7 + {32 * i + 8}) = r1");
            string[] fields = ["len", "mark", "priority", "protocol", "tc_index", "cb", "pkt_type", "vlan_present", "vlan_tci", "vlan_proto"];
            string field = fields[random.Next(fields.Length)];
            int at = Hachi.Uapi.ContextLayouts.SkBuff.Find(field)!.Value.Offset;
            code.AppendLine($"        r1 = *(u32 *)(r6 + {at})").AppendLine($"        *(u64 *)(r7 + {32 * i + 16}) = r1");
            if (field is "mark" or "priority" or "tc_index" or "cb")
                code.AppendLine($"        *(u32 *)(r6 + {at}) = {random.Next(field == "tc_index" ? 1 << 16 : int.MaxValue)}"); // of tc_index the kernel keeps 16 bits
            // Direct access behind a check.
            code.AppendLine($"        r2 = *(u32 *)(r6 + 76)\n        r3 = *(u32 *)(r6 + 80)\n        r4 = r2\n        r4 += {offset & 63}\n        r4 += 8\n        if r4 > r3 goto skip{i}\n        r5 = *(u64 *)(r4 - 8)\n        *(u64 *)(r7 + {32 * i + 24}) = r5\n        *(u16 *)(r4 - 4) = 7\nskip{i}:");
        }
        return code.AppendLine("out:    r0 = 3").AppendLine("        exit").ToString();
    }

    private static string Xdp(Random random)
    {
        var code = new StringBuilder("""
            .map out array key 4 value 192 entries 1
            .program main xdp
                    r6 = r1
                    *(u32 *)(r10 - 4) = 0
                    r1 = map[out] ll
                    r2 = r10
                    r2 += -4
                    call bpf_map_lookup_elem
                    if r0 == 0 goto out
                    r7 = r0

            """);
        for (int i = 0; i < Steps; i++)
        {
            int offset = random.Next(12) == 0 ? random.Next(70_000) : random.Next(0, 60), size = random.Next(1, 9);
            code.AppendLine($"        *(u64 *)(r10 - 16) = {random.Next()}").AppendLine("        r1 = r6");
            code.AppendLine(random.Next(6) switch
            {
                0 => $"        r2 = {random.Next(-230, 60)}\n        call bpf_xdp_adjust_head",
                1 => $"        r2 = {random.Next(-60, 400) * (random.Next(5) == 0 ? 10 : 1)}\n        call bpf_xdp_adjust_tail",
                2 => $"        r2 = {random.Next(-70, 10) * (random.Next(3) > 0 ? 4 : 1)}\n        call bpf_xdp_adjust_meta",
                3 => $"        r2 = {offset}\n        r3 = r10\n        r3 += -16\n        r4 = {size}\n        call bpf_xdp_load_bytes",
                4 => $"        r2 = {offset}\n        r3 = r10\n        r3 += -16\n        r4 = {size}\n        call bpf_xdp_store_bytes",
                _ => "        call bpf_xdp_get_buff_len",
            });
            code.AppendLine($"        *(u64 *)(r7 + {32 * i}) = r0").AppendLine("        r1 = *(u64 *)(r10 - 16)").AppendLine($"        *(u64 *)(r7 + {32 * i + 8}) = r1");
            code.AppendLine($"        r2 = *(u32 *)(r6 + 0)\n        r3 = *(u32 *)(r6 + 4)\n        r4 = r2\n        r4 += {offset & 63}\n        r4 += 8\n        if r4 > r3 goto skip{i}\n        r5 = *(u64 *)(r4 - 8)\n        *(u64 *)(r7 + {32 * i + 24}) = r5\n        *(u16 *)(r4 - 4) = 7\nskip{i}:");
            code.AppendLine($"        r2 = *(u32 *)(r6 + 8)\n        r3 = *(u32 *)(r6 + 0)\n        r4 = r2\n        r4 += 4\n        if r4 > r3 goto bare{i}\n        *(u32 *)(r2 + 0) = {random.Next(1 << 20)}\nbare{i}:");
        }
        return code.AppendLine("out:    r0 = 2").AppendLine("        exit").ToString();
    }

    [Fact]
    public void Tc_programs() => Compare("tc", Tc, (machine, frame) =>
    {
        var context = new SkbContext(frame) { Ifindex = 1, PacketType = 3 };
        return (machine.Programs[0].Run(context), context);
    });

    [Fact]
    public void Xdp_programs() => Compare("xdp", Xdp, (machine, frame) =>
    {
        var context = new XdpContext(frame);
        return (machine.Programs[0].Run(context), context);
    });

    [Fact]
    public void Socket_filters_load_in_the_old_way()
    {
        Random random = Volume.Random("socket");
        for (int i = 0; i < Volume.Of(2_000, 40); i++)
        {
            int a = random.Next(0, 60), b = random.Next(8) == 0 ? -0x100000 + random.Next(20) : random.Next(0, 70);
            string text = $"""
                .program main socket_filter
                        r6 = r1
                        r0 = *(u{8 << random.Next(3)} *)skb[{a}]
                        r7 = r0
                        r8 = {random.Next(0, 20)}
                        r0 = *(u{8 << random.Next(3)} *)skb[r8 + {b}]
                        r7 ^= r0
                        r1 = *(u32 *)(r6 + 0)
                        r7 += r1
                        r1 = *(u32 *)(r6 + 16)
                        r7 += r1
                        r0 = r7
                        exit
                """;
            Compare(text, Frame(random), (machine, frame) =>
            {
                var context = new SkbContext(frame, 14) { Ifindex = 1, PacketType = 3 };
                return (machine.Programs[0].Run(context), context);
            });
        }
    }

    private static byte[] Frame(Random random)
    {
        byte[] frame = new byte[random.Next(60, 140)];
        random.NextBytes(frame);
        frame[0] &= 0xfe; // not for everybody, not for this machine
        frame[0] |= 2;
        frame[12] = 8;
        frame[13] = 0;
        return frame;
    }

    private static void Compare(string name, Func<Random, string> write, Func<VmObject, byte[], (VmResult Result, PacketContext Context)> run)
    {
        Random random = Volume.Random(name);
        for (int i = 0; i < Volume.Of(5_000, name == "xdp" ? 25 : 60); i++)
            Compare(write(random), Frame(random), run);
    }

    private static void Compare(string text, byte[] frame, Func<VmObject, byte[], (VmResult Result, PacketContext Context)> run)
    {
        BpfObject spec = BothMachines.Parse(text);
        using KernelObject? theirs = KernelObject.Load(spec, out string log);
        Assert.True(theirs is not null, $"the kernel refuses\n{text}\n{log}");
        KernelOutcome expected = theirs.Run(frame, []);
        Assert.True(expected.Errno == 0, $"errno {expected.Errno}");
        foreach (VmEngine engine in EbpfEngines.All)
        {
            using VmObject machine = BothMachines.LoadHere(spec, engine);
            (VmResult result, PacketContext context) = run(machine, frame);
            string note = $"{engine}\n{text}\n{Convert.ToHexString(frame)}\n{Volume.Note}";
            Assert.True(result.Success, $"{result.Fault?.Message} {note}");
            if (spec.Maps.Length > 0)
            {
                byte[] theirOut = new byte[192], ourOut = new byte[192];
                Assert.Equal(0, theirs.Maps[0].Get(new byte[4], theirOut));
                Assert.True(machine.Maps[0].TryGet(new byte[4], ourOut));
                for (int word = 0; word < 24; word++)
                    Assert.True(BitConverter.ToUInt64(theirOut, 8 * word) == BitConverter.ToUInt64(ourOut, 8 * word),
                        $"step {word / 4} word {word % 4}: kernel {BitConverter.ToUInt64(theirOut, 8 * word):x}, here {BitConverter.ToUInt64(ourOut, 8 * word):x} {note}");
            }
            Assert.True((uint)result.R0 == expected.R0, $"verdict 0x{result.R0:x}, in the kernel 0x{expected.R0:x} {note}");
            // A test run gives back an XDP frame with its metadata, and the packet of a socket filter with its link layer blanked.
            byte[] ours = context is XdpContext ? [.. context.Metadata, .. context.Data] : context.Data.ToArray();
            int first = context is SkbContext && context.Data.Length > context.Bytes.Length ? 14 : 0;
            Assert.True(ours.AsSpan(first).SequenceEqual(expected.Data.AsSpan(first)), $"packet here {Convert.ToHexString(ours)}\nkernel {Convert.ToHexString(expected.Data)} {note}");
        }
    }
}
