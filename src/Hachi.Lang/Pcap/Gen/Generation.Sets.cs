using System.Text;
using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>
/// Beyond libpcap: sets. The protocol is tested once, then each field against all items, in chains that lean to the left; the optimiser makes searches of them.
/// </summary>
internal sealed partial class Generation
{
    /// <summary>Programs of more items cannot be loaded anywhere.</summary>
    private const int SetItemsMax = 65536;

    /// <summary>One item of a set: an interval, or an address and its mask.</summary>
    private readonly record struct Member(UInt128 Low, UInt128 High, UInt128 Mask);

    private sealed class Members
    {
        public List<Member> Ports { get; } = [];

        public List<Member> Ipv4 { get; } = [];

        public List<Member> Ipv6 { get; } = [];

        public List<Member> Mac { get; } = [];

        public int Count => Ports.Count + Ipv4.Count + Ipv6.Count + Mac.Count;
    }

    private Test Set(SetNode node)
    {
        Qualifiers q = node.Qualifiers;
        var members = new Members();
        foreach (SetItem item in node.Items)
        {
            if (item.Low.Kind == IdKind.File)
                AddFile(q, item.Low, members);
            else
                AddItem(q, item, item.Low.Span, members);
            if (members.Count > SetItemsMax)
                return Fail(DiagnosticTable.FilterSetSize, node.Span, SetItemsMax);
            if (_error is not null)
                return False();
        }

        _span = node.Span;
        if (q.Type == FilterType.Port)
            return PortSet(q, members);
        if (q.Proto == FilterProtocol.Link)
            return MacSet(q, members);
        return AddressSet(q, members);
    }

    private void AddFile(Qualifiers q, Identifier file, Members members)
    {
        if (_options.Lookup?.FileText(file.Text.ToString()) is not { } text)
        {
            Fail(DiagnosticTable.FilterSetFile, file.Span, file.Text.ToString());
            return;
        }

        ParsedFilter parsed = FilterParser.Parse(ListExpression(q, text));
        if (parsed.Root is not SetNode list)
        {
            if (parsed.Diagnostics is [{ } error, ..])
                _error ??= error with { Span = file.Span, Hint = $"in the file {file.Text}" };
            return;
        }

        foreach (SetItem item in list.Items)
        {
            if (item.Low.Kind == IdKind.File)
                Fail(DiagnosticTable.FilterSetItem, file.Span, "@" + item.Low.Text.ToString());
            else
                AddItem(q, item, file.Span, members);
            if (_error is not null || members.Count > SetItemsMax)
                return;
        }
    }

    /// <summary>The lines of a list as a set, without comments. A file without items is refused by the parser as an empty set is.</summary>
    private static string ListExpression(Qualifiers q, string text)
    {
        var list = new StringBuilder(text.Length + 32);
        list.Append(q.Proto == FilterProtocol.Link ? "link host" : q.Type == FilterType.Default ? "host" : QualifierWords.Of(q.Type)).Append(" in {");
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            int comment = line.IndexOf('#');
            list.Append(comment < 0 ? line : line[..comment]).Append('\n');
        }

