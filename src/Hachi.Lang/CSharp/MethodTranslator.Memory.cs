using System.Reflection.Metadata;
using Hachi.Text;

namespace Hachi.Lang.CSharp;

/// <content>Locals, memory, fields.</content>
internal sealed partial class MethodTranslator
{
    private void PushLocal(Local local)
    {
        if (local.Alias is { } alias)
            Push(alias);
        else if (local.Type.Name == CSharpNames.Packet)
            Push(new Item(ItemKind.Known, 0, local.Type, local));
        else if (local.Slot >= 0)
            PushMemory(local.Type, _f.SlotAddress(local.Slot), 0);
        else
            Push(new Item(local.Type.SizeBytes == 8 ? ItemKind.Int64 : ItemKind.Int32, _f.Read(local.Variable), local.Type));
    }

    private void PushAddress(Local local)
    {
        if (local.Alias is not null)
            throw Refuse(DiagnosticTable.CSharpUnsupported, "the address of this argument");
        if (local.Type.IsKnown)
            Push(new Item(ItemKind.Known, 0, local.Type, local));
        else if (local.Slot >= 0)
            PushLong(_f.SlotAddress(local.Slot), ClrType.PointerTo(local.Type));
        else
            throw Refuse(DiagnosticTable.CSharpUnsupported, "the address of this argument");
    }

    private void Assign(Local local, Item item)
    {
        if (local.Type.Name == CSharpNames.Packet)
        {
            Local from = item.Place ?? throw new BadImageFormatException();
            _f.Write(local.Variable, _f.Read(from.Variable));
            _f.Write(local.End, _f.Read(from.End));
        }
        else if (local.Slot >= 0)
        {
            StoreMemory(local.Type, _f.SlotAddress(local.Slot), 0, item);
        }
        else if (item.Kind is ItemKind.Map or ItemKind.Struct || (item.Kind == ItemKind.Known && !local.Type.IsKnown))
        {
            throw Refuse(DiagnosticTable.CSharpUnsupported, $"a local variable of type {item.Type?.Name ?? "map"}");
        }
        else
        {
            int value = item.Kind == ItemKind.Known ? _f.Read(item.Place!.Variable) : item.Value;
            _f.Write(local.Variable, local.Type.Form == ClrForm.Integer && local.Type.SizeBytes < 4 ? Shortened(local.Type, value) : value);
        }
    }

    // What a variable of fewer than 32 bits holds of a value, as the evaluation stack shows it.
    private int Shortened(ClrType type, int value) =>
        type.IsSigned ? _f.ZeroExtend(_f.SignExtend(value, type.SizeBytes), 4) : _f.ZeroExtend(value, type.SizeBytes);

    private void PushMemory(ClrType type, int address, int offset)
    {
        switch (type.Form)
        {
            case ClrForm.Struct when !type.IsKnown:
                Push(new Item(ItemKind.Struct, _f.AddConst(address, offset), type));
                return;
            case ClrForm.Integer or ClrForm.Pointer:
                int value = _f.Load(type.SizeBytes, address, offset);
                if (type.IsSigned && type.SizeBytes < 4)
                    value = Shortened(type, value);
                Push(new Item(type.SizeBytes == 8 ? ItemKind.Int64 : ItemKind.Int32, value, type));
                return;
            default:
                throw Refuse(DiagnosticTable.CSharpType, type.Name);
        }
    }

    private void StoreMemory(ClrType type, int address, int offset, Item item)
    {
        if (type.Form is ClrForm.Integer or ClrForm.Pointer)
        {
            if (item.Kind is not (ItemKind.Int32 or ItemKind.Int64))
                throw Refuse(DiagnosticTable.CSharpUnsupported, "this assignment");
            _f.Store(type.SizeBytes, address, offset, item.Value);
            return;
        }
        if (type.Form != ClrForm.Struct || type.IsKnown || item.Kind != ItemKind.Struct)
            throw Refuse(DiagnosticTable.CSharpType, type.Name);
        for (int at = 0; at < type.SizeBytes;)
        {
            int step = type.AlignBytes;
            while (step > type.SizeBytes - at || (at & (step - 1)) != 0)
                step /= 2;
            _f.Store(step, address, offset + at, _f.Load(step, item.Value, at));
            at += step;
        }
    }

