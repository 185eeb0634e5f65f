using System.Diagnostics.CodeAnalysis;
using System.Reflection.Emit;

namespace Hachi.Vm.Jit;

/// <summary>Emits "is this word in that set": a binary search written out, with a bit mask where the intervals lie close together.</summary>
[RequiresDynamicCode("emits IL")]
internal static class IlSets
{
    private const int LinearMax = 3;

    public static void Emit(ILGenerator il, LocalBuilder word, ReadOnlySpan<(uint Lo, uint Hi)> intervals, Label inside, Label outside)
    {
        if (intervals.Length <= LinearMax)
        {
            foreach ((uint lo, uint hi) in intervals)
                EmitInterval(il, word, lo, hi, inside);
            il.Emit(OpCodes.Br, outside);
            return;
        }
        if (intervals[^1].Hi - intervals[0].Lo < 64)
        {
            EmitMask(il, word, intervals, inside, outside);
            return;
        }
        int mid = intervals.Length / 2;
        Label left = il.DefineLabel();
        il.Emit(OpCodes.Ldloc, word);
        il.Emit(OpCodes.Ldc_I4, (int)intervals[mid].Lo);
        il.Emit(OpCodes.Blt_Un, left);
        Emit(il, word, intervals[mid..], inside, outside);
        il.MarkLabel(left);
        Emit(il, word, intervals[..mid], inside, outside);
    }

    private static void EmitInterval(ILGenerator il, LocalBuilder word, uint lo, uint hi, Label inside)
    {
        il.Emit(OpCodes.Ldloc, word);
        if (lo == hi && lo <= 1)
            IlHelpers.Settle(il); // (the word may be a rotation)
        il.Emit(OpCodes.Ldc_I4, (int)lo);
        if (lo == hi)
        {
            il.Emit(OpCodes.Beq, inside);
            return;
        }
        il.Emit(OpCodes.Sub); // lo <= word <= hi in one comparison
        il.Emit(OpCodes.Ldc_I4, (int)(hi - lo));
        il.Emit(OpCodes.Ble_Un, inside);
    }

    private static void EmitMask(ILGenerator il, LocalBuilder word, ReadOnlySpan<(uint Lo, uint Hi)> intervals, Label inside, Label outside)
    {
        uint first = intervals[0].Lo;
        ulong mask = 0;
        foreach ((uint lo, uint hi) in intervals)
            for (uint k = lo - first; k <= hi - first; k++)
                mask |= 1UL << (int)k;
        il.Emit(OpCodes.Ldloc, word);
        il.Emit(OpCodes.Ldc_I4, (int)first);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Ldc_I4, 63);
        il.Emit(OpCodes.Bgt_Un, outside);
        il.Emit(OpCodes.Ldc_I8, (long)mask);
        il.Emit(OpCodes.Ldloc, word);
        il.Emit(OpCodes.Ldc_I4, (int)first);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Shr_Un);
        il.Emit(OpCodes.Conv_I4);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Brtrue, inside);
        il.Emit(OpCodes.Br, outside);
    }
}
