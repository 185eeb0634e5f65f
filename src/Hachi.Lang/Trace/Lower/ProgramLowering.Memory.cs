using System.Text;
using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Memory: where values lie that no register holds, and how they get there.</summary>
internal sealed partial class ProgramLowering
{
    private const int StackPieceMax = 64, StackMax = 224, FrameBytes = 128, InlineMax = 128, ScratchMax = 1 << 16;

    private readonly Dictionary<VariableInfo, int> _registers = [];
    private readonly Dictionary<VariableInfo, Place> _memories = [];
    private readonly Dictionary<VariableInfo, int> _frameOffsets = [];
    private int _frameUsed = 8; // the first word says that a loop was left for good

    /// <summary>Bytes at an address plus an offset, in an address space.</summary>
    private readonly record struct Place(int Address, int Offset, AddressSpace Space)
    {
        /// <summary>Whether it lies in scratch memory, whose address each function finds itself.</summary>
        public bool IsScratch { get; init; }
    }

    /// <summary>A value: one word, or a place.</summary>
    private readonly record struct Value(TraceType Type, int Id, Place Place)
    {
        public bool IsPlace => Id < 0;
    }

    private static Value Word(TraceType type, int id) => new(type, id, default);

    private static Value At(TraceType type, Place place) => new(type, -1, place);

    /// <summary>A piece of memory of the program's own: on the stack while there is room, else in scratch memory.</summary>
    private Place Temp(int bytes, Node at)
    {
        bytes = TupleLayout.Up(Math.Max(1, bytes), 8);
        if (bytes <= StackPieceMax && _state.StackBytes + bytes <= (HasFrame ? StackMax / 2 : StackMax))
        {
            _state.StackBytes += bytes;
            return new Place(_f.SlotAddress(_f.NewSlot(bytes)), 0, AddressSpace.Own);
        }
        if (ScratchBytes + bytes > ScratchMax)
        {
            _diagnostics.Add(DiagnosticTable.TraceTooLarge.At(at.Span, "this probe's memory", ScratchBytes + bytes, ScratchMax));
            bytes = 8;
        }
        int offset = ScratchBytes;
        ScratchBytes += bytes;
        if (!_hasScratch)
        {
            // Made for nothing: the program will be made again with scratch memory.
            NeedsScratch = true;
            return new Place(_f.SlotAddress(_f.NewSlot(8)), 0, AddressSpace.Own);
        }
        return new Place(_state.Scratch, offset, AddressSpace.Own) { IsScratch = true };
    }

    /// <summary>The address of a place as one value.</summary>
    private int AddressOf(Place place) => place.Offset == 0 ? place.Address : _f.AddConst(place.Address, place.Offset);

    private static Place Shifted(Place place, int offset) => place with { Offset = place.Offset + offset };

    private void Zero(Place place, int bytes)
    {
        if (bytes <= 0 || NeedsScratch)
            return;
        if (bytes <= InlineMax)
            ClearInline(place, bytes);
        else
            _f.Call(Helper.ProbeReadKernel, AddressOf(place), _f.Const(bytes), _f.MapValueAddress(_object.Zero(bytes)));
    }

    private void ClearInline(Place place, int bytes)
    {
        for (int at = 0; at < bytes;)
        {
            int size = Piece(place.Offset + at, bytes - at);
            _f.Store(size, place.Address, place.Offset + at, _f.Const(0));
            at += size;
        }
    }

    // The largest power of two that fits and is aligned.
    private static int Piece(int at, int left)
    {
        int size = 8;
        while (size > left || at % size != 0)
            size /= 2;
        return size;
    }

    /// <summary>Copies bytes from any space to a place of the program's own. What cannot be read becomes zeros.</summary>
    private void Copy(Place to, Place from, int bytes)
    {
        if (NeedsScratch || bytes <= 0)
            return;
        if (from is { Space: AddressSpace.Context, Offset: 0 } && _program.Kind == Hachi.Object.Plan.ProbeKind.Tracepoint)
        {
            int own = Math.Min(bytes, ProbeExpander.ContextOwn);
            ClearInline(to, own);
            (to, from, bytes) = (Shifted(to, own), Shifted(from, own), bytes - own);
        }
        if (from.Space is AddressSpace.Own or AddressSpace.Context && bytes <= InlineMax)
        {
            for (int at = 0; at < bytes;)
            {
                int size = Math.Min(Piece(to.Offset + at, bytes - at), Piece(from.Offset + at, bytes - at));
                _f.Store(size, to.Address, to.Offset + at, _f.Load(size, from.Address, from.Offset + at));
                at += size;
            }
            return;
        }
        Told(IsUser(from.Space) ? Helper.ProbeReadUser : Helper.ProbeReadKernel, AddressOf(to), _f.Const(bytes), AddressOf(from));
    }

