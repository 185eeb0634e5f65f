using System.Diagnostics.CodeAnalysis;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Hachi.Captures;
using Hachi.Ir;
using Hachi.Isa;

namespace Hachi.Vm.Jit;

/// <summary>
/// Emits IL from <see cref="IrFunction"/>, in two shapes: the verdict on one packet, and the loop over a batch. The only place where dynamic methods are made.
/// </summary>
internal static class IlCompiler
{
    /// <summary>Values, blocks and nesting beyond which compiling would cost more than it gives (and recursion would be deep).</summary>
    private const int ValuesMax = 30_000, BlocksMax = 12_000, DepthMax = 200;

    /// <summary>Whether this build and this runtime can run emitted code.</summary>
    public static bool IsSupported => RuntimeFeature.IsDynamicCodeSupported;

    /// <summary>The verdict function, or null where there is no dynamic code or the function is not one that is compiled (too large, a loop).</summary>
    public static VerdictCode? Verdict(IrFunction f)
    {
        if (!RuntimeFeature.IsDynamicCodeSupported || !IsCompilable(f))
            return null;
        return EmitVerdict(f);
    }

    /// <summary>The batch function, or null; also null when the function reads metadata, which batches do not carry.</summary>
    public static SelectCode? Select(IrFunction f)
    {
        if (!RuntimeFeature.IsDynamicCodeSupported || !IsCompilable(f) || ReadsMetadata(f))
            return null;
        return EmitSelect(f);
    }

    /// <summary>The SSA form of a program, or null for one that only the interpreter takes: malformed, jumping backwards, reading relative to a header.</summary>
    public static IrFunction? Lift(ClassicProgram program)
    {
        foreach (ClassicInsn insn in program.Insns)
        {
            if (ClassicTable.Find(insn.Code) is not { } form)
                return null;
            bool extension = form.Shape == ClassicShape.Absolute && insn.K >= Extension.Base;
            bool window = form.Shape is ClassicShape.Absolute or ClassicShape.HeaderLength && insn.K >= Extension.LinkLayerOff;
            if (extension ? ClassicTable.FindExtension(insn.K) is null : window)
                return null;
        }
        var f = new IrFunction();
        return new ClassicLifter().Lift(program, f) ? f : null;
    }

    /// <summary>Whether a verdict depends on metadata.</summary>
    public static bool ReadsMetadata(IrFunction f) => f.Values.AsSpan(0, f.ValueCount).ContainsAny(static v => v.Op == IrOp.Extension);

    /// <summary>A method whose body is still to be emitted.</summary>
    [RequiresDynamicCode("emits IL")]
    internal static DynamicMethod MakeMethod(string name, Type result, Type[] arguments) => new(name, result, arguments, typeof(IlCompiler).Module, true);

    [RequiresDynamicCode("emits IL")]
    private static unsafe VerdictCode EmitVerdict(IrFunction f)
    {
        var method = MakeMethod("verdict", typeof(uint), [typeof(byte*), typeof(uint), typeof(uint), typeof(PacketMetadata*)]);
        ILGenerator il = method.GetILGenerator(1024);
        new IlEmitter(f, il, new VerdictFrame(il)).Emit();
        return method.CreateDelegate<VerdictCode>();
    }

    [RequiresDynamicCode("emits IL")]
    private static unsafe SelectCode EmitSelect(IrFunction f)
    {
        var method = MakeMethod("select", typeof(int), [typeof(byte*), typeof(PacketRecord*), typeof(int), typeof(int*)]);
        ILGenerator il = method.GetILGenerator(1024);
        new IlEmitter(f, il, new SelectFrame(il)).Emit();
        return method.CreateDelegate<SelectCode>();
    }

    /// <summary>Whether a function is small and shallow enough to be compiled, and without loops.</summary>
    internal static bool IsCompilable(IrFunction f)
    {
        if (f.ValueCount > ValuesMax || f.BlockCount > BlocksMax || Order(f) is null)
            return false;
        byte[] depth = new byte[f.ValueCount];
        for (int i = 0; i < f.ValueCount; i++)
        {
            ref IrValue v = ref f.Values[i];
            if (v.Op is IrOp.Phi or IrOp.Const)
                continue;
            int deepest = Math.Max(depth[v.A], depth[v.B]) + 1;
            if (deepest > DepthMax)
                return false;
            depth[i] = (byte)deepest;
        }
        return true;
    }

    /// <summary>The blocks in reverse post-order, so that all edges into a block come before it; null when there is a loop (front ends make none).</summary>
    internal static List<int>? Order(IrFunction f)
    {
        const byte unseen = 0, finished = 255;
        var order = new List<int>();
        byte[] state = new byte[f.BlockCount];
        var stack = new Stack<int>();
        stack.Push(f.Entry);
        while (stack.Count > 0)
        {
            int b = stack.Peek();
            ref IrBlock block = ref f.Blocks[b];
            bool two = block.End is IrEnd.Branch or IrEnd.Member, one = two || block.End == IrEnd.Goto;
            int stage = state[b]++;
            int next = stage == 0 && one ? block.True : stage == 1 && two ? block.False : -1;
            if (next < 0)
            {
                state[b] = finished;
                order.Add(b);
                stack.Pop();
            }
            else if (state[next] == unseen)
            {
                stack.Push(next);
            }
            else if (state[next] != finished)
            {
                return null;
            }
        }
        order.Reverse();
        return order;
    }

    private static bool ContainsAny(this ReadOnlySpan<IrValue> values, Func<IrValue, bool> predicate)
    {
        foreach (IrValue v in values)
            if (predicate(v))
                return true;
        return false;
    }

    private static bool ContainsAny(this Span<IrValue> values, Func<IrValue, bool> predicate) => ((ReadOnlySpan<IrValue>)values).ContainsAny(predicate);
}
