using System.Globalization;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Lang.Pcap.Syntax;

namespace Hachi.Lang.Pcap.Explain;

/// <summary>What an expression matches, in words, from its syntax tree.</summary>
internal sealed partial class FilterWords(IFilterLookup? lookup)
{
    private const int DepthMax = 24, TermsMax = 40, ItemsMax = 12;

    private readonly List<string> _lines = [];

    /// <summary>Terms that are joined by the same word; <c>a and b or c</c> is the group (group a, b; all), c; any.</summary>
    private sealed record Group(List<object> Terms, bool IsAny);

    /// <summary>The lines, indented by two blanks a level.</summary>
    public IReadOnlyList<string> Describe(FilterNode? root)
    {
        _lines.Clear();
        if (root is null)
            return ["every packet"];
        Write(root, 0, "");
        return _lines;
    }

    private void Line(int depth, string prefix, string text) => _lines.Add(new string(' ', depth * 2) + prefix + text);

    private void Write(object term, int depth, string prefix)
    {
        if (depth > DepthMax)
        {
            Line(depth, prefix, "(and so on, deeper)");
            return;
        }
        switch (term)
        {
            case ChainNode chain:
                Write(GroupOf(chain), depth, prefix);
                break;
            case Group group:
                Line(depth, prefix, group.IsAny ? "any of these:" : "all of these:");
                WriteTerms(group, depth + 1);
                break;
            case NotNode { Operand: ChainNode inner } not when (not.Count & 1) == 1:
                Group negated = GroupOf(inner);
                Line(depth, prefix, negated.IsAny ? "none of these:" : "not all of these:");
                WriteTerms(negated, depth + 1);
                break;
            case NotNode { Operand: AnyVlanNode or InnerNode or NotNode } not when (not.Count & 1) == 1:
                Line(depth, prefix, "not:");
                Write(not.Operand, depth + 1, "");
                break;
            case NotNode not:
                Write(not.Operand, depth, (not.Count & 1) == 1 ? prefix + "not: " : prefix);
                break;
            case AnyVlanNode any:
                Line(depth, prefix, "with no VLAN tag, one or two in front:");
                Write(any.Operand, depth + 1, "");
                break;
            case InnerNode inside:
                Line(depth, prefix, "VXLAN or Geneve, and the frame inside is:");
                Write(inside.Operand, depth + 1, "");
                break;
            default:
                Line(depth, prefix, Leaf((FilterNode)term));
                break;
        }
    }

    private void WriteTerms(Group group, int depth)
    {
        int shown = group.Terms.Count > TermsMax ? TermsMax - 1 : group.Terms.Count;
        for (int i = 0; i < shown; i++)
            Write(group.Terms[i], depth, "");
        if (shown < group.Terms.Count)
            Line(depth, "", string.Create(CultureInfo.InvariantCulture, $"(and {group.Terms.Count - shown} more)"));
    }

    private static Group GroupOf(ChainNode chain)
    {
        var group = new Group([chain.Terms[0]], chain.IsOr(1));
        for (int i = 1; i < chain.Terms.Length; i++)
        {
            if (chain.IsOr(i) != group.IsAny)
                group = new Group([group], chain.IsOr(i));
            group.Terms.Add(chain.Terms[i]);
        }
        return group;
    }

    private string Leaf(FilterNode node) => node switch
    {
        ProtocolNode protocol => ProtocolName(protocol.Proto, true),
        PrimitiveNode primitive => Primitive(primitive.Qualifiers, primitive.Id),
        SetNode set => Set(set),
        RelationNode relation => Relation(relation),
        EncapsulationNode encapsulation => Encapsulated(encapsulation),
        LengthTestNode length => string.Create(CultureInfo.InvariantCulture, $"a length of {length.Value} bytes or {(length.IsGreater ? "more" : "less")}"),
        CastNode cast => $"{CastFamily(cast)} {(cast.IsMulticast ? "multicast" : "broadcast")}",
        BoundNode bound => bound.IsOutbound ? "sent by the capturing machine" : "received by the capturing machine",
        IfIndexNode index => string.Create(CultureInfo.InvariantCulture, $"captured on the interface with index {index.Index}"),
        ByteNode bytes => string.Create(CultureInfo.InvariantCulture, $"byte {bytes.Index} of the link-layer header {ByteWords(bytes.Op)} {bytes.Value}"),
        LlcNode { Test: LlcTest.Any } => "a frame with an LLC header",
        LlcNode => $"LLC frames of the kind '{Printer.Print(node)["llc".Length..].Trim()}'",
        WlanTypeNode or WlanDirectionNode => $"802.11 frames with '{Printer.Print(node)}'",
        PfNode pf => $"a pf log entry with '{Printer.Print(pf)}'",
        _ => $"'{Printer.Print(node)}'",
    };

    private static string ByteWords(ByteOp op) => op switch
    {
        ByteOp.Eq => "is",
        ByteOp.Lt => "is less than",
        ByteOp.Gt => "is greater than",
        ByteOp.And => "has one of the bits of",
        _ => "is not 0 when or-ed with",
    };

    private static string CastFamily(CastNode cast) => cast.Proto switch
    {
        FilterProtocol.Ip => "IPv4",
        FilterProtocol.Ip6 => "IPv6",
        _ => "link-layer",
    };

    private static string Encapsulated(EncapsulationNode node)
    {
        string id = node.Id is { } value ? value.ToString(CultureInfo.InvariantCulture) : "";
        string behind = node.Kind == Encapsulation.Pppoed ? "" : $"; all that follows is looked for {Behind(node.Kind)}";
        return node.Kind switch
        {
            Encapsulation.Vlan => (id.Length == 0 ? "a VLAN tag" : $"a VLAN tag with id {id}") + behind,
            Encapsulation.Mpls => (id.Length == 0 ? "an MPLS label" : $"the MPLS label {id}") + behind,
            Encapsulation.Pppoed => "PPPoE discovery",
            Encapsulation.Pppoes => (id.Length == 0 ? "a PPPoE session" : $"the PPPoE session {id}") + behind,
            Encapsulation.Geneve => (id.Length == 0 ? "Geneve (UDP port 6081)" : $"Geneve (UDP port 6081) with network id {id}") + behind,
            _ => (id.Length == 0 ? "VXLAN (UDP port 4789)" : $"VXLAN (UDP port 4789) with network id {id}") + behind,
        };
    }

    /// <summary>Where an encapsulation keyword moves what stands to its right.</summary>
    public static string Behind(Encapsulation kind) => kind switch
    {
        Encapsulation.Vlan => "4 bytes further on, behind the tag",
        Encapsulation.Mpls => "behind the label",
        Encapsulation.Pppoes => "behind the PPPoE header",
        _ => "in the frame inside the tunnel",
    };
}