    /// <summary>Whether an address is one of the traced process.</summary>
    private bool IsUser(AddressSpace space) => space == AddressSpace.User
        || (space == AddressSpace.Unknown && _program.Kind is Hachi.Object.Plan.ProbeKind.Uprobe or Hachi.Object.Plan.ProbeKind.Uretprobe or Hachi.Object.Plan.ProbeKind.Usdt);

    /// <summary>Reads a word at a place of any space.</summary>
    private int Load(Place place, TraceType type)
    {
        int size = Math.Clamp(type.SizeBytes, 1, 8);
        int value;
        if (place.Space is AddressSpace.Own or AddressSpace.Context)
            value = _f.Load(size, place.Address, place.Offset);
        else
        {
            Place temp = Temp(8, _program.Item);
            _f.Store(8, temp.Address, temp.Offset, _f.Const(0));
            Copy(temp, place, size);
            value = _f.Load(size, temp.Address, temp.Offset);
        }
        return Extend(value, type, size);
    }

    private int Extend(int value, TraceType type, int size) => type.IsSigned && size < 8 ? _f.SignExtend(value, size) : value;

    /// <summary>The value of an expression as one word.</summary>
    private int Scalar(Expr value)
    {
        Node outer = _at;
        _at = value;
        int word = ToWord(Lower(value), value);
        _at = outer;
        return word;
    }

    private int ToWord(Value value, Node at)
    {
        if (!value.IsPlace)
            return value.Id;
        if (value.Type.IsScalar || value.Type.SizeBytes is 1 or 2 or 4 or 8 && value.Type.Kind is not TypeKind.String)
            return Load(value.Place, value.Type);
        if (value.Type.Kind is TypeKind.UserSymbol)
            return Load(value.Place, TraceType.UInt64);
        if (value.Type.Kind is TypeKind.Array or TypeKind.String or TypeKind.Struct or TypeKind.Buffer)
            return AddressOf(value.Place);
        NotYet(at, $"{value.Type} as a number");
        return _f.Const(0);
    }

    /// <summary>Writes the value of an expression to a place, as a type that may be larger than its own. All bytes of the place are written.</summary>
    private void Store(Expr value, TraceType type, Place to)
    {
        if (value is TupleExpr tuple && type.Kind == TypeKind.Tuple && tuple.Items.Count == type.Tuple!.Items.Count)
        {
            ZeroGaps(type, to);
            for (int i = 0; i < tuple.Items.Count; i++)
                Store(tuple.Items[i], type.Tuple.Items[i].Type, Shifted(to, type.Tuple.Items[i].Offset));
            return;
        }
        if (_script[value].Text is string text && type.Kind == TypeKind.String)
        {
            StoreText(text, type.SizeBytes, to);
            return;
        }
        Node outer = _at;
        _at = value;
        StoreHere(value, type, to);
        _at = outer;
    }

    private void StoreHere(Expr value, TraceType type, Place to)
    {
        if (value is CallExpr call && IntoPlace(call, type, to))
            return;
        if (type.Kind == TypeKind.UserStack && value is NameExpr { Name: "ustack" or "__builtin_ustack" } or CallExpr { Name: "ustack" or "__builtin_ustack" })
        {
            UserStackInto(to);
            return;
        }
        if (value is NameExpr { Name: "comm" or "__builtin_comm" } && type.Kind == TypeKind.String)
        {
            CommInto(to, type.SizeBytes);
            return;
        }
        Store(Lower(value), type, to, value);
    }

    private void ZeroGaps(TraceType type, Place to)
    {
        int used = 0;
        foreach (TupleItem item in type.Tuple!.Items)
            used += item.Type.SizeBytes;
        if (used != type.SizeBytes)
            Zero(to, type.SizeBytes);
    }

    private void Store(Value value, TraceType type, Place to, Node at)
    {
        if (type.IsScalar)
        {
            if (type.SizeBytes is 1 or 2 or 4 or 8)
                _f.Store(type.SizeBytes, to.Address, to.Offset, ToWord(value, at));
            return;
        }
        if (value.IsPlace && type.Kind == TypeKind.Tuple && value.Type.Kind == TypeKind.Tuple && !type.Equals(value.Type))
        {
            Zero(to, type.SizeBytes);
            for (int i = 0; i < type.Tuple!.Items.Count && i < value.Type.Tuple!.Items.Count; i++)
                Store(Item(value, value.Type.Tuple.Items[i]), type.Tuple.Items[i].Type, Shifted(to, type.Tuple.Items[i].Offset), at);
            return;
        }
        if (!value.IsPlace)
        {
            // A word where bytes are wanted: a number cast to an array of bytes.
            Zero(to, type.SizeBytes);
            for (int done = 0; done < Math.Min(8, type.SizeBytes);)
            {
                int size = Piece(to.Offset + done, Math.Min(8, type.SizeBytes) - done);
                _f.Store(size, to.Address, to.Offset + done, done == 0 ? value.Id : _f.ShiftRight(value.Id, _f.Const(8 * done)));
                done += size;
            }
            return;
        }
        if (type.Kind == TypeKind.String && value.Type.Kind is TypeKind.String or TypeKind.Buffer)
        {
            StoreString(value, type.SizeBytes, to);
            return;
        }
        int bytes = Math.Min(type.SizeBytes, value.Type.SizeBytes);
        if (bytes < type.SizeBytes)
            Zero(to, type.SizeBytes);
        Copy(to, value.Place, bytes);
    }

