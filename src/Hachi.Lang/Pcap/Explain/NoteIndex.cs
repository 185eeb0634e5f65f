using System.Globalization;
using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Explain;

/// <summary>
/// The loads and comparisons of a resolved filter under keys that say how a value is computed (<c>L2[12]</c> two bytes at offset 12,
/// <c>L2[14+((L1[14]&amp;15)&lt;&lt;2)]</c> behind the IPv4 header), so that what an instruction computes can be recognised.
/// </summary>
internal sealed class NoteIndex
{
    /// <summary>The key of a value of which nothing is known.</summary>
    public const string Anything = "?";

    /// <summary>The key of the length of the packet.</summary>
    public const string LengthKey = "len";

    private const int KeyMax = 160, TestsMax = 20_000;

    private readonly Dictionary<string, TestField> _fields = [];
    private readonly Dictionary<string, string> _texts = [];

    // The same where the variable part of an address is not known; null where two different loads share the constant part.
    private readonly Dictionary<string, TestField?> _likelyFields = [];
    private readonly Dictionary<string, string?> _likelyTexts = [];
    private readonly Dictionary<(TestOp, string, string), string> _comparisons = [];
    private readonly string _expression;

    public NoteIndex(FilterTree tree, string expression)
    {
        _expression = expression;
        if (tree.Root is not null)
            foreach (Test test in Comparisons(tree.Root))
                Add(test);
    }

    /// <summary>What a key stands for: "the EtherType", "tcp[13]"; or null.</summary>
    public string? Subject(string? key)
    {
        if (key is null)
            return null;
        if (Field(key) is { } field)
            return TestNotes.SubjectOf(field);
        return _texts.TryGetValue(key, out string? text) || (Likely(key) is { } likely && _likelyTexts.TryGetValue(likely, out text)) ? text : null;
    }

    /// <summary>The field that a load reads, or null.</summary>
    public TestField? Field(string key)
    {
        if (_fields.TryGetValue(key, out TestField field))
            return field;
        return Likely(key) is { } likely && _likelyFields.TryGetValue(likely, out TestField? found) ? found : null;
    }

    /// <summary>What a comparison of the filter asks, or null when it has none like this.</summary>
    public string? Comparison(TestOp op, string? a, string? b) =>
        a is not null && b is not null && _comparisons.TryGetValue((op, a, b), out string? note) ? note : null;

    public static string Constant(uint value) => value.ToString(CultureInfo.InvariantCulture);

    public static string ExtensionKey(uint number) => string.Create(CultureInfo.InvariantCulture, $"ext{number - Extension.Base}");

    public static string HeaderLengthKey(uint offset) => $"((L1[{Constant(offset)}]&15)<<2)";

    public static string LoadKey(int size, uint offset, string? variable)
    {
        if (variable is { Length: > KeyMax })
            variable = Anything;
        return $"L{Constant((uint)size)}[{Constant(offset)}{(variable is null ? "" : "+" + variable)}]";
    }

    public static string? Unary(string a) => a.Length > KeyMax ? null : $"(-{a})";

    public static string? Binary(ArithOp op, string a, string b)
    {
        if (a.Length + b.Length > KeyMax)
            return null;
        if (uint.TryParse(a, NumberStyles.None, CultureInfo.InvariantCulture, out uint left) && uint.TryParse(b, NumberStyles.None, CultureInfo.InvariantCulture, out uint right)
            && Fold(op, left, right) is { } value)
            return Constant(value);
        bool commutes = op is ArithOp.Add or ArithOp.Mul or ArithOp.And or ArithOp.Or or ArithOp.Xor;
        bool swap = commutes && (char.IsAsciiDigit(a[0]) != char.IsAsciiDigit(b[0]) ? char.IsAsciiDigit(a[0]) : string.CompareOrdinal(a, b) > 0);
        return swap ? $"({b}{Sign(op)}{a})" : $"({a}{Sign(op)}{b})";
    }

    private static uint? Fold(ArithOp op, uint a, uint b) => op switch
    {
        ArithOp.Add => a + b,
        ArithOp.Sub => a - b,
        ArithOp.Mul => a * b,
        ArithOp.And => a & b,
        ArithOp.Or => a | b,
        ArithOp.Lsh when b < 32 => a << (int)b,
        _ => null,
    };

    /// <summary>How an operation is written between its operands.</summary>
    public static string Sign(ArithOp op) => op switch
    {
        ArithOp.Add => "+",
        ArithOp.Sub => "-",
        ArithOp.Mul => "*",
        ArithOp.Div => "/",
        ArithOp.Mod => "%",
        ArithOp.And => "&",
        ArithOp.Or => "|",
        ArithOp.Xor => "^",
        ArithOp.Lsh => "<<",
        _ => ">>",
    };

    private static string? Likely(string key)
    {
        int plus = key.StartsWith('L') ? key.IndexOf('+', StringComparison.Ordinal) : -1;
        return plus > 0 ? string.Concat(key.AsSpan(0, plus + 1), Anything, "]") : null;
    }

