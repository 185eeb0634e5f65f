using System.Globalization;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Explain;

/// <summary>Comparisons in words: the field's own where it has some, otherwise the words of the expression.</summary>
internal static class FilterNotes
{
    private const int TextMax = 60;

    /// <summary>What a comparison asks: "the destination port is 443", "tcp[13] &amp; 2 = 0".</summary>
    public static string Question(Test test, string expression)
    {
        if (test.Op == TestOp.ProtoChain)
            return string.Create(CultureInfo.InvariantCulture, $"the chain of IPv{test.K2} headers leads to protocol {test.K}");
        if (test.Field is not (TestField.Relation or TestField.Byte) && test.Note is { } note)
            return note;
        if (test.A is null || test.B is null)
            return Text(expression, test.Span);
        return Comparison(test, expression);
    }

    /// <summary>A relation as it is written, and whether the test decides the opposite: not-equal and the two smaller-than are made of the three that the machine has.</summary>
    public static string Written(Test test, string expression, out bool isNegated)
    {
        isNegated = false;
        if (test is not { Field: TestField.Relation, A: not null, B: not null } || test.A.Span.End > test.B.Span.Start || test.B.Span.Start > expression.Length)
            return Question(test, expression);
        string sign = expression[test.A.Span.End..test.B.Span.Start].Trim(' ', '\t', '\r', '\n', '(', ')');
        isNegated = sign is "!=" or "<" or "<=";
        return Text(expression, test.Span);
    }

    private static string Comparison(Test test, string expression)
    {
        string sign = test.Op switch { TestOp.Eq => "=", TestOp.Gt => ">", TestOp.Ge => ">=", _ => "has one of the bits of" };
        return $"{Operand(test.A!, test, expression)} {sign} {Operand(test.B!, test, expression)}";
    }

    /// <summary>What the packet had for a comparison: "53", "IPv4 (0x0800)".</summary>
    public static string Found(TestEvent happened)
    {
        if (happened.Test is not { } test)
            return "";
        if (test.Op == TestOp.ProtoChain)
            return happened.Outcome == TestOutcome.True ? "such a chain" : "no such chain";
        if (test.Field is TestField.Relation or TestField.Byte)
        {
            string a = Number(happened.A);
            return test.B is { Op: ArithOp.Const } ? a : $"{a} and {Number(happened.B)}";
        }
        return TestNotes.ValueOf(test, happened.A, happened.Loaded);
    }

    /// <summary>A piece of the expression on one line, not too long.</summary>
    public static string Text(string expression, TextSpan span)
    {
        int start = Math.Clamp(span.Start, 0, expression.Length), end = Math.Clamp(span.End, start, expression.Length);
        return Cut(expression[start..end]);
    }

    /// <summary>The same for any text.</summary>
    public static string Cut(string text) => text.Length <= TextMax ? text : string.Concat(text.AsSpan(0, TextMax - 3), "...");

    private static string Operand(Arith arith, Test test, string expression)
    {
        if (arith.Op == ArithOp.Const)
            return Number(arith.K);
        return test.Field == TestField.Byte && arith is { Op: ArithOp.Load8, A: null }
            ? string.Create(CultureInfo.InvariantCulture, $"byte {arith.K}")
            : Balanced(Text(expression, arith.Span));
    }

    /// <summary>The span of a value ends in front of its closing parentheses.</summary>
    private static string Balanced(string text) => text + new string(')', Math.Max(0, text.AsSpan().Count('(') - text.AsSpan().Count(')')));

    private static string Number(uint value) => value > 0xffff ? string.Create(CultureInfo.InvariantCulture, $"0x{value:x}") : value.ToString(CultureInfo.InvariantCulture);
}
