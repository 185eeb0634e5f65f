using Hachi.Ir;
using Hachi.Lang.Pcap.Compile;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Explain;

/// <summary>Finds what may surprise in an expression that compiles.</summary>
internal sealed class FilterTraps(ParsedFilter parsed, FilterTree tree, FilterOptions options)
{
    private const int TrapsMax = 6, AlternativesMax = 64, DeadTestsMax = 1000, HintMax = 80;

    private readonly List<Diagnostic> _found = [];
    private readonly HashSet<string> _said = [];
    private EncapsulationNode? _shift;
    private int _shiftOr = -1; // where the term begins that is joined by 'or' behind it
    private string? _shiftHint;

    /// <summary>The traps, warnings first, at most a few.</summary>
    public IReadOnlyList<Diagnostic> Find()
    {
        if (parsed.Root is null)
            return [];
        FindDead();
        FindShift(parsed.Root);
        Visit(parsed.Root, false, false);
        _found.Sort((a, b) => a.Severity != b.Severity ? b.Severity.CompareTo(a.Severity) : 0);
        var order = new List<Diagnostic>();
        foreach (Severity severity in (Severity[])[Severity.Warning, Severity.Info])
            foreach (Diagnostic each in _found)
                if (each.Severity == severity && order.Count < TrapsMax)
                    order.Add(each);
        return order;
    }

    /// <summary>Adds a trap; each sort is said once.</summary>
    private void Say(DiagnosticInfo info, TextSpan span, string? hint, params ReadOnlySpan<object?> args)
    {
        if (_said.Add(info.Id))
            _found.Add(info.AtWithHint(span, hint, args));
    }

    /// <param name="node">What to look at; nodes come in the order of the text.</param>
    /// <param name="joinedByAnd">Whether the term is joined by <c>and</c> to what stands left of it.</param>
    /// <param name="isContained">Behind anyvlan or inner, which shift nothing outside.</param>
    private void Visit(FilterNode node, bool joinedByAnd, bool isContained)
    {
        if (node is not (ChainNode or NotNode or AnyVlanNode or InnerNode))
            AfterShift(node, isContained);
        switch (node)
        {
            case ChainNode chain:
                VisitChain(chain, joinedByAnd, isContained);
                break;
            case NotNode not:
                Visit(not.Operand, joinedByAnd, isContained);
                break;
            case AnyVlanNode any:
                Visit(any.Operand, false, true);
                break;
            case InnerNode inner:
                Visit(inner.Operand, false, true);
                break;
            case PrimitiveNode primitive:
                VisitPrimitive(primitive, joinedByAnd);
                break;
            case SetNode { Qualifiers.Type: FilterType.Port } set:
                SayPorts(set);
                break;
            case ProtocolNode { Proto: FilterProtocol.Icmp6 } protocol:
                Say(DiagnosticTable.TrapIpv6Headers, protocol.Span, null);
                break;
            case RelationNode relation:
                VisitValue(relation.Left, relation.Span);
                VisitValue(relation.Right, relation.Span);
                break;
            case LengthTestNode length:
                Say(DiagnosticTable.TrapInclusive, length.Span, null, length.IsGreater ? "greater" : "less", length.Value);
                break;
        }
    }

    private void VisitChain(ChainNode chain, bool joinedByAnd, bool isContained)
    {
        bool wasOr = false;
        for (int i = 0; i < chain.Terms.Length; i++)
        {
            bool isOr = i > 0 && chain.IsOr(i);
            if (i > 0 && !isOr && wasOr)
                SayAndOr(chain, i);
            wasOr |= isOr;
            Visit(chain.Terms[i], i > 0 ? !isOr : joinedByAnd, isContained);
        }
    }

    /// <summary>Finds the first encapsulation that shifts anything, and on the way back the first <c>or</c> behind it.</summary>
    private bool FindShift(FilterNode node)
    {
        switch (node)
        {
            case EncapsulationNode { Kind: not Encapsulation.Pppoed } encapsulation:
                _shift = encapsulation;
                return true;
            case NotNode not:
                return FindShift(not.Operand);
            case ChainNode chain:
                for (int i = 0; i < chain.Terms.Length; i++)
                {
                    if (!FindShift(chain.Terms[i]))
                        continue;
                    FindShiftHint(chain, i);
                    return true;
                }
                return false;
            default:
                return false;
        }
    }