    private static void AddLikely<T>(Dictionary<string, T> map, string key, T value)
    {
        if (Likely(key) is { } likely && !map.TryAdd(likely, value) && !Equals(map[likely], value))
            map[likely] = default!;
    }

    /// <summary>Every comparison of a tree, without recursion.</summary>
    internal static List<Test> Comparisons(Test root, int max = TestsMax)
    {
        var found = new List<Test>();
        var work = new Stack<Test>();
        work.Push(root);
        for (int count = 0; count < max && work.TryPop(out Test? test); count++)
        {
            if (test.A is not null && test.Op != TestOp.ProtoChain)
                found.Add(test);
            if (test.Right is not null)
                work.Push(test.Right);
            if (test.Left is not null)
                work.Push(test.Left);
            var steps = new Stack<Step>(test.Steps ?? []);
            while (steps.TryPop(out Step? step))
            {
                if (step.Condition is not null)
                    work.Push(step.Condition);
                foreach (Step inner in step.Then ?? [])
                    steps.Push(inner);
                foreach (Step inner in step.Else ?? [])
                    steps.Push(inner);
            }
        }
        return found;
    }

    private void Add(Test test)
    {
        Arith a = test.A!;
        if (test.Field is TestField.Relation)
        {
            AddTexts(a);
            if (test.B is not null)
                AddTexts(test.B);
        }
        else
        {
            Arith load = a.Op == ArithOp.And ? a.A! : a;
            if (test.Field is not (TestField.None or TestField.Byte) && KeyOf(load) is { } key)
            {
                _fields.TryAdd(key, test.Field);
                AddLikely<TestField?>(_likelyFields, key, test.Field);
            }
        }
        if (test.B is not null && KeyOf(a) is { } left && KeyOf(test.B) is { } right && FilterNotes.Question(test, _expression) is { } note)
            _comparisons.TryAdd((test.Op, left, right), note);
    }

    /// <summary>The accessors of a number by their own words; what an accessor loads besides (the header length) has its span and is passed over.</summary>
    private void AddTexts(Arith root)
    {
        var work = new Stack<(Arith Arith, TextSpan Outer)>();
        work.Push((root, default));
        while (work.TryPop(out (Arith Arith, TextSpan Outer) item))
        {
            (Arith arith, TextSpan outer) = item;
            bool isLoad = arith.Op is ArithOp.Load8 or ArithOp.Load16 or ArithOp.Load32;
            if (arith.Op != ArithOp.Const && (arith.Span != outer || !isLoad) && KeyOf(arith) is { } key)
            {
                string text = FilterNotes.Text(_expression, arith.Span);
                if (arith.Span != outer)
                    _texts.TryAdd(key, text);
                if (isLoad && arith.Span != outer)
                    AddLikely<string?>(_likelyTexts, key, text);
            }
            TextSpan inner = isLoad ? arith.Span : outer;
            if (arith.B is not null)
                work.Push((arith.B, inner));
            if (arith.A is not null)
                work.Push((arith.A, inner));
        }
    }

    private static int SizeOf(ArithOp op) => op switch { ArithOp.Load8 => 1, ArithOp.Load16 => 2, _ => 4 };

    /// <summary>The key of a number of the tree; null when it is too long to be worth it.</summary>
    private static string? KeyOf(Arith arith, int depth = 0)
    {
        if (depth > 24)
            return null;
        switch (arith.Op)
        {
            case ArithOp.Const:
                return Constant(arith.K);
            case ArithOp.Length:
                return LengthKey;
            case ArithOp.Extension:
                return ExtensionKey(arith.K);
            case ArithOp.Variable:
                return Anything;
            case ArithOp.Load8 or ArithOp.Load16 or ArithOp.Load32:
                uint offset = arith.K;
                string? variable = arith.A is null ? null : Sum(arith.A, ref offset, depth + 1);
                return LoadKey(SizeOf(arith.Op), offset, variable);
            case ArithOp.Neg:
                return KeyOf(arith.A!, depth + 1) is { } operand ? Unary(operand) : null;
            default:
                return KeyOf(arith.A!, depth + 1) is { } a && KeyOf(arith.B!, depth + 1) is { } b ? Binary(arith.Op, a, b) : null;
        }
    }

    /// <summary>The variable part of an address; what is constant in it goes to the offset.</summary>
    private static string? Sum(Arith arith, ref uint offset, int depth)
    {
        if (arith.Op == ArithOp.Const)
        {
            offset += arith.K;
            return null;
        }
        if (arith.Op != ArithOp.Add || depth > 24)
            return KeyOf(arith, depth) ?? Anything;
        string? a = Sum(arith.A!, ref offset, depth + 1), b = Sum(arith.B!, ref offset, depth + 1);
        return a is null ? b : b is null ? a : Binary(ArithOp.Add, a, b) ?? Anything;
    }
}
