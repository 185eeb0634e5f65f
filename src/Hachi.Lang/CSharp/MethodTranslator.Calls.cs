using System.Reflection.Metadata;
using Hachi.Ir.Build;
using Hachi.Isa;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.CSharp;

/// <content>Calls: of methods of the same assembly, written in line, and of what the compiler knows.</content>
internal sealed partial class MethodTranslator
{
    private void Call(IlInsn insn)
    {
        CalledMethod called = _image.MethodAt((int)insn.Operand, _frame.TypeArguments);
        if (TryKnown(called))
            return;
        if (called.Definition.IsNil)
            throw Refuse(DiagnosticTable.CSharpCall, $"{called.TypeName}.{called.Name}");
        if (_frame.IsOpen(called.Definition))
            throw Refuse(DiagnosticTable.CSharpRecursion, called.Name);
        if (_frame.Depth >= DepthMax)
            throw Refuse(DiagnosticTable.CSharpDepth, DepthMax);
        if (insn.Code == ILOpCode.Callvirt && _image.IsVirtual(called.Definition))
            throw Refuse(DiagnosticTable.CSharpUnsupported, $"the virtual method {called.Name}");
        Inline(called);
    }

    private void Inline(CalledMethod called)
    {
        Frame caller = _frame;
        int count = called.Signature.ParameterTypes.Length + (called.Signature.Header.IsInstance ? 1 : 0);
        Item[] passed = new Item[count];
        for (int i = count - 1; i >= 0; i--)
            passed[i] = Pop();
        var arguments = new Local[count];
        (HashSet<int> written, HashSet<int> taken) = _image.ArgumentsTouched(called.Definition);
        for (int i = 0; i < count; i++)
        {
            int parameter = i - (called.Signature.Header.IsInstance ? 1 : 0);
            ClrType type = parameter < 0 ? ClrType.PointerTo(passed[i].Type ?? new ClrType(ClrForm.Void, "this")) : called.Signature.ParameterTypes[parameter];
            arguments[i] = new Local(type);
            if (!written.Contains(i) && !taken.Contains(i) && passed[i].Kind != ItemKind.Struct)
            {
                arguments[i].Alias = type.Form == ClrForm.Integer && type.SizeBytes < 4 ? passed[i] with { Value = Shortened(type, passed[i].Value) } : passed[i];
                continue;
            }
            Prepare(arguments[i], taken.Contains(i));
            Assign(arguments[i], passed[i]);
        }
        Local? result = called.Signature.ReturnType.Form == ClrForm.Void ? null : new Local(called.Signature.ReturnType);
        if (result is not null)
            Prepare(result, isAddressTaken: false);
        int back = _f.NewBlock(), origin = _f.Origin;
        _frame = NewFrame(called.Definition, arguments, called.TypeArguments, caller);
        (_frame.ReturnBlock, _frame.Result) = (back, result);
        TranslateFrame();
        _frame = caller;
        _f.Origin = origin;
        if (!_f.IsReached(back))
            throw Refuse(DiagnosticTable.CSharpUnsupported, $"method {called.Name}, which never returns");
        _f.Start(back);
        if (result is not null)
            PushLocal(result);
    }

    private bool TryKnown(CalledMethod called)
    {
        switch (called.TypeName)
        {
            case CSharpNames.Xdp when called.Name == "get_Packet":
                Item context = Pop();
                var packet = new Local(new ClrType(ClrForm.Struct, CSharpNames.Packet, 16, 8));
                Prepare(packet, false);
                _f.Write(packet.Variable, _f.Load(4, context.Value, 0));
                _f.Write(packet.End, _f.Load(4, context.Value, 4));
                Push(new Item(ItemKind.Known, 0, packet.Type, packet));
                return true;
            case CSharpNames.Packet:
                return MovePacket(called);
            case CSharpNames.Socket:
                return ReadSocket(called);
            case CSharpNames.HashMap or CSharpNames.ArrayMap:
                return UseMap(called);
            case "System.Buffers.Binary.BinaryPrimitives" when called.Name == "ReverseEndianness":
                ClrType type = called.Signature.ParameterTypes[0];
                Item item = Pop();
                int swapped = type.SizeBytes == 1 ? item.Value : _f.ByteSwap(item.Value, type.SizeBytes);
                Push(item with { Value = type.IsSigned && type.SizeBytes < 4 ? Shortened(type, swapped) : swapped });
                return true;
            case "System.Threading.Interlocked":
                return Interlocked(called);
            case "System.Math" when called.Name is "Min" or "Max" && called.Signature.ParameterTypes[0] is { Form: ClrForm.Integer } number:
                Item b = Pop(), a = Pop();
                CompareOp op = (called.Name == "Min", number.IsSigned) switch { (true, true) => CompareOp.Jsle, (true, false) => CompareOp.Jle, (false, true) => CompareOp.Jsge, _ => CompareOp.Jge };
                Push(a with { Value = _f.Select(op, a.Value, b.Value, a.Value, b.Value, a.Size) });
                return true;
            default:
                return false;
        }
    }

