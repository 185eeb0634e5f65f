using Hachi.Captures;
using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>One run of the generator. What the keywords vlan, mpls, pppoes, geneve and vxlan change for everything to their right is in <see cref="Headers"/>.</summary>
internal sealed partial class Generation
{
    /// <summary>Words of memory of classic BPF: what libpcap's code generator allots to values and variable offsets.</summary>
    private const int RegistersMax = 16;

    /// <summary>Where the headers are that the next test looks at.</summary>
    private struct Headers
    {
        /// <summary>Current link-layer type, and its layout.</summary>
        public int Link;
        public LinkLayout Layout;

        /// <summary>The link-layer type around it.</summary>
        public int OuterLink;

        public Offset LinkHeader, OuterLinkHeader, Payload, Type;

        /// <summary>From the payload to the network layer, with and without SNAP.</summary>
        public uint Network, NetworkNoSnap;

        /// <summary>Inside Geneve or VXLAN.</summary>
        public bool IsTunnel;

        public int MplsDepth, VlanDepth;
    }

    private readonly LinkType _link;
    private readonly FilterOptions _options;
    private Headers _at;
    private TextSpan _span;
    private Diagnostic? _error;
    private int _variables;
    private int _registers;

    public Generation(LinkType link, FilterOptions options)
    {
        _link = link;
        _options = options;
        if (LinkLayouts.Find(link.Dlt) is not { } layout)
        {
            Fail(DiagnosticTable.FilterUnknownLink, default, link.Dlt);
            layout = LinkLayouts.Find(LinkLayouts.Ethernet)!;
        }

        if (options.SnapLength <= 0)
            Fail(DiagnosticTable.FilterSnapLength, default);
        _at.Link = _at.OuterLink = link.Dlt;
        _at.Layout = layout;
        _at.LinkHeader = _at.OuterLinkHeader = new Offset(layout.Header, layout.IsHeaderVariable);
        _at.Payload = new Offset(layout.Payload, layout.IsPayloadVariable);
        _at.Type = new Offset(layout.Type);
        _at.Network = layout.Network;
        _at.NetworkNoSnap = layout.NetworkNoSnap;
    }

    public GeneratedFilter Run(FilterNode? root)
    {
        Test? test = null;
        if (_error is null && root is not null)
        {
            test = Node(root);
            if (_error is null)
                test = Finish(test);
        }

        return _error is { } error ? new GeneratedFilter(null, [error]) : new GeneratedFilter(new FilterTree(test, _variables), []);
    }

    /// <summary>After an error of the parser: an error of what stood before it comes first, as in libpcap, which generates while it parses.</summary>
    public GeneratedFilter RunFailed(ParsedFilter parsed)
    {
        foreach (SyntaxNode node in parsed.Completed)
        {
            if (_error is not null)
                break;
            if (node is FilterNode filter)
                Node(filter);
            else if (node is ValueNode value)
                Value(value, out _);
        }

        return new GeneratedFilter(null, _error is { } error ? [error] : parsed.Diagnostics);
    }

    private Test Node(FilterNode node)
    {
        if (_error is not null)
            return False();
        _span = node.Span;
        return node switch
        {
            PrimitiveNode primitive => Primitive(primitive),
            ChainNode chain => Chain(chain),
            ProtocolNode protocol => Abbreviation(protocol.Proto),
            RelationNode relation => Relation(relation),
            NotNode not => (not.Count & 1) == 0 ? Node(not.Operand) : Not(Node(not.Operand)),
            EncapsulationNode encapsulation => Encapsulate(encapsulation),
            LengthTestNode length => LengthTest(length),
            CastNode cast => cast.IsMulticast ? Multicast(cast) : Broadcast(cast),
            SetNode set => Set(set),
            ByteNode bytes => ByteTest(bytes),
            BoundNode bound => Bound(bound.IsOutbound),
            IfIndexNode index => InterfaceIndex(index.Index),
            AnyVlanNode any => AnyVlan(any),
            InnerNode inner => Inner(inner),
            PfNode pf => PfLog(pf),
            WlanTypeNode type => WlanType(type),
            WlanDirectionNode direction => WlanDirection(direction),
            LlcNode llc => Llc(llc),
            AtmTypeNode atm => AtmType(atm.Type),
            AtmFieldNode atm => AtmField(atm.IsVci, atm.Op, atm.Value, atm.ValueSpan),
            Mtp2Node mtp2 => Mtp2(mtp2.Type),
            Mtp3FieldNode mtp3 => Mtp3(mtp3),
            _ => throw new InvalidOperationException(node.GetType().Name),
        };
    }

    private Test Chain(ChainNode chain)
    {
        ReadOnlySpan<FilterNode> terms = chain.Terms;
        Test test = Node(terms[0]);
        for (int i = 1; i < terms.Length && _error is null; i++)
        {
            Test next = Node(terms[i]);
            test = chain.IsOr(i) ? Or(test, next) : And(test, next);
        }

        return test;
    }

    /// <summary>Remembers the first error; the rest of the run makes nothing of consequence.</summary>
    private Test Fail(DiagnosticInfo info, TextSpan span, params ReadOnlySpan<object?> args)
    {
        _error ??= info.At(span.Length == 0 ? _span : span, args);
        return False();
    }

    private Test FailOnLink(string keyword, TextSpan span = default) => Fail(DiagnosticTable.FilterNotOnLink, span, keyword, LinkName());

    private bool CheckMax(string name, uint value, uint max, TextSpan span = default)
    {
        if (value <= max)
            return true;
        Fail(DiagnosticTable.FilterTooLarge, span, name, value, max);
        return false;
    }

    /// <summary>The current link type as libpcap's messages name it.</summary>
    private string LinkName()
    {
        var link = new LinkType(_at.Link);
        return link.IsKnown ? $"DLT_{link.Name} ({link.Description})" : $"DLT {_at.Link}";
    }

    private void TakeRegister()
    {
        if (++_registers > RegistersMax)
            Fail(DiagnosticTable.FilterRegisters, default);
    }

    private void FreeRegister() => _registers--;

    private int NewVariable()
    {
        TakeRegister();
        return _variables++;
    }
}
