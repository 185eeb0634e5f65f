using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Isa;
using Hachi.Vm.Jit.Lift;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.Ranges;

/// <summary>
/// Decides for every access of a lifted function what its check must still do: nothing, where the ranges show that it lies in its region; look at one region first, where they
/// tell which; everything otherwise. An instance keeps its storage and may be used again.
/// </summary>
internal sealed class AccessProofs
{
    private const int StepsMax = 8, PacketStartId = -2;

    private readonly BlockGraph _graph = new();
    private readonly RangeAnalysis _ranges = new();
    private readonly List<(int Base, long Bytes, int Block)> _packet = [];
    private IrFunction _f = null!;
    private LiftFacts _facts = null!;

    /// <summary>Sets <see cref="IrEffect.Access"/> and <see cref="IrEffect.Region"/> of every checked access.</summary>
    public void Decide(IrFunction f, LiftFacts facts)
    {
        for (int e = 0; e < f.EffectCount; e++)
            if (IsOpen(f.Effects[e]))
            {
                (_f, _facts) = (f, facts);
                _packet.Clear();
                _graph.Compute(f);
                _ranges.Compute(f, _graph, !facts.MovesPacket);
                if (!facts.MovesPacket)
                    CollectPacketFacts();
                Decide();
                return;
            }
    }

    private static bool IsOpen(in IrEffect effect) => effect.Kind is IrEffectKind.Load or IrEffectKind.Store or IrEffectKind.Atomic && effect.Access == IrAccess.Checked;

    private void Decide()
    {
        foreach (int b in _graph.Order)
            for (int e = _f.Blocks[b].FirstEffect; e >= 0; e = _f.Effects[e].Next)
            {
                ref IrEffect effect = ref _f.Effects[e];
                if (IsOpen(effect))
                    Decide(ref effect, b);
            }
    }

    private void Decide(ref IrEffect effect, int block)
    {
        Range address = _ranges.At(effect.Address, block);
        if (address.Base == RangeBase.PacketStart)
        {
            effect.Region = Region.Packet;
            bool isWrite = effect.Kind != IrEffectKind.Load;
            effect.Access = (!isWrite || _facts.IsPacketWritable) && IsInPacket(effect, address, block) ? IrAccess.Proven : IrAccess.CheckedRegion;
            return;
        }
        if (!address.IsNumber)
            return;
        long displacement = effect.Displacement;
        ulong lo = address.Lo + (ulong)displacement, hi = address.Hi + (ulong)displacement;
        if (hi < lo || Region.NumberOf(lo) != Region.NumberOf(hi) || address.Hi - address.Lo >= uint.MaxValue)
            return;
        uint region = Region.NumberOf(lo);
        if (!IsKnown(region, effect.Kind, (uint)lo, effect.Size, out uint length))
            return;
        effect.Region = (int)region;
        effect.Access = (uint)hi + (ulong)effect.Size <= length ? IrAccess.Proven : IrAccess.CheckedRegion;
    }

    // Whether a region always exists, how long it is (0 for not known), and whether such an access is allowed at all.
    private bool IsKnown(uint region, IrEffectKind kind, uint offset, int size, out uint length)
    {
        length = 0;
        if (region == Region.Stack)
            length = Limits.StackBytesMax * Limits.CallFramesMax;
        else if (region == Region.Context)
            length = _facts.Layout is { } rules && rules.Allows(offset, size, kind != IrEffectKind.Load) ? offset + (uint)size : 0;
        else if (region >= Region.FirstMap && region - Region.FirstMap < _facts.Maps.Length)
        {
            MapFacts map = _facts.Maps[region - Region.FirstMap];
            if (kind == IrEffectKind.Load ? map.IsReadable : map.IsWritable && map.IsReadable)
                length = map.RegionBytes;
        }
        else
            return false;
        return true;
    }

    // Facts of the form "base + n bytes do not reach behind the packet's end".
    private void CollectPacketFacts()
    {
        foreach (int b in _graph.Order)
        {
            ref IrBlock block = ref _f.Blocks[b];
            if (block.End != IrEnd.Branch || block.True == block.False || block.Compare is not (IrCompare.Gt64 or IrCompare.Ge64))
                continue;
            bool isLeftEnd = IsEnd(block.A, b), isRightEnd = IsEnd(block.B, b);
            if (isLeftEnd == isRightEnd)
                continue;
            int pointer = isLeftEnd ? block.B : block.A, below = isLeftEnd ? block.True : block.False;
            if (_graph.PredsOf(below).Length != 1)
                continue;
            // end > p and not (p >= end) leave one byte more than end >= p and not (p > end)
            int more = isLeftEnd == (block.Compare == IrCompare.Gt64) ? 1 : 0;
            ref IrValue v = ref _f.Values[pointer];
            (int at, long bytes) = v.Op == IrOp.Add && v.Size == 8 && _f.Values[v.B].Op == IrOp.Const ? (v.A, (long)_f.Values[v.B].Imm) : (pointer, 0);
            if (_ranges.At(pointer, b) is { Base: RangeBase.PacketStart })
                _packet.Add((Canonical(at, b), bytes + more, below));
        }
    }

    private bool IsEnd(int value, int block) => _ranges.At(value, block) is { Base: RangeBase.PacketEnd, Lo: 0, Hi: 0 };

    private int Canonical(int value, int block) => _ranges.At(value, block) is { Base: RangeBase.PacketStart, Lo: 0, Hi: 0 } ? PacketStartId : value;

    private bool IsInPacket(in IrEffect effect, in Range address, int block)
    {
        if ((long)address.Lo + effect.Displacement < 0)
            return false;
        if (Reaches(PacketStartId, (long)address.Hi + effect.Displacement + effect.Size, block))
            return true;
        int at = effect.Address;
        long far = effect.Displacement + effect.Size; // from `at` to the end of the access, at most
        for (int step = 0; step < StepsMax; step++)
        {
            if (Reaches(at, far, block))
                return true;
            ref IrValue v = ref _f.Values[at];
            if (v.Op != IrOp.Add || v.Size != 8)
                return false;
            bool isRight = _ranges.At(v.A, block).IsNumber;
            Range moved = _ranges.At(isRight ? v.A : v.B, block);
            if (!moved.IsNumber)
                return false;
            long most = (long)moved.Hi;
            if (moved.IsConst ? Math.Abs((double)most) > Range.PacketMax : moved.Hi > (ulong)Range.PacketMax)
                return false;
            far += most;
            at = isRight ? v.B : v.A;
            if (Canonical(at, block) == PacketStartId)
                return Reaches(PacketStartId, far, block);
        }
        return false;
    }

    private bool Reaches(int at, long bytes, int block)
    {
        foreach ((int fact, long known, int where) in _packet)
            if (fact == at && bytes <= known && _ranges.Dominates(where, block))
                return true;
        return false;
    }
}
