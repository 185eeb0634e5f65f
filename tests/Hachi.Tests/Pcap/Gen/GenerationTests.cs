using System.Globalization;
using Hachi.Captures;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Gen;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Tests.Support;

namespace Hachi.Tests.Pcap.Gen;

/// <summary>The generator on expressions of our own: what is beyond libpcap, notes, spans, and what it must survive.</summary>
public sealed class GenerationTests
{
    private static readonly FilterOptions s_options = FilterOptions.Default with
    {
        Lookup = new NameFiles("192.0.2.7 seven\n2001:db8::7 seven\n", "02:00:00:00:00:07 seven\n", readFile: path => path == "list" ? "192.0.2.1 # one\n\n198.51.100.0\n" : null),
    };

    private static FilterTree Tree(string expression, LinkType? link = null, FilterOptions? options = null)
    {
        GeneratedFilter filter = Corpus.Generate(expression, link ?? LinkType.Ethernet, options ?? s_options);
        Assert.True(filter.Tree is not null, $"{expression}: {(filter.Diagnostics.Count > 0 ? filter.Diagnostics[0].Message : "nothing")}");
        return filter.Tree;
    }

    private static bool Matches(FilterTree tree, byte[] packet) => TreeEvaluator.Matches(tree, packet, packet.Length, default);

    /// <summary>An Ethernet frame with tags, IPv4 or IPv6 (or neither), and ports; small numbers, so that things meet.</summary>
    private static byte[] Frame(Random random, int tags)
    {
        var frame = new List<byte>();
        for (int i = 0; i < 12; i++)
            frame.Add((byte)(i % 6 == 5 ? random.Next(3) : 2 * (random.Next(8) / 7)));
        for (int i = 0; i < tags; i++)
            frame.AddRange([i == 0 ? (byte)0x81 : (byte)0x88, i == 0 ? (byte)0x00 : (byte)0xa8, 0, (byte)random.Next(4)]);
        switch (random.Next(4))
        {
            case 0:
                frame.AddRange([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, (byte)(random.Next(2) == 0 ? 6 : 17), 64]);
                frame.AddRange(new byte[15]);
                frame.Add((byte)random.Next(8));
                frame.AddRange(new byte[15]);
                frame.Add((byte)random.Next(8));
                break;
            case 1:
                frame.AddRange([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, (byte)random.Next(8), 0, 0, 0, 0, 0, 0, 192, 0, 2, (byte)random.Next(8)]);
                break;
            default:
                frame.AddRange([0x08, 0x00, (byte)(0x45 + (random.Next(4) / 3)), 0, 0, 60, 0, 0, (byte)(random.Next(6) / 5), 0, 64, (byte)(random.Next(2) == 0 ? 6 : 17), 0, 0]);
                frame.AddRange([192, 0, 2, (byte)random.Next(8), 192, 0, 2, (byte)random.Next(8)]);
                break;
        }

        frame.AddRange([0, (byte)random.Next(12), 0, (byte)random.Next(12), 0, 0, 0, 0, 0, 0, 0, 0]);
        return frame.ToArray();
    }

    [Theory]
    [InlineData("host in {192.0.2.1, 192.0.2.3, ::5}", "host 192.0.2.1 or host 192.0.2.3 or host ::5")]
    [InlineData("src in {192.0.2.1 192.0.2.3}", "src 192.0.2.1 or src 192.0.2.3")]
    [InlineData("ip src and dst host in {192.0.2.1, 192.0.2.2}", "ip src and dst host 192.0.2.1 or ip src and dst host 192.0.2.2")]
    [InlineData("arp host in {192.0.2.1-192.0.2.3}", "arp host 192.0.2.1 or arp host 192.0.2.2 or arp host 192.0.2.3")]
    [InlineData("host in {::2-::4, 192.0.2.1}", "host ::2 or host ::3 or host ::4 or host 192.0.2.1")]
    [InlineData("ip6 src and dst host in {::2-::5}", "(ip6 src net ::2/127 or ip6 src net ::4/127) and (ip6 dst net ::2/127 or ip6 dst net ::4/127)")]
    [InlineData("src host in {0:0:0:0:ffff:ffff:ffff:ffff-::1:0:0:0:5, ::-::5}", "ip6 src host ::0 or src host ::1 or src net ::2/127 or src net ::4/127")]
    [InlineData("dst net in {::3-1::}", "ip6 and not (dst host ::0 or dst host ::1 or dst host ::2)")]
    [InlineData("net in {192.0.2.4/30, 192.0.2.1/32}", "net 192.0.2.4/30 or net 192.0.2.1/32")]
    [InlineData("port in {2, 5-7}", "port 2 or portrange 5-7")]
    [InlineData("tcp dst port in {2, 5-7}", "tcp dst port 2 or tcp dst portrange 5-7")]
    [InlineData("udp src and dst port in {2, 5}", "udp src and dst port 2 or udp src and dst port 5")]
    [InlineData("ether host in {00:00:00:00:00:01, 02:00:00:00:00:02}", "ether host 00:00:00:00:00:01 or ether host 02:00:00:00:00:02")]
    [InlineData("host in @list", "host 192.0.2.1 or host 198.51.100.0")]
    [InlineData("host in {seven}", "host seven")]
    [InlineData("vlan and host in {192.0.2.1, ::5}", "vlan and (host 192.0.2.1 or host ::5)")]
    public void A_set_decides_like_its_items_joined_by_or(string set, string chain)
    {
        Random random = Volume.Random(set);
        FilterTree left = Tree(set), right = Tree(chain);
        int matched = 0;
        for (int i = 0; i < Volume.Of(20_000, 2_000); i++)
        {
            byte[] frame = Frame(random, random.Next(2));
            bool expected = Matches(right, frame);
            matched += expected ? 1 : 0;
            Assert.True(Matches(left, frame) == expected, $"{set}: expected {expected} for {Convert.ToHexString(frame)}; {Volume.Note}");
        }

        Assert.True(matched > 0, "no packet matched");
    }