    private Value Item(Value tuple, TupleItem item) =>
        item.Type.IsScalar ? Word(item.Type, Load(Shifted(tuple.Place, item.Offset), item.Type)) : At(item.Type, Shifted(tuple.Place, item.Offset));

    private void StoreString(Value value, int size, Place to)
    {
        int bytes = Math.Min(size, value.Type.SizeBytes);
        if (value.Place.Space is AddressSpace.Own or AddressSpace.Context && bytes <= InlineMax)
        {
            if (bytes < size)
                Zero(to, size);
            Copy(to, value.Place, bytes);
            return;
        }
        Zero(to, size);
        if (NeedsScratch)
            return;
        bool isUser = IsUser(value.Place.Space);
        int read = Told(isUser ? Helper.ProbeReadUserStr : Helper.ProbeReadKernelStr, AddressOf(to), _f.Const(bytes), AddressOf(value.Place));
        // An array of characters may be full to its last one, where the kernel has put a zero.
        int full = _f.NewBlock(), end = _f.NewBlock();
        _f.Branch(CompareOp.Jeq, read, _f.Const(bytes), full, end);
        _f.Start(full);
        _f.Call(isUser ? Helper.ProbeReadUser : Helper.ProbeReadKernel, AddressOf(Shifted(to, bytes - 1)), _f.Const(1), AddressOf(Shifted(value.Place, bytes - 1)));
        _f.Goto(end);
        _f.Start(end);
    }

    /// <summary>Writes a known text and zeros behind it.</summary>
    private void StoreText(string text, int size, Place to)
    {
        if (NeedsScratch)
            return;
        byte[] bytes = new byte[size];
        byte[] known = Utf8(text);
        known.AsSpan(0, Math.Min(known.Length, Math.Max(0, size - 1))).CopyTo(bytes);
        int used = Math.Min(size, TupleLayout.Up(Math.Min(known.Length + 1, size), 8));
        for (int at = 0; at < used;)
        {
            int piece = Piece(to.Offset + at, used - at);
            long word = 0;
            for (int i = piece - 1; i >= 0; i--)
                word = (word << 8) | bytes[at + i];
            _f.Store(piece, to.Address, to.Offset + at, _f.Const(word));
            at += piece;
        }
        Zero(Shifted(to, used), size - used);
    }

    /// <summary>Bytes of a literal: characters that were written as escapes are bytes.</summary>
    private static byte[] Utf8(string text)
    {
        int end = text.IndexOf('\0', StringComparison.Ordinal);
        return Encoding.UTF8.GetBytes(end < 0 ? text : text[..end]);
    }

    private void Write(VariableInfo variable, int value)
    {
        if (!HasFrame)
        {
            if (!_registers.TryGetValue(variable, out int register))
                _registers[variable] = register = _f.NewVariable();
            _f.Write(register, value);
            return;
        }
        _f.Store(8, _state.Frame, FrameOffset(variable), value);
    }

    private int Read(VariableInfo variable)
    {
        if (HasFrame)
            return _f.Load(8, _state.Frame, FrameOffset(variable));
        if (!_registers.TryGetValue(variable, out int register))
        {
            _registers[variable] = register = _f.NewVariable();
            _f.Write(register, _f.Const(0));
        }
        return _f.Read(register);
    }

    private int FrameOffset(VariableInfo variable)
    {
        if (!_frameOffsets.TryGetValue(variable, out int offset))
        {
            offset = _frameUsed;
            if (_frameUsed + 8 > FrameBytes)
                _diagnostics.Add(DiagnosticTable.TraceTooLarge.At(_program.Item.Span, "the probe's variables", _frameUsed + 8, FrameBytes));
            else
                _frameUsed += 8;
            _frameOffsets[variable] = offset;
        }
        return offset;
    }

    /// <summary>Where a variable lies that is no single word. In a program with loops that the kernel calls it lies in scratch memory, which every function finds.</summary>
    private Place PlaceOf(VariableInfo variable, Node at)
    {
        if (!_memories.TryGetValue(variable, out Place place))
        {
            int stack = _state.StackBytes;
            if (HasFrame)
                _state.StackBytes = StackMax;
            place = Temp(variable.Type.SizeBytes, at);
            if (HasFrame)
                _state.StackBytes = stack;
            _memories[variable] = place;
        }
        return place.IsScratch ? place with { Address = _state.Scratch } : place;
    }
}
