using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Select;

/// <summary>The walk over a header chain: the one loop of capture filters, with jumps backwards, which only a user-space machine runs.</summary>
internal sealed partial class ClassicSelector
{
    private const int LabelBase = -10;
    private const uint HopByHop = 0, Routing = 43, Fragment = 44, Authentication = 51, Destination = 60;

    private readonly List<int> _labels = [];

    private int NewLabel()
    {
        _labels.Add(-1);
        return LabelBase - (_labels.Count - 1);
    }

    private void SetLabel(int label) => _labels[LabelBase - label] = _count;

    /// <summary>A holds the protocol of the header at X (counted from the first header), until it is the wanted one or no header that is stepped over.</summary>
    private void EmitProtoChain(int b, int value, int found, int missed)
    {
        IrValue v = _f.Values[value];
        uint at = (uint)v.Imm, protocol = (uint)(v.Imm >> 32);
        if (_temps == 16 || v.A != IrFunction.Zero)
        {
            _failed = true;
            return;
        }
        uint slot = (uint)_temps;
        int again = NewLabel(), more = NewLabel(), extension = NewLabel(), authentication = NewLabel();
        Put(Ld | B | Abs, at + (v.Size == 4 ? 9u : 6u));
        if (v.Size == 4)
            Put(Ldx | B | Msh, at);
        else
            Put(Ldx | W | Imm, 40);
        SetLabel(again);
        Put(Jmp | Jeq | K, protocol, found, more, b);
        SetLabel(more);
        if (v.Size == 6)
        {
            foreach (uint header in (ReadOnlySpan<uint>)[HopByHop, Destination, Routing, Fragment])
            {
                int next = NewLabel();
                Put(Jmp | Jeq | K, header, extension, next, b);
                SetLabel(next);
            }
        }
        Put(Jmp | Jeq | K, Authentication, authentication, missed, b);
        if (v.Size == 6)
        {
            SetLabel(extension); // next header, then 8 * (length + 1) further
            Put(Ld | B | Ind, at);
            Put(St, slot);
            Put(Ld | B | Ind, at + 1);
            Put(Alu | Add | K, 1);
            Put(Alu | Lsh | K, 3);
            Put(Alu | Add | X, 0);
            Put(Misc | Tax, 0);
            Put(Ld | W | Mem, slot);
            Put(Jmp | Ja, 0, again, again, b);
        }
        SetLabel(authentication); // next header, then at 4 * (length + 2): libpcap does not add where it stands, and neither do we
        Put(Ld | B | Ind, at);
        Put(St, slot);
        Put(Ld | B | Ind, at + 1);
        Put(Alu | Add | K, 2);
        Put(Alu | Lsh | K, 2);
        Put(Misc | Tax, 0);
        Put(Ld | W | Mem, slot);
        Put(Jmp | Ja, 0, again, again, b);
        (_a, _x) = (None, None);
    }
}