        return list.Append('}').ToString();
    }

    private void AddItem(Qualifiers q, SetItem item, TextSpan span, Members members)
    {
        if (q.Type == FilterType.Port)
            AddPort(item, span, members);
        else if (item.High is not null)
            AddAddressRange(q, item, span, members);
        else if (q.Proto == FilterProtocol.Link)
            AddMac(item.Low, span, members);
        else
            AddAddress(q, item.Low, span, members);
    }

    private void AddPort(SetItem item, TextSpan span, Members members)
    {
        if (!SetPort(item.Low, span, out uint low))
            return;
        uint high = low;
        if (item.High is not null && !SetPort(item.High, span, out high))
            return;
        if (high < low)
            Fail(DiagnosticTable.FilterSetRange, span, $"{low}-{high}");
        else
            members.Ports.Add(new Member(low, high, UInt128.MaxValue));
    }

    private bool SetPort(Identifier id, TextSpan span, out uint port)
    {
        port = id.Number;
        switch (id.Kind)
        {
            case IdKind.Number:
                return CheckMax("port number", port, PortMax, span);
            case IdKind.Name when FindService(id.Text.ToString(), out port, out _):
                return true;
            case IdKind.Name:
                Fail(DiagnosticTable.FilterUnknownPort, span, id.Text.ToString());
                return false;
            default:
                Fail(DiagnosticTable.FilterSetItem, span, Whole(id));
                return false;
        }
    }

    private void AddAddressRange(Qualifiers q, SetItem item, TextSpan span, Members members)
    {
        if (q.Proto != FilterProtocol.Link && item.Low.Kind == IdKind.Ipv6 && item.High!.Kind == IdKind.Ipv6)
            AddIpv6Range(item.Low, item.High, span, members);
        else if (q.Proto == FilterProtocol.Link || item.Low.Kind != IdKind.Ipv4 || item.High!.Kind != IdKind.Ipv4
            || Addresses.ReadIpv4(item.Low.Text, out uint low) != 32 || Addresses.ReadIpv4(item.High.Text, out uint high) != 32)
            Fail(DiagnosticTable.FilterSetItem, span, $"{Whole(item.Low)}-{Whole(item.High!)}");
        else if (high < low)
            Fail(DiagnosticTable.FilterSetRange, span, $"{item.Low.Text}-{item.High.Text}");
        else
            members.Ipv4.Add(new Member(low, high, UInt128.MaxValue));
    }

    private void AddIpv6Range(Identifier from, Identifier to, TextSpan span, Members members)
    {
        if (!ReadIpv6Net(from, out UInt128 low, out _) || !ReadIpv6Net(to, out UInt128 high, out _))
            return;
        if (high < low)
            Fail(DiagnosticTable.FilterSetRange, span, $"{from.Text}-{to.Text}");
        else
            members.Ipv6.Add(new Member(low, high, UInt128.MaxValue));
    }

    private void AddMac(Identifier id, TextSpan span, Members members)
    {
        ulong? address = id.Kind switch
        {
            IdKind.Mac48 or IdKind.Mac8 => (ulong)id.Value,
            IdKind.Name => _options.Lookup?.Ether(id.Text.ToString()),
            _ => null,
        };
        if (address is not { } value)
            Fail(id.Kind == IdKind.Name ? DiagnosticTable.FilterUnknownEther : DiagnosticTable.FilterSetItem, span, Whole(id));
        else
            members.Mac.Add(new Member(value, value, id.Kind == IdKind.Mac8 ? 0xff : UInt128.MaxValue));
    }

    private void AddAddress(Qualifiers q, Identifier id, TextSpan span, Members members)
    {
        bool isNet = q.Type == FilterType.Net;
        switch (id.Kind)
        {
            case IdKind.Name when isNet:
                if (_options.Lookup?.Network(id.Text.ToString()) is not { } net || net == 0)
                {
                    Fail(DiagnosticTable.FilterUnknownNetwork, span, id.Text.ToString());
                    return;
                }

                Addresses.LeftJustify(ref net, out uint mask);
                AddIpv4(net, mask, members);
                return;
            case IdKind.Name:
                AddHost(id, span, members);
                return;
            case IdKind.Number:
            case IdKind.Ipv4:
                uint value = id.Number;
                int bits = id.Kind == IdKind.Ipv4 ? Addresses.ReadIpv4(id.Text, out value) : 32;
                if (bits < 0)
                {
                    Fail(DiagnosticTable.FilterInvalidIpv4, span, id.Text.ToString());
                    return;
                }

                mask = AllBits << (32 - bits);
                value <<= 32 - bits;
                if (id.Kind == IdKind.Number && isNet)
                    Addresses.LeftJustify(ref value, out mask);
                AddIpv4(value, mask, members);
                return;
            case IdKind.Ipv4Prefix or IdKind.Ipv4Mask when isNet:
                if (ReadIpv4Net(id, out net, out mask))
                    AddIpv4(net, mask, members);
                return;
            case IdKind.Ipv6:
            case IdKind.Ipv6Prefix when isNet:
                if (ReadIpv6Net(id, out UInt128 address, out UInt128 mask6))
                    members.Ipv6.Add(new Member(address, address, mask6));
                return;
            default:
                Fail(DiagnosticTable.FilterSetItem, span, Whole(id));
                return;
        }
    }

    private static void AddIpv4(uint address, uint mask, Members members) => members.Ipv4.Add(new Member(address, address, mask == AllBits ? UInt128.MaxValue : mask));

    private void AddHost(Identifier id, TextSpan span, Members members)
    {
        IReadOnlyList<HostAddress> addresses = _options.Lookup?.Hosts(id.Text.ToString()) ?? [];
        if (addresses.Count == 0)
            Fail(DiagnosticTable.FilterUnknownHost, span, id.Text.ToString());
        foreach (HostAddress address in addresses)
            (address.IsIpv6 ? members.Ipv6 : members.Ipv4).Add(new Member(address.Value, address.Value, UInt128.MaxValue));
    }

    private Test PortSet(Qualifiers q, Members members)
    {
        if (!PortProtocol(q, out int protocol))
            return False();
        if (q.Dir > FilterDirection.And)
            return Fail(DiagnosticTable.FilterQualifier, q.DirSpan, QualifierWords.Of(q.Dir), "port");
        Test ipv4 = PortsOfIpv4(protocol, PortSet(Base.TransportIpv4, q.Dir, members.Ports));
        Test ipv6 = PortsOfIpv6(protocol, PortSet(Base.TransportIpv6, q.Dir, members.Ports));
        return Or(ipv6, ipv4);
    }

    private Test PortSet(Base from, FilterDirection dir, List<Member> ports)
    {
        Arith? source = dir == FilterDirection.Dst ? null : Load(from, 0, 2);
        Arith? destination = dir == FilterDirection.Src ? null : Load(from, 2, 2);
        return Either(dir, ports, TestField.SourcePort, source, TestField.DestinationPort, destination);
    }

    /// <summary>
    /// All items against one field or both; "src and dst" asks for one item that has both. The loads are shared by the tests of all items.
    /// </summary>
    private Test Either(FilterDirection dir, List<Member> members, TestField sourceField, Arith? source, TestField destinationField, Arith? destination)
    {
        if (dir == FilterDirection.And)
        {
            Test? pairs = null;
            foreach (Member member in members)
            {
                Test pair = And(IsMember(sourceField, source!, member), IsMember(destinationField, destination!, member));
                pairs = pairs is null ? pair : Or(pairs, pair);
            }

            return pairs ?? False();
        }

        Test? test = null;
        foreach (Member member in source is null ? [] : members)
        {
            Test one = IsMember(sourceField, source!, member);
            test = test is null ? one : Or(test, one);
        }

        foreach (Member member in destination is null ? [] : members)
        {
            Test one = IsMember(destinationField, destination!, member);
            test = test is null ? one : Or(test, one);
        }

        return test ?? False();
    }

    private Test IsMember(TestField field, Arith load, Member member)
    {
        if (member.Mask != UInt128.MaxValue)
            return member.Mask == 0 ? True() : Compare(TestOp.Eq, field, Binary(ArithOp.And, load, Const((uint)member.Mask)), (uint)member.Low);
        if (member.Low == member.High)
            return Compare(TestOp.Eq, field, load, (uint)member.Low);
        Test low = Compare(TestOp.Ge, field, load, (uint)member.Low);
        return And(low, Not(Compare(TestOp.Gt, field, load, (uint)member.High)));
    }

    private Test MacSet(Qualifiers q, Members members)
    {
        Test? test = null;
        foreach (Member member in members.Mac)
        {
            Test one = member.Mask == 0xff
                ? Mac8Host((uint)member.Low, q.Dir, q, "link host $XX")
                : MacHost((ulong)member.Low, q.Dir, q, "link host XX:XX:XX:XX:XX:XX");
            test = test is null ? one : Or(test, one);
        }

        return test ?? False();
    }

    private Test AddressSet(Qualifiers q, Members members)
    {
        if (q.Dir > FilterDirection.And)
            return FailWlanOnly(q.Dir, q);
        bool isIpv4 = q.Proto is FilterProtocol.Default or FilterProtocol.Ip or FilterProtocol.Arp or FilterProtocol.Rarp;
        bool isIpv6 = q.Proto is FilterProtocol.Default or FilterProtocol.Ip6;
        if ((members.Ipv4.Count > 0 && !isIpv4) || (members.Ipv6.Count > 0 && !isIpv6))
            return Fail(DiagnosticTable.FilterQualifier, q.ProtoSpan, QualifierWords.Of(q.Proto), members.Ipv4.Count > 0 ? "ip host" : "ip6 host");
        Test? test = null;
        if (members.Ipv4.Count > 0)
        {
            bool isAny = q.Proto == FilterProtocol.Default;
            if (isAny || q.Proto == FilterProtocol.Ip)
                test = Ipv4Set(EtherIpv4, 12, 16, q.Dir, members.Ipv4);
            if ((isAny && _at.MplsDepth == 0) || q.Proto == FilterProtocol.Arp)
                test = OrFirst(test, Ipv4Set(EtherArp, 14, 24, q.Dir, members.Ipv4));
            if ((isAny && _at.MplsDepth == 0) || q.Proto == FilterProtocol.Rarp)
                test = OrFirst(test, Ipv4Set(EtherRarp, 14, 24, q.Dir, members.Ipv4));
        }

        if (members.Ipv6.Count > 0)
            test = OrFirst(test, Ipv6Set(q, members.Ipv6));
        return test ?? False();
    }

    private static Test OrFirst(Test? first, Test second) => first is null ? second : Or(first, second);

    private Test Ipv4Set(uint protocol, uint sourceOffset, uint destinationOffset, FilterDirection dir, List<Member> members)
    {
        Test link = LinkProtocol(protocol);
        Arith? source = dir == FilterDirection.Dst ? null : Load(Base.Network, sourceOffset, 4);
        Arith? destination = dir == FilterDirection.Src ? null : Load(Base.Network, destinationOffset, 4);
        return And(link, Either(dir, members, TestField.SourceAddress, source, TestField.DestinationAddress, destination));
    }

    private Test Ipv6Set(Qualifiers q, List<Member> members)
    {
        Test link = LinkProtocol(EtherIpv6);
        Test? test = null;
        foreach (Member member in members)
            test = OrFirst(test, member.Low == member.High ? Address6(member.Low, member.Mask, q.Dir, q) : Range6(member, q.Dir));
        return And(link, test!);
    }

    private Test Range6(Member range, FilterDirection dir)
    {
        Test? source = dir == FilterDirection.Dst ? null : InRange(TestField.SourceAddress6, 8, range);
        Test? destination = dir == FilterDirection.Src ? null : InRange(TestField.DestinationAddress6, 24, range);
        if (source is null || destination is null)
            return source ?? destination!;
        return dir == FilterDirection.And ? And(source, destination) : Or(source, destination);
    }

    private Test InRange(TestField field, uint offset, Member range)
    {
        int shared = 0; // words that both ends have in common
        Test? test = null;
        for (; WordOf(range.Low, shared) == WordOf(range.High, shared); shared++)
        {
            Test same = Equal(field, Base.Network, offset + (uint)(4 * shared), 4, WordOf(range.Low, shared));
            test = test is null ? same : And(test, same);
        }

        Test inside = And(Reaches(field, offset, range.Low, shared), Not(Exceeds(field, offset, range.High, shared)));
        return test is null ? inside : And(test, inside);
    }

    /// <summary>Whether the words of an address from one on are at least those of a bound: the first that differs decides.</summary>
    private Test Reaches(TestField field, uint offset, UInt128 bound, int word)
    {
        uint at = offset + (uint)(4 * word), k = WordOf(bound, word);
        if (word == 3 || bound << (32 * (word + 1)) == 0)
            return AtLeast(field, Base.Network, at, 4, k);
        Arith load = Load(Base.Network, at, 4);
        return Or(Compare(TestOp.Gt, field, load, k), And(Compare(TestOp.Eq, field, load, k), Reaches(field, offset, bound, word + 1)));
    }

    /// <summary>Whether they are more than those of a bound.</summary>
    private Test Exceeds(TestField field, uint offset, UInt128 bound, int word)
    {
        uint at = offset + (uint)(4 * word), k = WordOf(bound, word);
        Arith load = Load(Base.Network, at, 4);
        Test more = Compare(TestOp.Gt, field, load, k);
        if (word == 3 || ~bound << (32 * (word + 1)) == 0)
            return more;
        return Or(more, And(Compare(TestOp.Eq, field, load, k), Exceeds(field, offset, bound, word + 1)));
    }

    private static uint WordOf(UInt128 address, int word) => (uint)(address >> (96 - (32 * word)));
}