    private bool TranslateMemory(IlInsn insn)
    {
        ClrType? type = insn.Code switch
        {
            ILOpCode.Ldind_i1 or ILOpCode.Stind_i1 => ClrType.Integer("sbyte", 1, true),
            ILOpCode.Ldind_u1 => ClrType.Integer("byte", 1, false),
            ILOpCode.Ldind_i2 or ILOpCode.Stind_i2 => ClrType.Integer("short", 2, true),
            ILOpCode.Ldind_u2 => ClrType.Integer("ushort", 2, false),
            ILOpCode.Ldind_i4 or ILOpCode.Ldind_u4 or ILOpCode.Stind_i4 => ClrType.Integer("int", 4, true),
            ILOpCode.Ldind_i8 or ILOpCode.Stind_i8 or ILOpCode.Ldind_i or ILOpCode.Stind_i => ClrType.Integer("long", 8, true),
            ILOpCode.Ldobj or ILOpCode.Stobj or ILOpCode.Initobj or ILOpCode.Sizeof => _image.TypeOf((int)insn.Operand, _frame.TypeArguments),
            _ => null,
        };
        if (type is null)
            return false;
        switch (insn.Code)
        {
            case ILOpCode.Sizeof:
                PushInt(_f.Const(type.SizeBytes));
                return true;
            case ILOpCode.Initobj:
                Item cleared = Pop();
                if (cleared.Kind == ItemKind.Known)
                    _f.Write(cleared.Place!.Variable, 0);
                else
                    _f.Clear(cleared.Value, 0, type.SizeBytes);
                return true;
            case ILOpCode.Stobj or ILOpCode.Stind_i1 or ILOpCode.Stind_i2 or ILOpCode.Stind_i4 or ILOpCode.Stind_i8 or ILOpCode.Stind_i:
                Item value = Pop(), to = Pop();
                StoreMemory(type, PointerIn(to), 0, value);
                return true;
            default:
                PushMemory(type, PointerIn(Pop()), 0);
                return true;
        }
    }

    private static int PointerIn(Item item) => item.Kind is ItemKind.Int64 or ItemKind.Struct ? item.Value : throw Refuse(DiagnosticTable.CSharpUnsupported, "this address");

    // Fields, static ones, calls.
    private bool TranslateObject(IlInsn insn)
    {
        switch (insn.Code)
        {
            case ILOpCode.Ldfld:
                LoadField(insn);
                return true;
            case ILOpCode.Ldflda:
                (int address, int offset, ClrType fieldType) = FieldIn(Pop(), (int)insn.Operand);
                PushLong(_f.AddConst(address, offset), ClrType.PointerTo(fieldType));
                return true;
            case ILOpCode.Stfld:
                Item value = Pop();
                (int into, int at, ClrType type) = FieldIn(Pop(), (int)insn.Operand);
                StoreMemory(type, into, at, value);
                return true;
            case ILOpCode.Ldsfld:
                LoadStatic((int)insn.Operand);
                return true;
            case ILOpCode.Call or ILOpCode.Callvirt:
                Call(insn);
                return true;
            default:
                return false;
        }
    }

    private void LoadField(IlInsn insn)
    {
        Item item = Pop();
        (string type, string name) = _image.FieldName((int)insn.Operand);
        switch (type, name)
        {
            case (CSharpNames.Ref, "Value") when item.Kind is ItemKind.Known or ItemKind.Int64:
                int pointer = item.Kind == ItemKind.Known ? _f.Read(item.Place!.Variable) : item.Value;
                PushLong(pointer, ClrType.PointerTo(item.Type!.Arguments is [var to, ..] ? to : item.Type));
                return;
            case (CSharpNames.Xdp, "Data" or "DataEnd"):
                PushLong(_f.Load(4, item.Value, name == "Data" ? 0 : 4));
                return;
        }
        _frame.Stack.Push(item);
        (int address, int offset, ClrType fieldType) = FieldIn(Pop(), (int)insn.Operand);
        PushMemory(fieldType, address, offset);
    }

    private (int Address, int Offset, ClrType Type) FieldIn(Item item, int token)
    {
        if (_image.FieldAt(token, item.Type) is not { } field)
            throw Refuse(DiagnosticTable.CSharpUnsupported, $"field {_image.FieldName(token).Name} of a type that is not defined in this assembly");
        return (PointerIn(item), field.Offset, field.Type);
    }

    private void LoadStatic(int token)
    {
        if (AssemblyImage.StaticField(token) is not { } field)
            throw Refuse(DiagnosticTable.CSharpUnsupported, $"static field {_image.FieldName(token).Name} of another assembly");
        int map = _maps.IndexOf(_image, field);
        if (map < 0)
            throw Refuse(DiagnosticTable.CSharpStatic, _image.FieldName(token).Name);
        Push(new Item(ItemKind.Map, map, _maps.TypeOf(map)));
    }
}