    [Theory]
    [InlineData("tcp")]
    [InlineData("host 192.0.2.3 or port 5")]
    [InlineData("not udp")]
    [InlineData("ip[8] = 64 and udp[1] < 6")]
    [InlineData("ip6 and src port 3")]
    public void Anyvlan_decides_as_if_the_tags_were_not_there(string term)
    {
        Random random = Volume.Random(term);
        FilterTree plain = Tree(term), any = Tree($"anyvlan ({term})"), before = Tree($"anyvlan ({term}) and ({term})");
        for (int i = 0; i < Volume.Of(20_000, 2_000); i++)
        {
            int tags = random.Next(3);
            byte[] frame = Frame(random, tags);
            byte[] bare = [.. frame[..12], .. frame[(12 + (4 * tags))..]];
            Assert.True(Matches(any, frame) == Matches(plain, bare), $"{term}, {tags} tags: {Convert.ToHexString(frame)}; {Volume.Note}");
            Assert.True(Matches(before, frame) == (Matches(any, frame) && Matches(plain, frame)), $"offsets are kept: {Convert.ToHexString(frame)}; {Volume.Note}");
        }
    }

    [Theory]
    [InlineData("tcp")]
    [InlineData("host 192.0.2.3 or port 5")]
    [InlineData("ether src 00:00:00:00:00:01")]
    public void Inner_decides_like_the_tunnel_keyword_in_front(string term)
    {
        Random random = Volume.Random(term);
        FilterTree inner = Tree($"inner ({term})"), vxlan = Tree($"vxlan and ({term})"), geneve = Tree($"geneve and ({term})"), both = Tree($"not inner ({term}) or udp");
        int matched = 0;
        for (int i = 0; i < Volume.Of(20_000, 2_000); i++)
        {
            byte[] frame = Tunneled(random);
            bool expected = Matches(vxlan, frame) || Matches(geneve, frame);
            matched += expected ? 1 : 0;
            Assert.True(Matches(inner, frame) == expected, $"{term}: {Convert.ToHexString(frame)}; {Volume.Note}");
            Assert.True(Matches(both, frame), "udp means the outer frame again");
        }

        Assert.True(matched > 0, "no packet matched");
    }

    /// <summary>Two and three tunnels deep: what <c>inner</c> means on the frame that the outermost tunnel carries.</summary>
    [Theory]
    [InlineData("tcp")]
    [InlineData("host 192.0.2.3 or port 5")]
    [InlineData("not udp")]
    public void Inner_of_inner_decides_behind_each_tunnel(string term)
    {
        Random random = Volume.Random(term);
        FilterTree plain = Tree(term), one = Tree($"inner ({term})"), two = Tree($"inner inner ({term})"), three = Tree($"inner inner inner ({term})");
        int matched = 0;
        for (int i = 0; i < Volume.Of(20_000, 2_000); i++)
        {
            byte[] bare = Frame(random, 0), once = Tunneled(random, bare), twice = Tunneled(random, once), thrice = Tunneled(random, twice);
            bool expected = Matches(plain, bare);
            matched += expected ? 1 : 0;
            Assert.True(Matches(one, once) == expected && Matches(two, twice) == expected && Matches(three, thrice) == expected, $"{term}: {Convert.ToHexString(thrice)}; {Volume.Note}");
            Assert.False(Matches(two, once) || Matches(three, twice), $"{term}, fewer tunnels: {Convert.ToHexString(twice)}; {Volume.Note}");
        }

        Assert.True(matched > 0, "no packet matched");
    }

