using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Jit.X64.Encode;

namespace Hachi.Vm.Jit.X64.Select;

internal sealed partial class X64Selector
{
    private void SelectEffect(int e)
    {
        ref IrEffect effect = ref _f.Effects[e];
        var insn = new Lir(LirOp.Fuel) { Aux = e, Width = effect.Size };
        switch (effect.Kind)
        {
            case IrEffectKind.Load:
                if (!_needed[effect.Value] && effect.Access is IrAccess.Host or IrAccess.Proven)
                    return; // part of another instruction, or not used
                (insn.Op, insn.Dst) = (LirOp.Load, _needed[effect.Value] ? effect.Value : Lir.None);
                Place(ref insn, e);
                break;
            case IrEffectKind.Store:
                insn.Op = LirOp.Store;
                insn.A = UseOrImmediate(effect.Source, effect.Size);
                Place(ref insn, e);
                break;
            case IrEffectKind.Clear:
                insn.Op = LirOp.Clear;
                Place(ref insn, e);
                break;
            case IrEffectKind.Atomic:
                insn.Op = LirOp.Atomic;
                insn.Dst = _needed[effect.Value] ? effect.Value : Lir.None;
                insn.A = UseOrImmediate(effect.Source, effect.Size);
                insn.B = effect.Code == Opcode.Cmpxchg ? UseOrConstant(effect.Compare) : Lir.None;
                Place(ref insn, e);
                break;
            case IrEffectKind.CallHelper or IrEffectKind.CallLocal:
                insn.Op = effect.Kind == IrEffectKind.CallHelper ? LirOp.CallHelper : LirOp.CallLocal;
                insn.Dst = _needed[effect.Value] ? effect.Value : Lir.None;
                insn.A = UseOrConstant(_f.EdgeArgs[effect.Source]);
                insn.B = UseOrConstant(_f.EdgeArgs[effect.Source + 1]);
                insn.C = UseOrConstant(_f.EdgeArgs[effect.Source + 2]);
                insn.Base = UseOrConstant(_f.EdgeArgs[effect.Source + 3]);
                insn.Index = UseOrConstant(_f.EdgeArgs[effect.Source + 4]);
                break;
            case IrEffectKind.Fence:
                insn.Op = LirOp.Fence;
                break;
        }
        List.Add(insn);
    }

    /// <summary>Gives an instruction its memory operand, and with it the check.</summary>
    private void Place(ref Lir insn, int e)
    {
        ref IrEffect effect = ref _f.Effects[e];
        (int past, int memory) = _lowering.Words[e];
        if (effect.Access == IrAccess.Host)
        {
            Address(ref insn, effect.Address, effect.Displacement);
            return;
        }
        insn.Disp = effect.Displacement;
        if (effect.Access == IrAccess.CheckedRegion && past != 0)
        {
            insn.Memory = LirMemory.Bounded;
            insn.Index = Use(effect.Address);
            insn.Base = IsLocalWord(memory) ? Lir.None : Use(memory);
            insn.C = IsLocalWord(past) ? Lir.None : Use(past);
            return;
        }
        insn.Memory = effect.Access switch { IrAccess.Proven => LirMemory.Proven, IrAccess.CheckedRegion => LirMemory.Region, _ => LirMemory.Any };
        insn.Base = Use(effect.Address);
    }
}
