using System.Globalization;
using System.Text;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>Writes a syntax tree as an expression with every inherited qualifier spelled out; parsing that gives an equal tree.</summary>
public static class Printer
{
    /// <summary>The expression of a tree; empty for null, which accepts every packet.</summary>
    public static string Print(FilterNode? root)
    {
        if (root is null)
            return "";
        var writer = new Writer(HasUndefined(root));
        writer.Filter(root, false);
        return writer.ToString();
    }

    /// <summary>The expression of a value.</summary>
    public static string Print(ValueNode value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var writer = new Writer(false);
        writer.Value(value, false);
        return writer.ToString();
    }

    /// <summary>The keyword of a protocol (<c>link</c> for all its spellings); empty for Default and Undefined.</summary>
    public static string Keyword(FilterProtocol proto) => proto is FilterProtocol.Default or FilterProtocol.Undefined ? "" : proto.ToString().ToLowerInvariant();

    /// <summary>The keyword or keywords of a direction; empty for Default and Undefined.</summary>
    public static string Keyword(FilterDirection direction) => direction switch
    {
        FilterDirection.Default or FilterDirection.Undefined => "",
        FilterDirection.Or => "src or dst",
        FilterDirection.And => "src and dst",
        _ => direction.ToString().ToLowerInvariant(),
    };

    /// <summary>The keyword of a type; empty for Default and Undefined.</summary>
    public static string Keyword(FilterType type) => type is FilterType.Default or FilterType.Undefined ? "" : type.ToString().ToLowerInvariant();

    private static bool HasUndefined(FilterNode node)
    {
        switch (node)
        {
            case PrimitiveNode primitive:
                return primitive.Qualifiers.IsUndefined;
            case NotNode not:
                return HasUndefined(not.Operand);
            case AnyVlanNode any:
                return HasUndefined(any.Operand);
            case InnerNode inner:
                return HasUndefined(inner.Operand);
            case ChainNode chain:
                foreach (FilterNode term in chain.Terms)
                    if (HasUndefined(term))
                        return true;
                return false;
            default:
                return false;
        }
    }

    /// <param name="guard">Whether terms with qualifiers go into parentheses, so that nothing is inherited by identifiers that had nothing to inherit.</param>
    private readonly struct Writer(bool guard)
    {
        private readonly StringBuilder _out = new();

        public override string ToString() => _out.ToString();

        public void Filter(FilterNode node, bool nested)
        {
            switch (node)
            {
                case ChainNode chain:
                    Chain(chain, nested);
                    break;
                case NotNode not:
                    for (int i = 0; i < not.Count; i++)
                        _out.Append("not ");
                    Filter(not.Operand, true);
                    break;
                case AnyVlanNode any:
                    _out.Append("anyvlan ");
                    Filter(any.Operand, true);
                    break;
                case InnerNode inner:
                    _out.Append("inner ");
                    Filter(inner.Operand, true);
                    break;
                case PrimitiveNode primitive:
                    Qualified(primitive.Qualifiers);
                    Identifier(primitive.Id);
                    break;
                case SetNode set:
                    Set(set);
                    break;
                case RelationNode relation:
                    Value(relation.Left, false);
                    _out.Append(Symbol(relation.Op));
                    Value(relation.Right, false);
                    break;
                default:
                    _out.Append(Plain(node));
                    break;
            }
        }

        private void Chain(ChainNode chain, bool nested)
        {
            if (nested)
                _out.Append('(');
            for (int i = 0; i < chain.Terms.Length; i++)
            {
                FilterNode term = chain.Terms[i];
                if (i != 0)
                    _out.Append(chain.IsOr(i) ? " or " : " and ");
                bool shield = guard && Leaves(term);
                if (shield)
                    _out.Append('(');
                Filter(term, true);
                if (shield)
                    _out.Append(')');
            }
            if (nested)
                _out.Append(')');
        }

        private static bool Leaves(FilterNode term) => term switch
        {
            PrimitiveNode primitive => !primitive.Qualifiers.IsUndefined,
            SetNode => true,
            NotNode not => Leaves(not.Operand),
            AnyVlanNode any => Leaves(any.Operand),
            InnerNode inner => Leaves(inner.Operand),
            _ => false,
        };

        private void Qualified(Qualifiers qualifiers)
        {
            Word(Keyword(qualifiers.Proto));
            Word(Keyword(qualifiers.Dir));
            Word(Keyword(qualifiers.Type));
        }

        private void Word(string word)
        {
            if (word.Length != 0)
                _out.Append(word).Append(' ');
        }

        private void Identifier(Identifier id)
        {
            switch (id.Kind)
            {
                case IdKind.Name:
                    var lexer = new Lexer(id.Text.ToString());
                    Token token = lexer.Next();
                    if (token.Kind != TokenKind.Name || token.Length != id.Text.Length || token.Start != 0)
                        _out.Append('\\');
                    _out.Append(id.Text);
                    break;
                case IdKind.Number:
                    _out.Append(CultureInfo.InvariantCulture, $"{id.Number}");
                    break;
                case IdKind.Ipv4Prefix or IdKind.Ipv6Prefix:
                    _out.Append(id.Text).Append(CultureInfo.InvariantCulture, $"/{id.Number}");
                    break;
                case IdKind.Ipv4Mask:
                    _out.Append(id.Text).Append(" mask ").Append(id.MaskText);
                    break;
                case IdKind.File:
                    _out.Append("@\"").Append(id.Text).Append('"');
                    break;
                default:
                    _out.Append(id.Text);
                    break;
            }
        }

        private void Set(SetNode set)
        {
            Qualified(set.Qualifiers);
            _out.Append("in {");
            string separator = "";
            foreach (SetItem item in set.Items)
            {
                _out.Append(separator);
                Identifier(item.Low);
                if (item.High is not null)
                {
                    _out.Append(" - ");
                    Identifier(item.High);
                }
                separator = ", ";
            }
            _out.Append('}');
        }

        public void Value(ValueNode value, bool nested)
        {
            bool parentheses = nested && value is BinaryNode or NegateNode;
            if (parentheses)
                _out.Append('(');
            switch (value)
            {
                case NumberNode number:
                    _out.Append(CultureInfo.InvariantCulture, $"{number.Value}");
                    break;
                case LengthNode:
                    _out.Append("len");
                    break;
                case AccessorNode accessor:
                    _out.Append(Keyword(accessor.Proto)).Append('[');
                    Value(accessor.Offset, false);
                    if (accessor.SizeSpan.Length != 0)
                        _out.Append(CultureInfo.InvariantCulture, $":{accessor.Size}");
                    _out.Append(']');
                    break;
                case NegateNode negate:
                    _out.Append('-');
                    Value(negate.Operand, true);
                    break;
                case BinaryNode binary:
                    Value(binary.Left, true);
                    _out.Append(ArithSymbol(binary.Op));
                    Value(binary.Right, true);
                    break;
            }
            if (parentheses)
                _out.Append(')');
        }

        private static string ArithSymbol(ArithOp op) => op switch
        {
            ArithOp.Add => " + ",
            ArithOp.Sub => " - ",
            ArithOp.Mul => " * ",
            ArithOp.Div => " / ",
            ArithOp.Mod => " % ",
            ArithOp.And => " & ",
            ArithOp.Or => " | ",
            ArithOp.Xor => " ^ ",
            ArithOp.Lsh => " << ",
            _ => " >> ",
        };
    }

