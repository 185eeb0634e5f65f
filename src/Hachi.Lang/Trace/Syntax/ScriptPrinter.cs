using System.Globalization;
using System.Text;

namespace Hachi.Lang.Trace.Syntax;

/// <summary>Writes a script as text again, in one style: parsing what it writes gives the same tree. Comments are not kept.</summary>
internal sealed partial class ScriptPrinter
{
    private readonly StringBuilder _output = new();
    private int _indent;

    /// <summary>The text of a script.</summary>
    public static string Print(Script script)
    {
        var printer = new ScriptPrinter();
        Item? previous = null;
        foreach (Item item in script.Items)
        {
            bool isLine = item is IncludeItem or DefineItem;
            if (previous is not null && !(isLine && previous is IncludeItem or DefineItem))
                printer._output.Append('\n');
            printer.Item(item);
            previous = item;
        }
        return printer._output.ToString();
    }

    /// <summary>The text of an expression.</summary>
    public static string Print(Expr value)
    {
        var printer = new ScriptPrinter();
        printer.Value(value, 0);
        return printer._output.ToString();
    }

    /// <summary>The text of a type.</summary>
    public static string Print(TypeName type)
    {
        var printer = new ScriptPrinter();
        printer.Type(type);
        return printer._output.ToString();
    }

    private void Item(Item item)
    {
        switch (item)
        {
            case IncludeItem include:
                Line($"#include {include.Path}");
                break;
            case DefineItem define:
                Line($"#define {define.Name}{(define.Body.StartsWith('(') && define.Body.Contains(')', StringComparison.Ordinal) ? " " : define.Body.Length > 0 ? " " : "")}{define.Body}");
                break;
            case ImportItem import:
                Line($"import {Quote(import.Path)};");
                break;
            case TypeItem type:
                Definition(type.Type);
                _output.Append(";\n");
                break;
            case TypedefItem typedef:
                foreach (CMember name in typedef.Names)
                {
                    _output.Append("typedef ");
                    Member(name);
                }
                break;
            case ConfigItem config:
                Config(config);
                break;
            case MapItem map:
                Start($"let @{map.Map.Name} = {map.Kind}(");
                if (map.Entries is not null)
                    Value(map.Entries, 0);
                _output.Append(");\n");
                break;
            case MacroItem macro:
                Macro(macro);
                break;
            case FunctionItem function:
                Function(function);
                break;
            case ProbeItem probe:
                Probe(probe);
                break;
        }
    }

    private void Config(ConfigItem config)
    {
        Line("config = {");
        _indent++;
        foreach ((string name, _, Token value) in config.Entries)
            Line($"{name} = {(value.Kind == TokenKind.String ? Quote(value.Text) : value.Text)};");
        _indent--;
        Line("}");
    }

    private void Macro(MacroItem macro)
    {
        Start($"macro {macro.Name}(");
        Values(macro.Parameters);
        _output.Append(") ");
        BlockValue(macro.Body);
        _output.Append('\n');
    }

    private void Function(FunctionItem function)
    {
        Start($"fn {function.Name}(");
        for (int i = 0; i < function.Parameters.Count; i++)
        {
            _output.Append(i > 0 ? ", $" : "$").Append(function.Parameters[i].Variable.Name).Append(" : ");
            Type(function.Parameters[i].Type);
        }
        _output.Append(") : ");
        Type(function.Result);
        _output.Append(' ');
        Block(function.Body);
        _output.Append('\n');
    }

    private void Probe(ProbeItem probe)
    {
        for (int i = 0; i < probe.Points.Count; i++)
            _output.Append(i > 0 ? ",\n" : "").Append(Point(probe.Points[i]));
        if (probe.Predicate is not null)
        {
            _output.Append("\n/");
            Value(probe.Predicate, 0);
            _output.Append('/');
        }
        _output.Append('\n');
        Block(probe.Body);
        _output.Append('\n');
    }

    private static readonly System.Buffers.SearchValues<char> s_quoted = System.Buffers.SearchValues.Create(" \t\r\n,{;}:\"$");

    private static string Point(AttachPoint point) => (point.Name is null ? "" : point.Name + "=") + string.Join(':', point.Parts.Select((part, i) =>
        part.AsSpan().ContainsAny(s_quoted) || (part.Contains('/', StringComparison.Ordinal) && (i == 0 || (i == point.Parts.Count - 1 && !part.StartsWith('/')))) ? Quote(part) : part));

    private void Definition(CType type)
    {
        _output.Append(type.Kind);
        if (type.Name.Length > 0)
            _output.Append(' ').Append(type.Name);
        _output.Append(" {\n");
        _indent++;
        foreach (CMember member in type.Members)
            Member(member);
        foreach ((string name, Expr? value) in type.Enumerators)
        {
            Start(name);
            if (value is not null)
            {
                _output.Append(" = ");
                Value(value, 0);
            }
            _output.Append(",\n");
        }
        _indent--;
        Start("}");
        if (type.IsPacked)
            _output.Append(" __attribute__((packed))");
    }

    private void Member(CMember member)
    {
        Start("");
        if (member.Inline is not null)
            Definition(member.Inline);
        else
            _output.Append(member.Type.Name);
        if (member.Name.Length > 0 || member.Bits is not null)
            _output.Append(' ');
        // C writes an array of pointers with the stars first; both come in the order of making, so arrays stand last.
        foreach (long suffix in member.Type.Suffixes)
            if (suffix == TypeName.Pointer)
                _output.Append('*');
        _output.Append(member.Name);
        Dimensions(member.Type.Suffixes.Where(suffix => suffix != TypeName.Pointer));
        if (member.Bits is int bits)
            _output.Append(" : ").Append(bits);
        _output.Append(";\n");
    }

    private void Dimensions(IEnumerable<long> suffixes)
    {
        foreach (long suffix in suffixes.Reverse())
            _output.Append('[').Append(suffix >= 0 ? suffix.ToString(CultureInfo.InvariantCulture) : "").Append(']');
    }

    private void Type(TypeName type)
    {
        if (type.Name.Length > 0)
            _output.Append(type.Name);
        else
        {
            _output.Append("typeof(");
            if (type.OfType is not null)
                Type(type.OfType);
            else
                Value(type.Of!, 0);
            _output.Append(')');
        }
        var run = new List<long>();
        foreach (long suffix in type.Suffixes)
        {
            if (suffix != TypeName.Pointer)
            {
                run.Add(suffix);
                continue;
            }
            Dimensions(run);
            run.Clear();
            _output.Append('*');
        }
        Dimensions(run);
    }

    private void Start(string text) => _output.Append('\t', _indent).Append(text);

    private void Line(string text)
    {
        Start(text);
        _output.Append('\n');
    }

    /// <summary>A string as a script writes it.</summary>
    public static string Quote(string value)
    {
        var text = new StringBuilder("\"");
        foreach (char c in value)
            text.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\t' => "\\t",
                '\r' => "\\r",
                < ' ' or '\x7f' => $"\\{Convert.ToString(c, 8).PadLeft(3, '0')}",
                _ => c.ToString(),
            });
        return text.Append('"').ToString();
    }
}