    /// <summary>Where the chain goes on with <c>or</c> behind the shift: what is not encapsulated can be written first.</summary>
    private void FindShiftHint(ChainNode chain, int at)
    {
        for (int i = at + 1; i < chain.Terms.Length; i++)
        {
            if (!chain.IsOr(i) || _shiftOr >= 0)
                continue;
            _shiftOr = chain.Terms[i].Span.Start;
            string first = Part(chain, i, chain.Terms.Length), second = Part(chain, 0, i);
            if (first.Length + second.Length <= HintMax)
                _shiftHint = $"write what is not encapsulated first: {first} or {second}";
        }
    }

    /// <summary>Some terms of a chain as text of their own, every qualifier spelled out.</summary>
    private static string Part(ChainNode chain, int from, int to)
    {
        if (to - from == 1)
            return chain.Terms[from] is ChainNode ? $"({Printer.Print(chain.Terms[from])})" : Printer.Print(chain.Terms[from]);
        var ors = new bool[to - from - 1];
        for (int i = 0; i < ors.Length; i++)
            ors[i] = chain.IsOr(from + 1 + i);
        FilterNode[] terms = chain.Terms[from..to].ToArray();
        return $"({Printer.Print(new ChainNode(terms, ors, TextSpan.Cover(terms[0].Span, terms[^1].Span)))})";
    }

    private void AfterShift(FilterNode node, bool isContained)
    {
        if (_shift is not { } shift || isContained || ReferenceEquals(node, shift) || node is EncapsulationNode or LengthTestNode or BoundNode or IfIndexNode || node.Span.Start < Math.Max(shift.Span.Start, _shiftOr))
            return;
        if (node is RelationNode relation && !ReadsPacket(relation.Left) && !ReadsPacket(relation.Right))
            return;
        string rest = FilterNotes.Text(parsed.Text, new TextSpan(node.Span.Start, parsed.Text.Length - node.Span.Start)).TrimEnd();
        string text = FilterNotes.Text(parsed.Text, node.Span);
        string? hint = _shiftOr >= 0 ? _shiftHint : null;
        if (hint is null && shift is { Kind: Encapsulation.Vlan, Id: null } && Balanced(rest))
            hint = $"to match with a tag or without: anyvlan {(rest == text ? rest : $"({rest})")}";
        // Right of an 'or' it is hardly ever what was meant; otherwise it is how the keyword works.
        DiagnosticInfo info = _shiftOr >= 0 ? DiagnosticTable.TrapShift : DiagnosticTable.TrapShift with { Severity = Severity.Info };
        Say(info, shift.Span, hint, Keyword(shift), text, FilterWords.Behind(shift.Kind));
    }

    private static bool Balanced(string text) => text.Count('(') == text.Count(')') && !text.EndsWith("...", StringComparison.Ordinal);

    private static string Keyword(EncapsulationNode node) => node.Kind.ToString().ToLowerInvariant();

    private static bool ReadsPacket(ValueNode value) => value switch
    {
        AccessorNode => true,
        BinaryNode binary => ReadsPacket(binary.Left) || ReadsPacket(binary.Right),
        NegateNode negate => ReadsPacket(negate.Operand),
        _ => false,
    };

    private void SayAndOr(ChainNode chain, int at)
    {
        if (_said.Contains(DiagnosticTable.TrapAndOr.Id))
            return;
        string left = Part(chain, 0, at), right = Part(chain, at, at + 1);
        string? hint = null;
        if (!chain.IsOr(at - 1))
            right = "...";
        else if (left.Length + right.Length <= HintMax)
            hint = at == 2 ? $"if the other was meant: {Part(chain, 0, 1)} or ({Printer.Print(chain.Terms[1])} and {right})" : null;
        string meaning = left.Length + right.Length <= HintMax ? $"{left} and {right}" : "(... or ...) and ...";
        Say(DiagnosticTable.TrapAndOr, chain.Terms[at].Span, hint, meaning);
    }