    private static string Symbol(RelationOp op) => op switch
    {
        RelationOp.Eq => " = ",
        RelationOp.Ne => " != ",
        RelationOp.Gt => " > ",
        RelationOp.Ge => " >= ",
        RelationOp.Lt => " < ",
        _ => " <= ",
    };

    private static string Plain(FilterNode node) => node switch
    {
        ProtocolNode protocol => Keyword(protocol.Proto),
        CastNode cast => $"{Keyword(cast.Proto)} {(cast.IsMulticast ? "multicast" : "broadcast")}".TrimStart(),
        LengthTestNode length => $"{(length.IsGreater ? "greater" : "less")} {length.Value}",
        ByteNode b => $"byte {b.Index} {b.Op switch { ByteOp.Eq => "=", ByteOp.Lt => "<", ByteOp.Gt => ">", ByteOp.And => "&", _ => "|" }} {b.Value}",
        BoundNode bound => bound.IsOutbound ? "outbound" : "inbound",
        IfIndexNode index => $"ifindex {index.Index}",
        EncapsulationNode encapsulation => $"{encapsulation.Kind.ToString().ToLowerInvariant()} {encapsulation.Id}".TrimEnd(),
        PfNode pf => Plain(pf),
        WlanTypeNode type => $"type 0x{type.Value & 0x0c:x2}{((type.Mask & 0xf0) == 0 ? "" : $" subtype 0x{type.Value & 0xf0:x2}")}",
        WlanDirectionNode direction => $"dir {direction.Value}",
        LlcNode llc => $"llc {(llc.Test is LlcTest.Any ? "" : llc.Test is LlcTest.SSubtype or LlcTest.USubtype ? Parser.LlcName(llc.Test, llc.Value) : llc.Test.ToString().ToLowerInvariant())}".TrimEnd(),
        AtmTypeNode atm => atm.Type.ToString().ToLowerInvariant(),
        AtmFieldNode field => $"{(field.IsVci ? "vci" : "vpi")}{Symbol(field.Op)}{field.Value}",
        Mtp2Node mtp2 => mtp2.Type.ToString().ToLowerInvariant(),
        Mtp3FieldNode field => $"{field.Field.ToString().ToLowerInvariant()}{Symbol(field.Op)}{field.Value}",
        _ => "",
    };

    private static string Plain(PfNode pf) => pf.Field switch
    {
        PfField.IfName => $"ifname \\{pf.Text}",
        PfField.RuleSet => $"ruleset \\{pf.Text}",
        PfField.RuleNumber => $"rnr {pf.Value}",
        PfField.SubRuleNumber => $"srnr {pf.Value}",
        PfField.Reason => $"reason {pf.Value}",
        _ => $"action {Parser.PfActionName(pf.Value)}",
    };
}
