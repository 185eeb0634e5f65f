using System.Collections.Immutable;
using System.Reflection.Metadata;
using Hachi.Ir.Build;
using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Lang.CSharp;

/// <summary>Translates a method's IL into the SSA form, through the builder; methods that it calls are written in line.</summary>
internal sealed partial class MethodTranslator
{
    private const int DepthMax = 16, RepeatMax = 24, InsnsMax = 200_000;

    private readonly AssemblyImage _image;
    private readonly FunctionBuilder _f;
    private readonly MapTable _maps;
    private readonly SourcePlaces _places;
    private Frame _frame = null!;
    private int _insns;

    private MethodTranslator(AssemblyImage image, FunctionBuilder f, MapTable maps, SourcePlaces places) => (_image, _f, _maps, _places) = (image, f, maps, places);

    /// <summary>Translates a program's method into its main function. Gives the diagnostic that stopped it, with its place, or null.</summary>
    public static (Diagnostic What, int Place)? Run(AssemblyImage image, MethodDefinitionHandle method, FunctionBuilder f, MapTable maps, SourcePlaces places)
    {
        var translator = new MethodTranslator(image, f, maps, places);
        try
        {
            translator.Run(method);
            return null;
        }
        catch (RefusedException e)
        {
            return (e.What, f.Origin);
        }
        catch (BadImageFormatException)
        {
            return (DiagnosticTable.CSharpDamaged.At(default, image.NameOf(method)), f.Origin);
        }
    }

    private void Run(MethodDefinitionHandle method)
    {
        MethodSignature<ClrType> signature = _image.SignatureOf(method);
        Local context = new(signature.ParameterTypes[0]) { Alias = new Item(ItemKind.Int64, _f.Context, signature.ParameterTypes[0]) };
        _frame = NewFrame(method, [context], [], null);
        TranslateFrame();
    }

    // Throws what ends a translation; it never leaves this class.
    private static RefusedException Refuse(DiagnosticInfo what, params ReadOnlySpan<object?> args) => new(what.At(default, args));

    private sealed class RefusedException(Diagnostic what) : Exception(what.Message)
    {
        public Diagnostic What => what;
    }

    private Frame NewFrame(MethodDefinitionHandle method, Local[] arguments, ImmutableArray<ClrType> typeArguments, Frame? caller)
    {
        (byte[] code, ImmutableArray<ClrType> types, bool hasHandlers) = _image.BodyOf(method, typeArguments);
        if (hasHandlers)
            throw Refuse(DiagnosticTable.CSharpExceptions, _image.NameOf(method));
        Il il = Il.Decode(code) ?? throw new BadImageFormatException();
        Local[] locals = [.. types.Select(type => new Local(type))];
        HashSet<int> taken = [.. il.Insns.Where(insn => insn.Code is ILOpCode.Ldloca or ILOpCode.Ldloca_s).Select(insn => (int)insn.Operand)];
        for (int i = 0; i < locals.Length; i++)
            Prepare(locals[i], taken.Contains(i));
        var frame = new Frame(method, il, arguments, locals, caller) { TypeArguments = typeArguments };
        foreach (int leader in il.Order)
            frame.Blocks[leader] = il.LoopHeads.Contains(leader) ? _f.NewLoopHead() : _f.NewBlock();
        return frame;
    }

    // Gives a local its place: structures, and what is taken the address of, lie on the stack.
    private void Prepare(Local local, bool isAddressTaken)
    {
        ClrType type = local.Type;
        if (type.Form == ClrForm.Other)
            throw Refuse(DiagnosticTable.CSharpType, type.Name);
        if (type.IsKnown || !(isAddressTaken || type.Form == ClrForm.Struct))
        {
            local.Variable = _f.NewVariable();
            local.End = type.Name == CSharpNames.Packet ? _f.NewVariable() : -1;
            return;
        }
        local.Slot = _f.NewSlot(Math.Max(1, type.SizeBytes), Math.Clamp(type.AlignBytes, type.SizeBytes >= 8 ? 8 : 1, 8));
    }

