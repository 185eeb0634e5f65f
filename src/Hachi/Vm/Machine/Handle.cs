namespace Hachi.Vm.Machine;

/// <summary>
/// What a program holds of things that are no memory: numbers whose upper half names no region, so that no access through them succeeds.
/// </summary>
internal static class Handle
{
    private const uint MapKind = 0x8000_0000, FunctionKind = 0x9000_0000;

    /// <summary>The handle of a map of the object.</summary>
    public static ulong Map(int index) => (ulong)MapKind << 32 | (uint)index;

    /// <summary>The handle of a function, by its first slot.</summary>
    public static ulong Function(int start) => (ulong)FunctionKind << 32 | (uint)start;

    /// <summary>The index of the map that a value is a handle of, or -1.</summary>
    public static int MapIndex(ulong value) => value >> 32 == MapKind ? (int)(uint)value : -1;

    /// <summary>The first slot of the function that a value is a handle of, or -1.</summary>
    public static int FunctionStart(ulong value) => value >> 32 == FunctionKind ? (int)(uint)value : -1;
}
