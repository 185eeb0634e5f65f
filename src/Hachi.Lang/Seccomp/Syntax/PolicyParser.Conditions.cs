using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Syntax;

// Conditions: alternatives of conjunctions of tests of one argument. No nesting, so no recursion.
internal sealed partial class PolicyParser
{
    private const int AlternativesMax = 256;

    /// <summary><c>a == 1 and b in {2, 3} or c &amp; 4 == 0</c>: each alternative is a list of conditions that must all hold.</summary>
    private List<List<ConditionText>>? Alternatives()
    {
        var all = new List<List<ConditionText>>();
        do
        {
            List<List<ConditionText>> product = [[]];
            do
            {
                if (Test() is not { } choices)
                    return null;
                if ((long)product.Count * choices.Count > AlternativesMax)
                {
                    Fail(DiagnosticTable.PolicyAlternatives.At(_token.Span, AlternativesMax));
                    return null;
                }
                product = [.. from left in product from right in choices select (List<ConditionText>)[.. left, .. right]];
            }
            while (Take("and") || Take("&&") || Take(","));
            all.AddRange(product);
            if (all.Count > AlternativesMax)
            {
                Fail(DiagnosticTable.PolicyAlternatives.At(_token.Span, AlternativesMax));
                return null;
            }
        }
        while (Take("or") || Take("||"));
        return all;
    }

    /// <summary>One test; <c>in</c> gives several choices.</summary>
    private List<List<ConditionText>>? Test()
    {
        PolicyToken name = _token;
        if (name.Kind != PolicyTokenKind.Word)
        {
            Expected("the name of an argument");
            return null;
        }
        Next();
        bool byNumber = name.Text.Length == 4 && name.Text.StartsWith("arg", StringComparison.Ordinal) && name.Text[3] is >= '0' and <= '5';
        var condition = new ConditionText(byNumber ? name.Text[3] - '0' : -1, byNumber ? null : name.Text, SeccompOperator.Equal, 0, ulong.MaxValue, name.Span);
        bool isMasked = Take("&");
        if (isMasked)
        {
            if (Value() is not { } mask)
                return null;
            condition = condition with { Operator = SeccompOperator.MaskedEqual, Mask = mask };
        }
        if (Take("in"))
            return In(condition, isMasked);
        SeccompOperator? op = _token.Text switch
        {
            "==" => isMasked ? SeccompOperator.MaskedEqual : SeccompOperator.Equal,
            "!=" => isMasked ? SeccompOperator.MaskedNotEqual : SeccompOperator.NotEqual,
            "<" when !isMasked => SeccompOperator.Less,
            "<=" when !isMasked => SeccompOperator.LessOrEqual,
            ">" when !isMasked => SeccompOperator.Greater,
            ">=" when !isMasked => SeccompOperator.GreaterOrEqual,
            _ => null,
        };
        if (op is not { } known)
        {
            Expected(isMasked ? "==, != or in" : "a comparison, & or in");
            return null;
        }
        Next();
        return Value() is { } value ? [[condition with { Operator = known, Value = value }]] : null;
    }

    private List<List<ConditionText>>? In(ConditionText condition, bool isMasked)
    {
        if (!Take("{"))
        {
            if (isMasked)
            {
                Expected("{");
                return null;
            }
            if (Value() is not { } low)
                return null;
            if (!Take(".."))
            {
                Expected("..");
                return null;
            }
            return Value() is { } high
                ? [[condition with { Operator = SeccompOperator.GreaterOrEqual, Value = low }, condition with { Operator = SeccompOperator.LessOrEqual, Value = high }]]
                : null;
        }
        var choices = new List<List<ConditionText>>();
        do
        {
            if (Value() is not { } value)
                return null;
            choices.Add([condition with { Value = value }]);
        }
        while (Take(",") && choices.Count <= AlternativesMax);
        if (Take("}"))
            return choices;
        Expected("',' or '}'");
        return null;
    }

    /// <summary>Numbers and constants, joined by <c>|</c>, each perhaps inverted by <c>~</c>.</summary>
    private ulong? Value()
    {
        ulong value = 0;
        do
        {
            bool inverts = Take("~");
            PolicyToken token = _token;
            ulong? one = token.Kind switch
            {
                PolicyTokenKind.Number => token.Value,
                PolicyTokenKind.Word => SyscallWords.Constant(token.Text),
                _ => null,
            };
            if (one is not { } known)
            {
                if (token.Kind == PolicyTokenKind.Word)
                {
                    string? near = Nearest.To(token.Text, SyscallWords.Constants);
                    Fail(DiagnosticTable.PolicyUnknownConstant.AtWithHint(token.Span, near is null ? null : $"did you mean {near}?", token.Text));
                }
                else if (token.Kind == PolicyTokenKind.Bad && char.IsAsciiDigit(token.Text[0]))
                {
                    Fail(DiagnosticTable.PolicyNumber.At(token.Span, token.Text));
                }
                else
                {
                    Expected("a number or a constant");
                }
                return null;
            }
            Next();
            value |= inverts ? ~known : known;
        }
        while (Take("|"));
        return value;
    }
}
