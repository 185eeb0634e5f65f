using System.Collections.Immutable;
using System.Reflection.Metadata;
using Hachi.Ir.Build;

namespace Hachi.Lang.CSharp;

/// <summary>What an entry of IL's evaluation stack is here.</summary>
internal enum ItemKind : byte
{
    /// <summary>An integer of 32 bits; the upper half of the value is 0.</summary>
    Int32,

    /// <summary>An integer of 64 bits, or a pointer.</summary>
    Int64,

    /// <summary>A structure: Value is where it lies.</summary>
    Struct,

    /// <summary>A structure that lives in registers (Packet), and the address of one: Place says which.</summary>
    Known,

    /// <summary>Map number Value.</summary>
    Map,
}

/// <summary>An entry of the evaluation stack.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Value">A value of the builder.</param>
/// <param name="Type">Its type, where that counts.</param>
/// <param name="Place">The local that holds a known structure.</param>
internal readonly record struct Item(ItemKind Kind, int Value, ClrType? Type = null, Local? Place = null)
{
    /// <summary>Bytes that operations on it look at.</summary>
    public int Size => Kind == ItemKind.Int32 ? 4 : 8;
}

/// <summary>A local variable or an argument of a method.</summary>
internal sealed class Local(ClrType type)
{
    /// <summary>Its type.</summary>
    public ClrType Type { get; } = type;

    /// <summary>Its place on the stack, or -1: it is a variable.</summary>
    public int Slot { get; set; } = -1;

    /// <summary>Its variable; of a packet, that of the place in it.</summary>
    public int Variable { get; set; } = -1;

    /// <summary>Of a packet, the variable that holds its end.</summary>
    public int End { get; set; } = -1;

    /// <summary>An argument that is never written and stands for what was passed.</summary>
    public Item? Alias { get; set; }
}

/// <summary>A method while it is translated: the program's own, or one that is called and written in line.</summary>
internal sealed class Frame(MethodDefinitionHandle method, Il il, Local[] arguments, Local[] locals, Frame? caller)
{
    /// <summary>The method.</summary>
    public MethodDefinitionHandle Method => method;

    /// <summary>Its instructions.</summary>
    public Il Il => il;

    /// <summary>Its arguments.</summary>
    public Local[] Arguments => arguments;

    /// <summary>Its locals.</summary>
    public Local[] Locals => locals;

    /// <summary>Who called it, or null.</summary>
    public Frame? Caller => caller;

    /// <summary>Type arguments of the method.</summary>
    public ImmutableArray<ClrType> TypeArguments { get; init; } = [];

    /// <summary>Blocks of the builder by the index of their first instruction.</summary>
    public Dictionary<int, int> Blocks { get; } = [];

    /// <summary>What lies on the evaluation stack where a block begins: kinds, and the variables that hold the values.</summary>
    public Dictionary<int, (Item[] Kinds, int[] Variables)> Entries { get; } = [];

    /// <summary>The evaluation stack.</summary>
    public Stack<Item> Stack { get; set; } = new();

    /// <summary>Where it goes on when the method returns; -1 in the program's own.</summary>
    public int ReturnBlock { get; set; } = -1;

    /// <summary>The local that takes what the method returns, or null.</summary>
    public Local? Result { get; set; }

    /// <summary>How many methods are open.</summary>
    public int Depth => caller is null ? 1 : caller.Depth + 1;

    /// <summary>Whether a method is open: calling it again would be recursion.</summary>
    public bool IsOpen(MethodDefinitionHandle other) => method == other || (caller?.IsOpen(other) ?? false);
}
