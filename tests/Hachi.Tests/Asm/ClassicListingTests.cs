using System.Runtime.InteropServices;
using System.Text.Json;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Isa;
using Hachi.Tests.Support;

namespace Hachi.Tests.Asm;

public sealed class ClassicListingTests
{
    private static readonly string[] s_expressions =
    [
        "", "ip", "ip6", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "esp", "ah", "port 80", "tcp port 443", "udp port 53",
        "src port 1024", "dst portrange 5000-5100", "host 192.168.1.10", "src host 10.0.0.1", "net 10.0.0.0/8", "ip6 host ::1", "ip6 net fe80::/10",
        "ether host 00:11:22:33:44:55", "ether broadcast", "ether multicast", "ip multicast", "ip broadcast", "vlan", "vlan 100", "vlan and vlan and ip",
        "vlan 100 and tcp port 443", "mpls", "mpls 100 and tcp", "pppoes", "pppoes 0x3b and ip", "geneve", "greater 1000", "less 64",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "ip[0] & 0xf != 5", "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
        "icmp[icmptype] != icmp-echo", "ip[6:2] & 0x1fff != 0", "not arp", "not (tcp or udp)", "ip proto 47", "ip protochain 6", "ip6 protochain 17",
        "ether[0] & 1 = 0 and ip[16] >= 224", "len > 100 and len <= 200", "ip[8] * 3 + 7 - 2 > 100", "ip[8] % 3 = 1", "ip[8] ^ 5 = 1", "ip[8] / 3 | 8 = 9",
        "ether proto 0x88cc", "stp", "isis", "llc", "gateway 10.0.0.1 or host 10.1.1.1", "tcp portrange 0-65535", "ip[ip[8]] = 7", "host 1.2.3.4 or host 5.6.7.8",
        "-ip[0] = 5", "ip[0] << 3 > 8 and ip[0] >> 2 < 90",
    ];

    [Fact]
    public void Listings_are_those_of_tcpdump()
    {
        Tools.Need("tcpdump");
        int compared = 0;
        foreach (string expression in s_expressions)
        {
            ToolResult numbers = Tcpdump("-ddd", expression);
            if (numbers.ExitCode != 0)
                continue; // not every one is in every libpcap's language
            string listing = Tcpdump("-d", expression).Text;
            ClassicAssembled program = ClassicNumbers.Parse(numbers.Text);
            Assert.True(program.Success, expression);
            ListingStyle style = listing.Contains(" \n") || Tcpdump("-d", "ip[8] ^ 5 = 1").Text.Contains("tax      \n") ? ListingStyle.Pcap110 : ListingStyle.Pcap111;
            Assert.Equal(listing, ClassicPrinter.Listing(program.Program!.Insns, style));
            Assert.Equal(Tcpdump("-dd", expression).Text, ClassicPrinter.CArray(program.Program.Insns));
            Assert.Equal(numbers.Text, ClassicPrinter.Numbers(program.Program.Insns));
            Assert.Equal(WithoutUnused(program.Program), ClassicAssembler.Assemble(listing).Program);
            Assert.True(ClassicValidity.IsValid(program.Program.Insns) || expression.Contains("protochain"), expression);
            compared++;
        }
        Assert.True(compared >= 50, $"only {compared} of {s_expressions.Length} expressions compiled");
    }

    [Fact]
    public void Listings_of_the_corpus_read_back()
    {
        string file = Path.Combine(Shared.Find("corpus/libpcap"), "accept.jsonl");
        int count = 0;
        foreach (string line in File.ReadLines(file))
        {
            using JsonDocument row = JsonDocument.Parse(line);
            foreach (string column in (string[])["opt", "unopt"])
            {
                if (!row.RootElement.TryGetProperty(column, out JsonElement value) || value.GetString() is not { } quoted)
                    continue;
                string listing = string.Concat(quoted.Split('\n').Select(text => text.Trim('\t')).Where(text => text.Length > 0).Select(text => text + "\n"));
                ClassicAssembled assembled = ClassicAssembler.Assemble(listing);
                Assert.True(assembled.Success, $"{string.Join("; ", assembled.Diagnostics)}\n{listing}");
                Assert.Equal(listing, ClassicPrinter.Listing(assembled.Program!.Insns, ListingStyle.Pcap111));
                count++;
            }
        }
        Assert.True(count > 1000, $"{count} listings");
    }

    [Fact]
    public unsafe void Every_line_is_that_of_bpf_image()
    {
        if (!NativeLibrary.TryLoad("libpcap.so.0.8", out nint library))
            Assert.Skip("needs libpcap.so.0.8: ./test --install (Debian package libpcap0.8)");
        var image = (delegate* unmanaged<ClassicInsn*, int, nint>)NativeLibrary.GetExport(library, "bpf_image");
        var version = (delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "pcap_lib_version");
        if (Marshal.PtrToStringUTF8(version())?.Contains(" 1.10.") != true)
            Assert.Skip("needs libpcap 1.10");
        Random random = Volume.Random(nameof(Every_line_is_that_of_bpf_image));
        for (int i = 0; i < Volume.Of(1_000_000, 50_000); i++)
        {
            ushort code = i < 0x200 ? (ushort)i : random.Next(50) == 0 ? (ushort)random.Next(0x10000) : ClassicTable.Forms[random.Next(ClassicTable.Forms.Count)].Code;
            uint k = random.Next(4) == 0 ? (uint)(Extension.Base + random.Next(80)) : (uint)RandomPrograms.Number(random);
            var insn = new ClassicInsn(code, (byte)random.Next(256), (byte)random.Next(256), k);
            int index = random.Next(5000);
            Assert.Equal(Marshal.PtrToStringUTF8(image(&insn, index)), ClassicPrinter.ListingLine(insn, index));
        }
    }

    // libpcap's optimiser leaves a constant behind in some a `tax`, which the machine ignores and the listing does not show.
    private static ClassicProgram WithoutUnused(ClassicProgram program)
    {
        ClassicInsn[] insns = program.Insns.ToArray();
        for (int i = 0; i < insns.Length; i++)
            if (ClassicTable.Find(insns[i].Code)!.Shape == ClassicShape.Plain)
                insns[i] = insns[i] with { K = 0 };
        return new ClassicProgram(insns);
    }

    private static ToolResult Tcpdump(string form, string expression) =>
        Tools.Run(Tools.Find("tcpdump")!, ["-y", "EN10MB", form, expression]);
}