    private void VisitPrimitive(PrimitiveNode node, bool joinedByAnd)
    {
        Qualifiers q = node.Qualifiers;
        bool isWritten = q.TypeSpan.Length + q.DirSpan.Length + q.ProtoSpan.Length == 0
            || Math.Max(q.TypeSpan.End, Math.Max(q.DirSpan.End, q.ProtoSpan.End)) >= node.Span.Start;
        if (!isWritten && joinedByAnd)
            Say(DiagnosticTable.TrapInherited, node.Span, null, FilterNotes.Text(parsed.Text, node.Span), Printer.Print(node));
        if (q.Type is FilterType.Port or FilterType.PortRange)
            SayPorts(node);
        else if (q is { Type: FilterType.Proto, Proto: FilterProtocol.Ip6 or FilterProtocol.Default })
            Say(DiagnosticTable.TrapIpv6Headers, node.Span, null);
        bool isHost = q.Type is FilterType.Host or FilterType.Default && q.Proto != FilterProtocol.Link && node.Id.Kind == IdKind.Name;
        if (isHost && options.Lookup?.Hosts(node.Id.Text.ToString()) is { Count: > 1 } addresses)
            Say(DiagnosticTable.TrapAddresses, node.Id.Span, null, node.Id.Text.ToString(), addresses.Count);
    }

    private void SayPorts(FilterNode node) => Say(DiagnosticTable.TrapPorts, node.Span, null);

    private void VisitValue(ValueNode value, TextSpan relation)
    {
        switch (value)
        {
            case AccessorNode accessor:
                VisitValue(accessor.Offset, relation);
                if (accessor.Proto is FilterProtocol.Tcp or FilterProtocol.Udp or FilterProtocol.Sctp)
                {
                    string proto = Printer.Keyword(accessor.Proto);
                    string at = FilterNotes.Text(parsed.Text, accessor.Offset.Span);
                    Say(DiagnosticTable.TrapIpv4Only, accessor.Span, $"for IPv6 without extension headers: ip6 proto \\{proto} and ip6[40 + {at}{(accessor.Size == 1 ? "" : $":{accessor.Size}")}] ...", proto);
                }
                else if (accessor.Proto == FilterProtocol.Icmp6)
                {
                    Say(DiagnosticTable.TrapIpv6Headers, accessor.Span, null);
                }
                break;
            case NegateNode negate:
                VisitValue(negate.Operand, relation);
                break;
            case BinaryNode binary:
                bool isOpen = binary.Right is BinaryNode && parsed.Text[Math.Clamp(binary.OpSpan.End, 0, parsed.Text.Length)..binary.Right.Span.Start].Trim().Length == 0
                    && parsed.Text[binary.Right.Span.Start] != '(';
                if (binary.Op is ArithOp.Mod or ArithOp.Xor && isOpen)
                    Say(DiagnosticTable.TrapPrecedence, binary.OpSpan, null, binary.Op == ArithOp.Mod ? "%" : "^", FilterNotes.Cut(Printer.Print(binary)));
                VisitValue(binary.Left, relation);
                VisitValue(binary.Right, relation);
                break;
        }
    }

    /// <summary>
    /// Alternatives that no packet can take: each is compiled alone. Only where no variable is set in front of it, because what stands alone would
    /// then read it unset.
    /// </summary>
    private void FindDead()
    {
        if (tree.Root is null || tree.VariableCount > 0)
            return;
        var alternatives = new List<Test>();
        var work = new Stack<Test>();
        work.Push(tree.Root);
        while (work.TryPop(out Test? test) && alternatives.Count < AlternativesMax)
        {
            // A primitive has one span for all of its tests: there is nothing of its own inside.
            if (test.Left is null || (test.Left.Span == test.Span && test.Op != TestOp.Not))
                continue;
            if (test.Op == TestOp.And && test.Span != tree.Root.Span)
                alternatives.Add(test);
            if (test.Right is not null)
                work.Push(test.Right);
            work.Push(test.Left);
        }
        alternatives.Sort((a, b) => a.Span.Length.CompareTo(b.Span.Length));
        int left = DeadTestsMax;
        foreach (Test test in alternatives)
        {
            left -= NoteIndex.Comparisons(test, left + 1).Count;
            if (left < 0)
                return;
            if (!RejectsAll(test))
                continue;
            Say(DiagnosticTable.TrapNeverMatches, test.Span, null, FilterNotes.Text(parsed.Text, test.Span));
            return;
        }
    }

    private static bool RejectsAll(Test test)
    {
        var f = new IrFunction();
        new Lowering().Lower(new FilterTree(test, 0), 1, f);
        new FilterCompiler().Optimise(f);
        return FilterCompiler.RejectsAll(f);
    }
}
