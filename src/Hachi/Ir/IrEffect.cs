namespace Hachi.Ir;

/// <summary>What happens in order, and cannot float as a value does.</summary>
public enum IrEffectKind : byte
{
    /// <summary>Reads Size bytes at Address + Displacement, zero-extended.</summary>
    Load,

    /// <summary>Writes the low Size bytes of Source to Address + Displacement.</summary>
    Store,

    /// <summary>
    /// Atomic operation Code (the immediate of the instruction) on Size bytes (4 or 8) at Address + Displacement with Source; Compare is r0 of a compare-and-exchange. Yields
    /// what memory held, zero-extended, also where the program does not ask.
    /// </summary>
    Atomic,

    /// <summary>Calls helper Code with five arguments (a run in <see cref="IrFunction.EdgeArgs"/> that starts at Source). Yields r0.</summary>
    CallHelper,

    /// <summary>Calls function Code of the program with five arguments, as <see cref="CallHelper"/>. Yields r0.</summary>
    CallLocal,

    /// <summary>Takes Code from the fuel; a fault when there is not so much left.</summary>
    Fuel,

    /// <summary>Writes zeros to Code bytes at Address + Displacement.</summary>
    Clear,

    /// <summary>A full memory fence (of an acquiring load or a releasing store, on processors that need one).</summary>
    Fence,
}

/// <summary>How an access finds its memory, and what of its check is left to do at run time.</summary>
public enum IrAccess : byte
{
    /// <summary>Address is a guest address of any region: found by table, checked.</summary>
    Checked,

    /// <summary>Address is very likely a guest address of Region: checked against that one first; if it is elsewhere, as <see cref="Checked"/>.</summary>
    CheckedRegion,

    /// <summary>Shown to lie in Region: address + the distance of Region from the host's addresses, no check.</summary>
    Proven,

    /// <summary>Address is a host address that the lifter made (the machine's state, a map's memory): no check.</summary>
    Host,
}

/// <summary>An effect of a block, in its linked list.</summary>
public struct IrEffect
{
    /// <summary>What happens.</summary>
    public IrEffectKind Kind;

    /// <summary>Bytes moved: 1, 2, 4 or 8. Calls: 8.</summary>
    public byte Size;

    /// <summary>What is known of the address.</summary>
    public IrAccess Access;

    /// <summary>The region of a <see cref="IrAccess.CheckedRegion"/> or <see cref="IrAccess.Proven"/> access.</summary>
    public int Region;

    /// <summary>The value (an <see cref="IrOp.Result"/>) that it yields, or -1.</summary>
    public int Value;

    /// <summary>The address: a value.</summary>
    public int Address;

    /// <summary>Bytes added to the address, signed. Calls of what is to be emitted as eBPF: how many of the arguments are passed.</summary>
    public int Displacement;

    /// <summary>The value stored or combined, or the start of a call's arguments.</summary>
    public int Source;

    /// <summary>Compare-and-exchange: the value compared with memory.</summary>
    public int Compare;

    /// <summary>Operation, helper, function, or fuel: see the kind. Of a load from the host's memory: the greatest number that it can give (as an unsigned one), 0 for any.</summary>
    public int Code;

    /// <summary>The instruction it comes from (-1: none).</summary>
    public int Origin;

    /// <summary>The next effect of the block, or -1.</summary>
    public int Next;

    /// <summary>Whether it has an address.</summary>
    public readonly bool HasAddress => Kind is IrEffectKind.Load or IrEffectKind.Store or IrEffectKind.Atomic or IrEffectKind.Clear;

    /// <summary>Whether it yields a value.</summary>
    public readonly bool YieldsValue => Kind is IrEffectKind.Load or IrEffectKind.Atomic or IrEffectKind.CallHelper or IrEffectKind.CallLocal;
}