    private void TranslateFrame()
    {
        Frame frame = _frame;
        _f.Goto(frame.Blocks[frame.Il.Order[0]]);
        foreach (int leader in frame.Il.Order)
        {
            if (!_f.IsReached(frame.Blocks[leader]))
                continue;
            _f.Start(frame.Blocks[leader]);
            _frame = frame;
            frame.Stack = new Stack<Item>();
            if (frame.Entries.TryGetValue(leader, out (Item[] Kinds, int[] Variables) entry))
                for (int i = 0; i < entry.Kinds.Length; i++)
                    frame.Stack.Push(entry.Variables[i] < 0 ? entry.Kinds[i] : entry.Kinds[i] with { Value = _f.Read(entry.Variables[i]) });
            TranslateBlock(leader, 0);
        }
        _frame = frame;
    }

    private void TranslateBlock(int leader, int repeats)
    {
        List<IlInsn> insns = _frame.Il.Insns;
        for (int i = leader; _f.IsOpen; i++)
        {
            if (++_insns > InsnsMax)
                throw Refuse(DiagnosticTable.CSharpTooLong, InsnsMax);
            IlInsn insn = insns[i];
            _f.Origin = _places.Of(_frame.Method, insn.Offset);
            if (insn.Code == ILOpCode.Switch)
                Switch(insn, repeats);
            else if (insn.IsBranch)
                Branch(insn, repeats);
            else if (insn.IsJump)
                Continue(_frame.Il.IndexOf((int)insn.Operand), repeats);
            else if (insn.Code == ILOpCode.Ret)
                Return();
            else
                Translate(insn);
            if (_f.IsOpen && i + 1 < insns.Count && _frame.Il.Leaders.Contains(i + 1))
                Continue(i + 1, repeats);
        }
    }

    /// <summary>
    /// Goes on at another block: by a jump, or, where that only tests what was put together here (<c>a &amp;&amp; b</c>), by writing it once more. The kernel's verifier learns from a
    /// test of the value itself, but nothing from one of a truth value made of it.
    /// </summary>
    private void Continue(int target, int repeats)
    {
        if (repeats < RepeatMax && OnlyTests(target))
        {
            Stack<Item> kept = new(_frame.Stack.Reverse());
            TranslateBlock(target, repeats + 1);
            _frame.Stack = kept;
            return;
        }
        Pass(target);
        _f.Goto(_frame.Blocks[target]);
    }

    private bool OnlyTests(int target)
    {
        List<IlInsn> insns = _frame.Il.Insns;
        if (_frame.Il.LoopHeads.Contains(target))
            return false;
        for (int i = target; i < target + 8 && i < insns.Count; i++)
        {
            if (i > target && _frame.Il.Leaders.Contains(i))
                return false;
            switch (insns[i].Code)
            {
                case ILOpCode.Brtrue or ILOpCode.Brtrue_s or ILOpCode.Brfalse or ILOpCode.Brfalse_s:
                    return true;
                case ILOpCode.Nop or ILOpCode.Dup or ILOpCode.Ceq or ILOpCode.Cgt_un or ILOpCode.Ldc_i4_0 or ILOpCode.Ldc_i4_1
                    or (>= ILOpCode.Ldloc_0 and <= ILOpCode.Stloc_3) or ILOpCode.Ldloc_s or ILOpCode.Stloc_s:
                    continue;
                default:
                    return false;
            }
        }
        return false;
    }

    // What lies on the evaluation stack goes to the next block in variables.
    private void Pass(int target)
    {
        Item[] items = [.. _frame.Stack.Reverse()];
        if (items.Length == 0)
            return;
        if (!_frame.Entries.TryGetValue(target, out (Item[] Kinds, int[] Variables) entry))
        {
            entry = (items, [.. items.Select(item => item.Kind is ItemKind.Known or ItemKind.Map ? -1 : _f.NewVariable())]);
            _frame.Entries[target] = entry;
        }
        for (int i = 0; i < items.Length && i < entry.Kinds.Length; i++)
        {
            if (items[i].Kind != entry.Kinds[i].Kind)
                throw Refuse(DiagnosticTable.CSharpUnsupported, "a choice between values of different kinds");
            if (entry.Variables[i] >= 0)
                _f.Write(entry.Variables[i], items[i].Value);
        }
    }