    [Fact]
    public void Inner_of_inner_takes_any_tags_behind_the_tunnels()
    {
        Random random = Volume.Random("anyvlan");
        FilterTree plain = Tree("anyvlan src port 3"), two = Tree("inner inner (anyvlan src port 3)");
        int matched = 0;
        for (int i = 0; i < Volume.Of(20_000, 2_000); i++)
        {
            byte[] bare = Frame(random, 0), twice = Tunneled(random, Tunneled(random, bare));
            bool expected = Matches(plain, bare);
            matched += expected ? 1 : 0;
            Assert.True(Matches(two, twice) == expected, $"{Convert.ToHexString(twice)}; {Volume.Note}");
        }

        Assert.True(matched > 0, "no packet matched");
    }

    private static byte[] Tunneled(Random random) => Tunneled(random, Frame(random, 0));

    private static byte[] Tunneled(Random random, byte[] carried)
    {
        bool isGeneve = random.Next(2) == 0;
        var frame = new List<byte>(new byte[12]);
        frame.AddRange([0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 203, 0, 113, 1, 203, 0, 113, 2]);
        frame.AddRange(isGeneve ? [0, 1, 0x17, 0xc1, 0, 0, 0, 0] : [0, 1, 0x12, 0xb5, 0, 0, 0, 0]);
        int options = random.Next(3);
        frame.AddRange(isGeneve ? [(byte)options, 0, 0x65, 0x58, 0, 0, 1, 0] : [8, 0, 0, 0, 0, 0, 1, 0]);
        frame.AddRange(new byte[isGeneve ? 4 * options : 0]);
        frame.AddRange(carried);
        return [.. frame];
    }

    [Fact]
    public void Sets_and_chains_of_thousands_need_no_deep_stack()
    {
        var list = new System.Text.StringBuilder("host in {");
        for (int i = 0; i < 20_000; i++)
            list.Append(CultureInfo.InvariantCulture, $"10.{i >> 16}.{(i >> 8) & 255}.{i & 255} ");
        FilterTree set = Tree(list.Append('}').ToString());
        FilterTree chain = Tree(string.Join(" or ", Enumerable.Range(0, 20_000).Select(i => $"host 10.{i >> 16}.{(i >> 8) & 255}.{i & 255}")));
        byte[] frame = [.. new byte[12], 8, 0, 0x45, .. new byte[11], 10, 0, 77, 31, 1, 1, 1, 1];
        byte[] other = [.. new byte[12], 8, 0, 0x45, .. new byte[11], 10, 1, 77, 31, 1, 1, 1, 1];
        Assert.True(Matches(set, frame));
        Assert.True(Matches(chain, frame));
        Assert.False(Matches(set, other));
        Assert.False(Matches(chain, other));
        Assert.True(Depth(chain.Root!) < 100);
        Assert.True(Depth(set.Root!) < 100);
    }

    /// <summary>The depth of the tree where every left spine of And and Or counts as one.</summary>
    private static int Depth(Test test)
    {
        int depth = 0;
        for (; test.Op is TestOp.And or TestOp.Or; test = test.Left!)
            depth = Math.Max(depth, Depth(test.Right!));
        return 1 + Math.Max(depth, test.Left is null ? 0 : Depth(test.Left));
    }

    [Theory]
    [InlineData("ip", "the EtherType is IPv4 (0x0800)")]
    [InlineData("greater 100", "the packet length is at least 100")]
    [InlineData("vlan 7", "the VLAN id is 7")]
    [InlineData("ip proto \\tcp", "the IP protocol is TCP (6)")]
    [InlineData("src net 10.0.0.0/8", "the source address is in 10.0.0.0/8")]
    [InlineData("dst port 443", "the destination port is 443")]
    [InlineData("tcp[0] = 1", "it is a later fragment (the fragment offset is not 0)")]
    [InlineData("ether multicast", "the destination MAC address is a group address")]
    [InlineData("mpls 100", "the MPLS label is 100")]
    public void Tests_say_in_words_what_they_ask(string expression, string note) => Assert.Contains(note, Notes(Tree(expression).Root!));

    private static List<string> Notes(Test test)
    {
        var notes = new List<string>();
        if (test.Note is { } note)
            notes.Add(note);
        if (test.Left is not null)
            notes.AddRange(Notes(test.Left));
        if (test.Right is not null)
            notes.AddRange(Notes(test.Right));
        return notes;
    }

