using System.Globalization;
using System.Reflection;
using System.Text;
using Hachi.Lang.Pcap.Syntax;

namespace Hachi.Tests.Pcap;

/// <summary>Everything in a syntax tree but the places in the text, as text: two trees are equal when their dumps are.</summary>
internal static class SyntaxDump
{
    public static string Of(SyntaxNode? node)
    {
        var output = new StringBuilder();
        Write(output, node);
        return output.ToString();
    }

    private static void Write(StringBuilder output, object? value)
    {
        switch (value)
        {
            case null:
                output.Append('-');
                break;
            case ChainNode chain:
                output.Append("(chain");
                for (int i = 0; i < chain.Terms.Length; i++)
                {
                    output.Append(i == 0 ? " " : chain.IsOr(i) ? " or " : " and ");
                    Write(output, chain.Terms[i]);
                }
                output.Append(')');
                break;
            case SetNode set:
                output.Append("(set ");
                Write(output, set.Qualifiers);
                foreach (SetItem item in set.Items)
                {
                    output.Append(' ');
                    Write(output, item.Low);
                    output.Append('-');
                    Write(output, item.High);
                }
                output.Append(')');
                break;
            case Qualifiers q:
                output.Append(CultureInfo.InvariantCulture, $"<{q.Proto} {q.Dir} {q.Type}>");
                break;
            case Identifier id:
                output.Append(CultureInfo.InvariantCulture, $"[{id.Kind} {(id.Kind == IdKind.Number ? "" : id.Text)} {id.Number} {(id.Kind == IdKind.Ipv4Mask ? id.MaskText : "")} {id.Value}]");
                break;
            case SyntaxNode node:
                output.Append('(').Append(node.GetType().Name);
                foreach (PropertyInfo property in node.GetType().GetProperties())
                {
                    if (property.Name.EndsWith("Span", StringComparison.Ordinal) || (node is PfNode { Field: > PfField.RuleSet } && property.Name == "Text"))
                        continue;
                    output.Append(' ');
                    Write(output, property.GetValue(node));
                }
                output.Append(')');
                break;
            default:
                output.Append(CultureInfo.InvariantCulture, $"{value}");
                break;
        }
    }
}
