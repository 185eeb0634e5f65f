using Hachi.Ir;

namespace Hachi.Vm.Jit;

/// <summary>The loads of a filter at fixed places, whose checks can be made together.</summary>
internal static class FixedLoads
{
    /// <summary>A frame on Ethernet has at least so many bytes: what lies behind is checked where it is read.</summary>
    private const int CommonLengthMin = 60;

    /// <summary>How far those that are required reach, as far as a common packet goes, and how many different reaches there are.</summary>
    public static (int Furthest, int Checks) Of(IrFunction f, ReadOnlySpan<int> blocks)
    {
        var ends = new SortedSet<int>();
        foreach (int b in blocks)
            for (int r = f.Blocks[b].Require; r >= 0; r = f.Requires[r].Next)
            {
                ref IrValue v = ref f.Values[f.Requires[r].Value];
                if (v.Op == IrOp.LoadPacket && v.A == IrFunction.Zero && (long)v.Imm + v.Size <= CommonLengthMin)
                    ends.Add((int)v.Imm + v.Size);
            }
        return (ends.Count > 0 ? ends.Max : 0, ends.Count);
    }

    /// <summary>The one that reaches furthest among those that a block requires, or -1.</summary>
    public static int Furthest(IrFunction f, int block)
    {
        int furthest = -1;
        ulong end = 0;
        for (int r = f.Blocks[block].Require; r >= 0; r = f.Requires[r].Next)
        {
            ref IrValue v = ref f.Values[f.Requires[r].Value];
            if (v.Op != IrOp.LoadPacket || v.A != IrFunction.Zero || v.Imm + v.Size <= end)
                continue;
            end = v.Imm + v.Size;
            furthest = f.Requires[r].Value;
        }
        return furthest;
    }
}
