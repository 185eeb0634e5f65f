using Hachi.Asm;
using Hachi.Ir.Emit;
using Hachi.Object;
using Hachi.Tests.Support;
using Hachi.Uapi;

namespace Hachi.Tests.Ir;

/// <summary>Programs that clang made, written anew through the builder: the kernel's verifier takes them, they do the same, and they are about as long.</summary>
public sealed class EmitClangTests
{
    private const string Packets = """
        struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
        struct ethhdr { u8 dst[6], src[6]; u16 proto; } __attribute__((packed));
        struct iphdr { u8 vihl, tos; u16 len, id, frag; u8 ttl, proto; u16 check; u32 saddr, daddr; };
        struct udphdr { u16 source, dest, len, check; };
        #define swap16 __builtin_bswap16
        char _license[] SEC("license") = "GPL";

        """;

    private const string Count = Packets + """
        struct { __uint(type, 9); __uint(max_entries, 1024); __type(key, u32); __type(value, u64); } counts SEC(".maps");
        SEC("xdp") int count(struct xdp_md *ctx)
        {
            void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            struct ethhdr *eth = data;
            if ((void *)(eth + 1) > end || eth->proto != swap16(0x800))
                return 2;
            struct iphdr *ip = (void *)(eth + 1);
            if ((void *)(ip + 1) > end)
                return 2;
            u32 key = ip->saddr;
            u64 *n = map_lookup_elem(&counts, &key), one = 1;
            if (n)
                __sync_fetch_and_add(n, 1);
            else
                map_update_elem(&counts, &key, &one, 0);
            return n && *n > 3 ? 1 : 2;
        }
        """;

    private const string Firewall = Packets + """
        struct { __uint(type, 2); __uint(max_entries, 65536); __type(key, u32); __type(value, u64); } ports SEC(".maps");
        SEC("xdp") int firewall(struct xdp_md *ctx)
        {
            u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            struct ethhdr *eth = (void *)data;
            if ((void *)(eth + 1) > (void *)end)
                return 2;
            u32 offset = 14;
            u16 proto = eth->proto;
        #pragma clang loop unroll(full)
            for (int i = 0; i < 2; i++)
                if (proto == swap16(0x8100)) {
                    if (data + offset + 4 > end)
                        return 1;
                    proto = *(u16 *)(data + offset + 2);
                    offset += 4;
                }
            if (proto != swap16(0x800))
                return 2;
            struct iphdr *ip = (void *)(data + offset);
            if ((void *)(ip + 1) > (void *)end)
                return 1;
            u32 length = (ip->vihl & 15) * 4;
            if (length < 20 || ip->proto != 17)
                return 2;
            struct udphdr *udp = (void *)ip + length;
            if ((void *)(udp + 1) > (void *)end)
                return 1;
            u32 key = swap16(udp->dest);
            u64 *hits = map_lookup_elem(&ports, &key);
            if (!hits)
                return 2;
            *hits += swap16(udp->len);
            return key & 1 ? 1 : 2;
        }
        """;

    private const string Checksum = Packets + """
        SEC("xdp") int checksum(struct xdp_md *ctx)
        {
            u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            u32 sum = 0;
        #pragma clang loop unroll(disable)
            for (u32 i = 0; i < 200; i++) {
                if (data + i + 2 > end)
                    break;
                sum += *(u16 *)(data + i);
                sum ^= sum << 3;
            }
            return sum & 0x7fffffff;
        }
        """;

    private const string Jenkins = Packets + """
        #define rol(x, k) ((x) << (k) | (x) >> (32 - (k)))
        SEC("xdp") int jenkins(struct xdp_md *ctx)
        {
            u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            if (data + 26 > end)
                return 0;
            u32 *k = (u32 *)(data + 14), a = k[0] + 0xdeadbeef, b = k[1] + 0xdeadbeef, c = k[2] + 0xdeadbeef;
            a -= c; a ^= rol(c, 4); c += b;
            b -= a; b ^= rol(a, 6); a += c;
            c -= b; c ^= rol(b, 8); b += a;
            a -= c; a ^= rol(c, 16); c += b;
            b -= a; b ^= rol(a, 19); a += c;
            c -= b; c ^= rol(b, 4); b += a;
            c ^= b; c -= rol(b, 14); a ^= c; a -= rol(c, 11);
            return (a ^ b ^ c) & 0x7fffffff;
        }
        """;

    private const string Pressure = Packets + """
        SEC("xdp") int pressure(struct xdp_md *ctx)
        {
            u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            if (data + 128 > end)
                return 0;
            u64 *p = (u64 *)data, a = p[0], b = p[1], c = p[2], d = p[3], e = p[4], f = p[5], g = p[6], h = p[7], i = p[8], j = p[9], k = p[10], l = p[11];
            u64 t = ktime_get_ns();
            u64 x = t - t + a * l + b * k, y = c * j + d * i, z = e * h + f * g;
            p[0] = x ^ b; p[1] = y ^ a; p[2] = z ^ l; p[3] = x + y + z; p[4] = h + i; p[5] = j - k; p[6] = c ^ d; p[7] = e | f; p[8] = g & a; p[9] = l; p[10] = a + b + c + d;
            return 2;
        }
        """;

