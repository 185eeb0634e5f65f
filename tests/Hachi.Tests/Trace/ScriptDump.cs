using System.Text;
using Hachi.Lang.Trace.Syntax;

namespace Hachi.Tests.Trace;

/// <summary>A script's tree with nothing left to the reader: every level in its own brackets, no places.</summary>
internal static class ScriptDump
{
    public static string Of(Script script) => string.Join('\n', script.Items.Select(Of));

    private static string Of(Item item) => item switch
    {
        IncludeItem include => $"include {include.Path}",
        DefineItem define => $"define {define.Name} {define.Body}",
        ImportItem import => $"import {import.Path}",
        TypeItem type => Of(type.Type),
        TypedefItem typedef => string.Join('\n', typedef.Names.Select(name => "typedef " + Of(name))),
        ConfigItem config => "config " + string.Join(',', config.Entries.Select(entry => $"{entry.Name}={entry.Value.Kind}:{entry.Value.Text}")),
        MapItem map => $"map {map.Map.Name} {map.Kind} {Of(map.Entries)}",
        MacroItem macro => $"macro {macro.Name} [{Of(macro.Parameters)}] {Of(macro.Body)}",
        FunctionItem function => $"fn {function.Name} {Of(function.Result)} {Of(function.Body)}",
        ProbeItem probe => $"probe {string.Join('|', probe.Points.Select(point => point.Name + "=" + string.Join('~', point.Parts)))} {Of(probe.Predicate)} {Of(probe.Body)}",
        _ => throw new InvalidOperationException(item.GetType().Name),
    };

    private static string Of(CType type) => $"{type.Kind} {type.Name} packed={type.IsPacked} ({string.Join(' ', type.Members.Select(Of))}) ({string.Join(' ', type.Enumerators.Select(row => row.Name + "=" + Of(row.Value)))})";

    private static string Of(CMember member) => $"[{member.Name} {(member.Inline is null ? member.Type.Name : Of(member.Inline))} {string.Join('.', member.Type.Suffixes)} {member.Bits}]";

    private static string Of(TypeName? type) => type is null ? "-" : $"<{type.Name} {Of(type.Of)} {Of(type.OfType)} {string.Join('.', type.Suffixes)}>";

    private static string Of(Block? block) => block is null ? "-" : "{" + string.Join(' ', block.Statements.Select(Of)) + "}";

    private static string Of(Statement statement) => statement switch
    {
        ExprStatement value => $"(do {Of(value.Value)})",
        AssignStatement assign => $"(assign {Of(assign.Target)} {assign.Op} {Of(assign.Value)})",
        LetStatement let => $"(let {Of(let.Variable)} {Of(let.Type)} {Of(let.Value)})",
        IfStatement choice => $"(if {Of(choice.Condition)} {Of(choice.WhenTrue)} {Of(choice.WhenFalse)})",
        WhileStatement loop => $"(while {Of(loop.Condition)} {Of(loop.Body)})",
        UnrollStatement loop => $"(unroll {Of(loop.Count)} {Of(loop.Body)})",
        ForStatement loop => $"(for {Of(loop.Variable)} {Of(loop.From)} {Of(loop.End)} {Of(loop.Body)})",
        JumpStatement jump => $"({jump.Word} {Of(jump.Value)})",
        BlockStatement block => Of(block.Block),
        _ => throw new InvalidOperationException(statement.GetType().Name),
    };

    private static string Of(List<Expr> values) => string.Join(' ', values.Select(Of));

    private static string Of(Expr? value)
    {
        var text = new StringBuilder("(");
        text.Append(value switch
        {
            null => "-",
            IntegerExpr integer => $"{integer.Value}{(integer.IsDuration ? "ns" : "")}",
            StringExpr s => $"'{s.Value}'",
            BoolExpr truth => truth.Value,
            NameExpr name => name.Name,
            VariableExpr variable => $"${variable.Name}",
            MapExpr map => $"@{map.Name}",
            PositionalExpr parameter => $"${parameter.Number}",
            UnaryExpr unary => $"{(unary.IsPostfix ? "post" : "pre")}{unary.Op} {Of(unary.Operand)}",
            BinaryExpr binary => $"{binary.Op} {Of(binary.Left)} {Of(binary.Right)}",
            ChoiceExpr choice => $"? {Of(choice.Condition)} {Of(choice.WhenTrue)} {Of(choice.WhenFalse)}",
            CallExpr call => $"call {call.Name} {Of(call.Args)}",
            CastExpr cast => $"cast {Of(cast.Type)} {Of(cast.Operand)}",
            MemberExpr member => $". {Of(member.Target)} {member.Member} {member.IsArrow}",
            IndexExpr index => $"[] {Of(index.Target)} {Of(index.Keys)}",
            TupleExpr tuple => $"tuple {Of(tuple.Items)} {(tuple.Names is null ? "" : string.Join(',', tuple.Names))}",
            SizeExpr size => $"size {Of(size.Type)} {Of(size.Of)} {(size.Members is null ? "" : string.Join('.', size.Members))}",
            TypeExpr type => Of(type.Type),
            BlockExpr block => $"block {string.Join(' ', block.Statements.Select(Of))} {Of(block.Result)}",
            _ => throw new InvalidOperationException(value.GetType().Name),
        });
        return text.Append(')').ToString();
    }
}
