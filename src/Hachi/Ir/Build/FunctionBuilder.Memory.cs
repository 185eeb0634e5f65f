using Hachi.Isa;
using Hachi.Uapi;

namespace Hachi.Ir.Build;

/// <summary>A piece of an eBPF function's stack.</summary>
/// <param name="SizeBytes">Bytes.</param>
/// <param name="AlignBytes">What its address is a multiple of: 1, 2, 4 or 8.</param>
internal readonly record struct SlotSpec(int SizeBytes, int AlignBytes);

/// <content>Memory and calls.</content>
internal sealed partial class FunctionBuilder
{
    /// <summary>A new piece of stack. The verifier wants it written before it is read or passed to a helper that reads it.</summary>
    public int NewSlot(int bytes, int align = 8)
    {
        _slots.Add(new SlotSpec(bytes, align));
        return _slots.Count - 1;
    }

    /// <summary>The address of a byte of a slot.</summary>
    public int SlotAddress(int slot, int offset = 0) => Function.Intern(IrOp.SlotAddress, 8, 0, offset, (ulong)slot, -1);

    /// <summary>
    /// Reads memory that programs may read directly: stack, context, packet behind a bounds check, map value behind a null check, ring-buffer record, or (BTF-typed programs) kernel memory.
    /// Everything else goes through <see cref="ProbeRead"/>.
    /// </summary>
    /// <param name="size">Bytes: 1, 2, 4 or 8, zero-extended.</param>
    /// <param name="address">A pointer.</param>
    /// <param name="offset">Bytes added to it.</param>
    public int Load(int size, int address, int offset = 0)
    {
        IrEffect effect = Access(IrEffectKind.Load, size, address, offset);
        return Append(effect);
    }

    /// <summary>Writes the low bytes of a value to memory that programs may write.</summary>
    public void Store(int size, int address, int offset, int value)
    {
        IrEffect effect = Access(IrEffectKind.Store, size, address, offset);
        effect.Source = Function.Values[value].Op == IrOp.Const ? Function.Const64(Semantics.Truncate(Function.Values[value].Imm, size * 8)) : value;
        Append(effect);
    }

    /// <summary>Writes zeros, at most 8 bytes an instruction.</summary>
    public void Clear(int address, int offset, int bytes)
    {
        IrEffect effect = Access(IrEffectKind.Clear, 8, address, offset);
        effect.Code = bytes;
        Append(effect);
    }

    /// <summary>Adds to memory in one step that no other processor sees the middle of.</summary>
    public void AtomicAdd(int size, int address, int offset, int value) => Atomic(Opcode.Add, size, address, offset, value);

    /// <summary>
    /// An atomic operation: <see cref="Opcode.Add"/>, Or, And, Xor, each also with <see cref="Opcode.Fetch"/>, <see cref="Opcode.Xchg"/>, <see cref="Opcode.Cmpxchg"/>.
    /// </summary>
    /// <returns>What memory held before (of an operation that does not fetch: nothing that may be used).</returns>
    public int Atomic(int operation, int size, int address, int offset, int value, int expected = IrFunction.Zero)
    {
        IrEffect effect = Access(IrEffectKind.Atomic, size, address, offset);
        (effect.Code, effect.Source, effect.Compare) = (operation, value, expected);
        return Append(effect);
    }

    /// <summary>Calls a helper; yields r0.</summary>
    public int Call(Helper helper, params ReadOnlySpan<int> arguments) => Call(IrEffectKind.CallHelper, (int)helper, arguments);

    /// <summary>Calls a function of the program; yields r0.</summary>
    public int Call(FunctionBuilder function, params ReadOnlySpan<int> arguments)
    {
        ArgumentNullException.ThrowIfNull(function);
        return Call(IrEffectKind.CallLocal, function.Index, arguments);
    }

    /// <summary>Looks a key up: the address of the value, which must be compared with 0 before it is used, or 0.</summary>
    public int MapLookup(int map, int keyAddress) => Call(Helper.MapLookupElem, MapAddress(map), keyAddress);

    /// <summary>Copies kernel memory into a slot with <c>bpf_probe_read_kernel</c>; yields 0, or a negative error (the slot is then zeroed by the kernel).</summary>
    public int ProbeRead(int slot, int bytes, int address) => Call(Helper.ProbeReadKernel, SlotAddress(slot), Const(bytes), address);

    /// <summary>Copies memory of the traced process into a slot with <c>bpf_probe_read_user</c>; as <see cref="ProbeRead"/>.</summary>
    public int ProbeReadUser(int slot, int bytes, int address) => Call(Helper.ProbeReadUser, SlotAddress(slot), Const(bytes), address);

    private int Call(IrEffectKind kind, int code, ReadOnlySpan<int> arguments)
    {
        if (arguments.Length > Limits.CallArgumentsMax)
            throw new ArgumentOutOfRangeException(nameof(arguments), "a call passes at most five arguments");
        Span<int> all = stackalloc int[Limits.CallArgumentsMax];
        all.Clear();
        arguments.CopyTo(all);
        return Append(new IrEffect { Kind = kind, Size = 8, Code = code, Source = Function.AddEdgeArgs(all), Displacement = arguments.Length });
    }

    // Constant parts of the address go into the instruction.
    private IrEffect Access(IrEffectKind kind, int size, int address, int offset)
    {
        IrValue v = Function.Values[address];
        if (v.Op == IrOp.Add && v.Size == 8 && Function.Values[v.B].Op == IrOp.Const && offset + (long)Function.Values[v.B].Imm is var sum && sum == (short)sum)
            (address, offset) = (v.A, (int)sum);
        return new IrEffect { Kind = kind, Size = (byte)size, Access = IrAccess.Proven, Address = address, Displacement = offset };
    }

    private int Append(IrEffect effect)
    {
        effect.Origin = Origin;
        if (!IsOpen)
            return IrFunction.Zero;
        int index = Function.AddEffect(Current, effect);
        return Function.Effects[index].Value;
    }
}