    private const string Mixed = """
        struct entry { u64 count; u32 last; u32 flags; };
        struct { __uint(type, 1); __uint(max_entries, 64); __type(key, u32); __type(value, struct entry); } seen SEC(".maps");
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
        SEC("syscall") int mixed(u8 *memory)
        {
            u64 x = runs++;
        #pragma clang loop unroll(full)
            for (u32 i = 0; i < 16; i++) {
                u32 word = ((u32 *)memory)[i];
                x = mix(x ^ word, i);
                x += note(word & 15, word);
                history[x & 31]++;
                memory[(i * 4) & 63] = x;
            }
            return x;
        }
        """;

    [Theory]
    [InlineData(nameof(Count), Count, 1.0)]
    [InlineData(nameof(Firewall), Firewall, 1.0)]
    [InlineData(nameof(Checksum), Checksum, 1.15)]
    [InlineData(nameof(Jenkins), Jenkins, 1.02)]
    [InlineData(nameof(Pressure), Pressure, 1.05)]
    [InlineData(nameof(Mixed), Mixed, 1.0)]
    public void Verified_equal_and_as_short(string name, string source, double ratioMax)
    {
        Random random = Volume.Random(name);
        foreach (int level in (int[])[1, 2, 3, 4])
        {
            BpfObject bpf = ElfObjectReader.Read(Clang.Build(source, $"-mcpu=v{Math.Max(level, 3)}")).Object!;
            EmittedProgram emitted = EbpfRebuild.Run(bpf.Programs[0]).Emit(new EmitOptions { Level = name == nameof(Mixed) ? Math.Max(level, 2) : level });
            Assert.True(emitted.Program is not null, emitted.Diagnostics.FirstOrDefault()?.Message);
            double ratio = emitted.Program.Insns.Length / (double)bpf.Programs[0].Insns.Length;
            TestContext.Current.TestOutputHelper?.WriteLine($"{name} v{level}: {emitted.Program.Insns.Length} instructions, clang {bpf.Programs[0].Insns.Length}: {ratio:f2}");
            if (Environment.GetEnvironmentVariable("HACHI_SHOW") is not null && level == 3)
                TestContext.Current.TestOutputHelper?.WriteLine(Printer.Print(bpf.Programs[0].Insns.AsSpan()) + "\n=>\n" + Printer.Print(emitted.Program.Insns.AsSpan()));
            if (level >= 3)
                Assert.True(ratio <= ratioMax, $"{name} v{level}: {emitted.Program.Insns.Length} instructions, clang {bpf.Programs[0].Insns.Length}\n{Printer.Print(emitted.Program.Insns.AsSpan())}");
            if (Tools.IsRoot)
                SameInKernel(bpf, bpf with { Programs = [emitted.Program] }, random);
        }
    }

    private static void SameInKernel(BpfObject original, BpfObject made, Random random)
    {
        using KernelObject? first = KernelObject.Load(original, out string log);
        Assert.True(first is not null, log);
        using KernelObject? second = KernelObject.Load(made, out log);
        Assert.True(second is not null, $"{log}\n{Printer.Print(made.Programs[0].Insns.AsSpan())}");
        bool isPacket = original.Programs[0].Type == ProgramType.Xdp;
        for (int i = 0; i < Volume.Of(5_000, 40); i++)
        {
            byte[] bytes = isPacket ? Frame(random) : new byte[64];
            if (!isPacket)
                random.NextBytes(bytes);
            KernelOutcome a = isPacket ? first.Run(bytes, []) : first.Run([], bytes), b = isPacket ? second.Run(bytes, []) : second.Run([], bytes);
            Assert.Equal((0, 0), (a.Errno, b.Errno));
            Assert.True(a.R0 == b.R0 && a.Data.AsSpan().SequenceEqual(b.Data) && a.Context.AsSpan().SequenceEqual(b.Context),
                $"run {i}: r0 0x{b.R0:x}, not 0x{a.R0:x}\n{Printer.Print(made.Programs[0].Insns.AsSpan())}\n{Volume.Note}");
        }
    }

    // Frames that come far into the programs: few addresses and ports, tags, short ones.
    private static byte[] Frame(Random random)
    {
        byte[] frame = new byte[random.Next(14, 160)];
        random.NextBytes(frame);
        int at = 12;
        for (int tags = random.Next(3); tags > 0 && at + 4 < frame.Length; tags--, at += 4)
            (frame[at], frame[at + 1]) = (0x81, 0);
        if (at + 2 <= frame.Length && random.Next(8) != 0)
            (frame[at], frame[at + 1]) = (8, 0);
        byte[] header = [(byte)(0x40 + random.Next(4, 8)), 0, 0, 0, 0, 0, 0, 0, 64, random.Next(4) == 0 ? (byte)6 : (byte)17, 0, 0, 10, 0, 0, (byte)random.Next(4)];
        for (int i = 0; i < header.Length && at + 2 + i < frame.Length; i++)
            frame[at + 2 + i] = header[i];
        return frame;
    }
}