    [Theory]
    [InlineData("tcp and host nowhere", "unknown host 'nowhere'", "nowhere")]
    [InlineData("udp or tcp port 70000", "port number 70000 greater than maximum 65535", "70000")]
    [InlineData("arp port 80", "'arp' is not a valid qualifier for 'port'", "arp")]
    [InlineData("host 1.2.3.4 or addr1 host 1.2.3.4", "'addr1' is valid for 802.11 syntax only", "addr1")]
    [InlineData("len / 0 = 1", "division by zero", "0")]
    [InlineData("len << 32 = 1", "shift by more than 31 bits", "32")]
    [InlineData("vlan 4096", "VLAN tag 4096 greater than maximum 4095", "4096")]
    [InlineData("tcp[0:3] = 1", "data size must be 1, 2, or 4", "3")]
    [InlineData("ip broadcast", "netmask not known, so 'ip broadcast' not supported", "ip broadcast")]
    [InlineData("ip and vpi 3", "'vpi' supported only on SUNATM", "vpi 3")]
    [InlineData("mpls and vlan", "no VLAN match after MPLS", "vlan")]
    [InlineData("port in {7-3}", "the range '7-3' runs backwards", "7")]
    [InlineData("host in @missing", "cannot read the file 'missing'", "@missing")]
    [InlineData("1+(1+(1+(1+(1+(1+(1+(1+(1+(1+(1+(1+(1+(1+(1+(1+(1+1)))))))))))))))) = 3", "too many registers needed to evaluate expression", null)]
    public void Errors_have_libpcaps_text_and_a_place(string expression, string message, string? words)
    {
        GeneratedFilter filter = Corpus.Generate(expression, LinkType.Ethernet, s_options);
        Assert.Null(filter.Tree);
        Hachi.Text.Diagnostic error = Assert.Single(filter.Diagnostics);
        Assert.Equal(message, error.Message);
        if (words is not null)
            Assert.Equal(words, expression.Substring(error.Span.Start, error.Span.Length));
    }

    [Fact]
    public void Constants_leave_nothing_to_test()
    {
        LinkType ipv4 = LinkType.IPv4;
        Assert.Equal(TestOp.True, Tree("ip or not igmp", ipv4).Root!.Op);
        Assert.Equal(TestOp.False, Tree("ip6 and igmp", ipv4).Root!.Op);
        Assert.Equal(TestOp.Eq, Tree("ip and igmp", ipv4).Root!.Op);
        Assert.Null(Tree("").Root);
    }

    /// <summary>Words of the language in any order, for any link type: a tree or one diagnostic whose span lies in the text, and nothing thrown.</summary>
    [Fact]
    public void Word_salad_gives_a_tree_or_a_diagnostic()
    {
        string[] words =
        [
            "tcp", "udp", "ip", "ip6", "arp", "ether", "link", "wlan", "decnet", "iso", "isis", "host", "net", "port", "portrange", "proto", "protochain", "gateway",
            "src", "dst", "src or dst", "addr1", "ta", "and", "or", "not", "(", ")", "1.2.3.4", "10.0.0.0/8", "::1", "fe80::/10", "aa:bb:cc:dd:ee:ff", "$7", "80", "seven",
            "\\tcp", "1-2", "vlan", "mpls", "pppoes", "geneve", "vxlan", "anyvlan", "inner", "in {1, 2}", "in {1.2.3.4, ::1}", "broadcast", "multicast", "inbound",
            "len", "ip[0]", "tcp[ip[0]:2]", "radio[3]", "=", ">", "+", "/", "<<", "0", "40", "llc", "lane", "vpi", "sio", "ifindex", "rnr", "type data", "dir tods", "less", "byte 3 = 4",
        ];
        Random random = Volume.Random(nameof(Word_salad_gives_a_tree_or_a_diagnostic));
        int trees = 0;
        var packet = new byte[96];
        for (int i = 0; i < Volume.Of(1_000_000, 20_000); i++)
        {
            string expression = string.Join(' ', Enumerable.Range(0, random.Next(1, 8)).Select(_ => words[random.Next(words.Length)]));
            LinkType link = LinkType.All[random.Next(LinkType.All.Count)];
            FilterOptions options = s_options with { Live = random.Next(2) == 0, ByteOrder = (SavefileOrder)random.Next(3) };
            GeneratedFilter filter = Corpus.Generate(expression, link, options);
            if (filter.Tree is null)
            {
                Hachi.Text.Diagnostic error = Assert.Single(filter.Diagnostics);
                Assert.True(error.Span.Start >= 0 && error.Span.End <= expression.Length, $"{link} {expression}: {error}; {Volume.Note}");
                continue;
            }

            trees++;
            Assert.Empty(filter.Diagnostics);
            random.NextBytes(packet);
            TreeEvaluator.Matches(filter.Tree, packet, packet.Length, default);
        }

        Assert.True(trees > 100);
    }
}