    private bool MovePacket(CalledMethod called)
    {
        switch (called.Name)
        {
            case "TryRead":
                Item into = Pop(), packet = Pop();
                int from = _f.Read(packet.Place!.Variable), next = _f.AddConst(from, called.TypeArguments[0].SizeBytes);
                _f.Write(packet.Place.Variable, next);
                _f.Write(into.Place!.Variable, from);
                PushInt(_f.Compare(CompareOp.Jle, next, _f.Read(packet.Place.End)));
                return true;
            case "Skip":
                Item bytes = Pop(), moved = Pop();
                _f.Write(moved.Place!.Variable, _f.Add(_f.Read(moved.Place.Variable), Widened(bytes, 8)));
                return true;
            default:
                return false;
        }
    }

    private bool ReadSocket(CalledMethod called)
    {
        switch (called.Name)
        {
            case "get_Length":
                PushInt(_f.Load(4, Pop().Value, 0));
                return true;
            case "TryLoad":
                Item into = Pop(), offset = Pop(), context = Pop();
                int status = _f.Call(Helper.SkbLoadBytes, context.Value, offset.Value, PointerIn(into), _f.Const(called.TypeArguments[0].SizeBytes));
                PushInt(_f.Compare(CompareOp.Jeq, status, 0));
                return true;
            default:
                return false;
        }
    }

    private bool UseMap(CalledMethod called)
    {
        bool isHash = called.TypeName == CSharpNames.HashMap;
        ClrType keyType = isHash ? called.OwnerArguments[0] : ClrType.Integer("uint", 4, false);
        switch (called.Name)
        {
            case "TryGetRef":
                Item into = Pop(), key = Pop();
                int found = _f.MapLookup(Pop().Value, InMemory(keyType, key));
                _f.Write(into.Place!.Variable, found);
                PushInt(_f.Compare(CompareOp.Jne, found, 0));
                return true;
            case "Set" when isHash:
                Item value = Pop(), at = Pop();
                int keyAddress = InMemory(keyType, at), valueAddress = InMemory(called.OwnerArguments[1], value);
                _f.Call(Helper.MapUpdateElem, _f.MapAddress(Pop().Value), keyAddress, valueAddress, 0);
                return true;
            case "Remove" when isHash:
                int gone = InMemory(keyType, Pop());
                PushInt(_f.Compare(CompareOp.Jeq, _f.Call(Helper.MapDeleteElem, _f.MapAddress(Pop().Value), gone), 0));
                return true;
            default:
                return false;
        }
    }

    // A value on the stack, for a helper to read.
    private int InMemory(ClrType type, Item item)
    {
        if (type.SizeBytes == 0)
            throw Refuse(DiagnosticTable.CSharpType, type.Name);
        int slot = _f.NewSlot(type.SizeBytes, type.SizeBytes >= 8 ? 8 : Math.Max(1, type.AlignBytes));
        StoreMemory(type, _f.SlotAddress(slot), 0, item);
        return _f.SlotAddress(slot);
    }

    private bool Interlocked(CalledMethod called)
    {
        if (called.Signature.ParameterTypes is not [{ Form: ClrForm.Pointer } pointer, ..] || pointer.Arguments[0].SizeBytes is not (4 or 8))
            return false;
        int size = pointer.Arguments[0].SizeBytes;
        int value = called.Name switch
        {
            "Increment" => _f.Const(1),
            "Decrement" => _f.Const(size == 4 ? uint.MaxValue : -1L),
            "Add" or "Exchange" or "And" or "Or" => Pop().Value,
            _ => -1,
        };
        if (value < 0)
            return false;
        int address = PointerIn(Pop());
        int operation = called.Name switch { "Exchange" => Opcode.Xchg, "And" => Opcode.And | Opcode.Fetch, "Or" => Opcode.Or | Opcode.Fetch, _ => Opcode.Add | Opcode.Fetch };
        int old = _f.Atomic(operation, size, address, 0, value);
        int result = operation == (Opcode.Add | Opcode.Fetch) ? _f.Add(old, value, size) : old; // what memory holds afterwards; of And and Or, before
        Push(new Item(size == 4 ? ItemKind.Int32 : ItemKind.Int64, result));
        return true;
    }
}