    private void Return()
    {
        if (_frame.ReturnBlock < 0)
        {
            _f.Return(Pop().Value);
            return;
        }
        if (_frame.Result is { } result)
            Assign(result, Pop());
        _f.Goto(_frame.ReturnBlock);
    }

    private void Branch(IlInsn insn, int repeats)
    {
        (CompareOp op, int a, int b, int size) = Condition(insn.Code);
        int yes = _f.NewBlock(), no = _f.NewBlock();
        _f.Branch(op, a, b, yes, no, size);
        GoOn(yes, _frame.Il.IndexOf((int)insn.Operand), repeats);
        GoOn(no, _frame.Il.IndexOf(insn.Next), repeats);
    }

    private void GoOn(int edge, int target, int repeats)
    {
        if (!_f.IsReached(edge))
            return;
        _f.Start(edge);
        Stack<Item> kept = new(_frame.Stack.Reverse());
        Continue(target, repeats);
        _frame.Stack = kept;
    }

    private void Switch(IlInsn insn, int repeats)
    {
        int value = Pop().Value;
        for (int i = 0; i < insn.Targets!.Length; i++)
        {
            int yes = _f.NewBlock(), no = _f.NewBlock();
            _f.Branch(CompareOp.Jeq, value, _f.Const(i), yes, no, 4);
            GoOn(yes, _frame.Il.IndexOf(insn.Targets[i]), repeats);
            if (!_f.IsReached(no))
                return;
            _f.Start(no);
        }
        Continue(_frame.Il.IndexOf(insn.Next), repeats);
    }

    // The comparison of a jump, its operands taken off the stack. A test of a truth value asks what made it.
    private (CompareOp Op, int A, int B, int Size) Condition(ILOpCode code)
    {
        CompareOp op = code switch
        {
            ILOpCode.Brtrue or ILOpCode.Brtrue_s or ILOpCode.Bne_un or ILOpCode.Bne_un_s => CompareOp.Jne,
            ILOpCode.Brfalse or ILOpCode.Brfalse_s or ILOpCode.Beq or ILOpCode.Beq_s => CompareOp.Jeq,
            ILOpCode.Bge or ILOpCode.Bge_s => CompareOp.Jsge,
            ILOpCode.Bgt or ILOpCode.Bgt_s => CompareOp.Jsgt,
            ILOpCode.Ble or ILOpCode.Ble_s => CompareOp.Jsle,
            ILOpCode.Blt or ILOpCode.Blt_s => CompareOp.Jslt,
            ILOpCode.Bge_un or ILOpCode.Bge_un_s => CompareOp.Jge,
            ILOpCode.Bgt_un or ILOpCode.Bgt_un_s => CompareOp.Jgt,
            ILOpCode.Ble_un or ILOpCode.Ble_un_s => CompareOp.Jle,
            _ => CompareOp.Jlt,
        };
        bool isUnary = code is ILOpCode.Brtrue or ILOpCode.Brtrue_s or ILOpCode.Brfalse or ILOpCode.Brfalse_s;
        Item b = isUnary ? new Item(ItemKind.Int32, 0) : Pop(), a = Pop();
        if (isUnary && _f.AsksOf(a.Value) is { } asked)
            return (op == CompareOp.Jeq ? FunctionBuilder.Opposite(asked.Op) is { } opposite ? (opposite, asked.A, asked.B, asked.Size) : (op, a.Value, b.Value, a.Size) : asked);
        int size = isUnary ? a.Size : Math.Max(a.Size, b.Size);
        return (op, Widened(a, size), isUnary ? 0 : Widened(b, size), size);
    }

    private Item Pop() => _frame.Stack.TryPop(out Item item) ? item : throw new BadImageFormatException();

    private void Push(Item item) => _frame.Stack.Push(item);

    private void PushInt(int value) => Push(new Item(ItemKind.Int32, value));

    private void PushLong(int value, ClrType? type = null) => Push(new Item(ItemKind.Int64, value, type));
}
