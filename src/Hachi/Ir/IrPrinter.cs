using System.Globalization;
using System.Text;

namespace Hachi.Ir;

/// <summary>The text form of a function: a line a block, requirements and values spelled out.</summary>
public static class IrPrinter
{
    private const int DepthMax = 6;

    /// <summary>Prints the blocks that can be reached, in order.</summary>
    public static string Print(IrFunction f)
    {
        ArgumentNullException.ThrowIfNull(f);
        var order = new BlockOrder();
        order.Compute(f);
        var text = new StringBuilder();
        foreach (int b in order.Blocks)
        {
            ref IrBlock block = ref f.Blocks[b];
            text.Append(CultureInfo.InvariantCulture, $"b{b}:");
            for (int p = block.Phi; p >= 0; p = f.Phis[p].Next)
                text.Append(CultureInfo.InvariantCulture, $" phi v{f.Phis[p].Value}");
            for (int r = block.Require; r >= 0; r = f.Requires[r].Next)
                text.Append(" require ").Append(Value(f, f.Requires[r].Value));
            for (int e = block.FirstEffect; e >= 0; e = f.Effects[e].Next)
                text.Append("\n    ").Append(Effect(f, f.Effects[e]));
            if (block.FirstEffect >= 0)
                text.Append("\n   ");
            End(f, block, text);
            text.Append('\n');
        }
        return text.ToString();
    }

    /// <summary>Prints a value as an expression; deep ones are cut short.</summary>
    public static string Value(IrFunction f, int value)
    {
        ArgumentNullException.ThrowIfNull(f);
        return Value(f, value, DepthMax);
    }

    private static void End(IrFunction f, in IrBlock block, StringBuilder text)
    {
        switch (block.End)
        {
            case IrEnd.Goto:
                text.Append(" goto ").Append(Edge(f, block.True, block.TrueArgs));
                break;
            case IrEnd.Branch:
                string compare = Sign(block.Compare);
                text.Append(CultureInfo.InvariantCulture, $" if {Value(f, block.A)} {compare} {Value(f, block.B)}");
                text.Append(CultureInfo.InvariantCulture, $" goto {Edge(f, block.True, block.TrueArgs)} else {Edge(f, block.False, block.FalseArgs)}");
                break;
            case IrEnd.Member:
                text.Append(CultureInfo.InvariantCulture, $" if {Value(f, block.A)} in set {block.B} ({f.Sets[block.B].Intervals.Length} intervals)");
                text.Append(CultureInfo.InvariantCulture, $" goto {Edge(f, block.True, -1)} else {Edge(f, block.False, -1)}");
                break;
            case IrEnd.Return:
                text.Append(CultureInfo.InvariantCulture, $" return {Value(f, block.A)}");
                break;
            default:
                text.Append(" open");
                break;
        }
    }

    private static string Edge(IrFunction f, int target, int args)
    {
        if (args < 0)
            return $"b{target}";
        var values = new List<string>();
        for (int p = f.Blocks[target].Phi; p >= 0; p = f.Phis[p].Next)
            values.Add($"v{f.Phis[p].Value} = {Value(f, f.EdgeArgs[args + values.Count])}");
        return $"b{target}({string.Join(", ", values)})";
    }

    private static string Value(IrFunction f, int value, int depth)
    {
        IrValue v = f.Values[value];
        if (depth == 0)
            return $"v{value}";
        string a = v.A == IrFunction.Zero && v.Op == IrOp.LoadPacket ? "" : $"{Value(f, v.A, v.Op == IrOp.Const ? 0 : depth - 1)} + ";
        return v.Op switch
        {
            IrOp.Const => v.K < 10 ? v.K.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"0x{v.K:x}"),
            IrOp.LoadPacket => $"[{a}{v.K}]:{v.Size}",
            IrOp.Length => "len",
            IrOp.Extension => $"ext {v.K - Isa.Extension.Base}",
            IrOp.Phi or IrOp.Result => $"v{value}",
            IrOp.Param => $"r{v.Imm}",
            IrOp.Frame => "r10",
            IrOp.State => "state",
            IrOp.StateWord => $"state[{v.Imm}]",
            IrOp.SignExtend or IrOp.ZeroExtend or IrOp.ByteSwap => $"{v.Op}{v.Size}({Value(f, v.A, depth - 1)})",
            IrOp.Select => $"({Value(f, v.A, depth - 1)} ? {Value(f, v.B, depth - 1)} : {Value(f, (int)v.Imm, depth - 1)})",
            IrOp.Neg => $"-{Value(f, v.A, depth - 1)}",
            IrOp.ProtoChain => $"chain{v.Size}({v.Imm >> 32} at {v.K})",
            IrOp.Compared => $"({Value(f, v.A, depth - 1)} {Sign((IrCompare)v.Size)} {Value(f, v.B, depth - 1)})",
            _ => $"({Value(f, v.A, depth - 1)} {Sign(v.Op)} {Value(f, v.B, depth - 1)})",
        };
    }

    private static string Effect(IrFunction f, in IrEffect effect)
    {
        string at = string.Create(CultureInfo.InvariantCulture, $"{effect.Access} [{Value(f, effect.Address)} + {effect.Displacement}]:{effect.Size}");
        string region = effect.Access is IrAccess.CheckedRegion or IrAccess.Proven ? string.Create(CultureInfo.InvariantCulture, $" region {effect.Region}") : "";
        return effect.Kind switch
        {
            IrEffectKind.Load => $"v{effect.Value} = {at}{region}",
            IrEffectKind.Store => $"{at}{region} = {Value(f, effect.Source)}",
            IrEffectKind.Atomic => $"v{effect.Value} = atomic 0x{effect.Code:x} {at}{region}, {Value(f, effect.Source)}",
            IrEffectKind.CallHelper => $"v{effect.Value} = helper {effect.Code}",
            IrEffectKind.CallLocal => $"v{effect.Value} = function {effect.Code}",
            _ => $"{effect.Kind} {effect.Code}",
        };
    }

    private static string Sign(IrCompare compare) => compare switch
    {
        IrCompare.Eq => "==",
        IrCompare.Gt => ">",
        IrCompare.Ge => ">=",
        IrCompare.Set => "&",
        IrCompare.SGt => "s>",
        IrCompare.SGe => "s>=",
        _ => Sign(compare - (IrCompare.Eq64 - IrCompare.Eq)) + "64",
    };

    private static string Sign(IrOp op) => op switch
    {
        IrOp.Add => "+",
        IrOp.Sub => "-",
        IrOp.Mul => "*",
        IrOp.Div => "/",
        IrOp.Mod => "%",
        IrOp.And => "&",
        IrOp.Or => "|",
        IrOp.Xor => "^",
        IrOp.Lsh => "<<",
        IrOp.Rsh => ">>",
        _ => op.ToString(),
    };
}
