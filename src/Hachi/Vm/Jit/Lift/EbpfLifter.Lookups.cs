using Hachi.Ir;
using Hachi.Isa;
using Hachi.Uapi;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Jit.Lift;

/// <content>Look-ups in maps without a call.</content>
internal sealed partial class EbpfLifter
{
    // A look-up in an array: a comparison and an address.
    private int LookUpArray(in MapFacts map, int index, int key)
    {
        int offset = _make.Make(AluOp.Mul, 8, key, _f.Const(map.ValueStride));
        int pointer = _make.Make(AluOp.Add, 8, offset, _f.Const64(Region.AddressOf(Region.FirstMap + index, 0)));
        return _f.Intern(IrOp.Select, 8, _make.Compared(IrCompare.Gt, _f.Const(map.MaxEntries), key), pointer, IrFunction.Zero, -1);
    }

    // A look-up in a hash table: the walk over one chain (HashHeader), right when no writer came by; otherwise the machine looks under its lock. All ways end in the number of
    // an entry, 0 for none, which is what a program's test for null then asks.
    private int LookUpHash(in MapFacts map, int index, int key, int slot)
    {
        HashFacts table = map.Hash!;
        int size = (int)map.KeySize;
        int walk = _f.NewBlock(), check = _f.NewBlock(), next = _f.NewBlock(), found = _f.NewBlock(), absent = _f.NewBlock(), contended = _f.NewBlock(), join = _f.NewBlock(), start = _f.NewBlock();
        int version = HostLoad(table.Version, 4, uint.MaxValue, slot);
        _f.Branch(_block, IrCompare.Set, version, _f.Const(1), contended, start, slot);

        _block = start;
        int hash = _make.Make(AluOp.Rsh, 8, _make.Make(AluOp.Mul, 8, key, _f.Const64(table.Multiplier)), _f.Const(32));
        int bucket = _make.Make(AluOp.Rsh, 8, hash, _f.Const((uint)table.BucketShift));
        int first = HostLoad(_make.Make(AluOp.Add, 8, _make.Make(AluOp.Lsh, 8, bucket, _f.Const(2)), _f.Const64(table.Buckets)), 0, 4, table.EntriesMax, slot);
        int number = _f.AddPhi(walk, slot), result = _f.AddPhi(join, slot);
        _f.Goto(start, walk, _f.AddEdgeArgs([first]));
        _f.Branch(walk, IrCompare.Eq, number, IrFunction.Zero, absent, check, slot);

        _block = check;
        int entry = _make.Make(AluOp.Add, 8, _make.Make(AluOp.Mul, 8, number, _f.Const(table.EntryBytes)), _f.Const64(table.Entries));
        int other = HostLoad(entry, HashHeader.KeyOffset, size, size == 4 ? uint.MaxValue : 0, slot);
        _f.Branch(check, size == 4 ? IrCompare.Eq : IrCompare.Eq64, other, key, found, next, slot);

        _block = next;
        int following = HostLoad(entry, HashHeader.NextOffset, 4, table.EntriesMax, slot);
        _f.Goto(next, walk, _f.AddEdgeArgs([following]));

        Confirm(found, number);
        Confirm(absent, IrFunction.Zero);

        _block = contended;
        int args = _f.AddEdgeArgs([_f.Const((uint)index), key, IrFunction.Zero, IrFunction.Zero, IrFunction.Zero]);
        Add(new IrEffect { Kind = IrEffectKind.CallHelper, Size = 8, Code = Invocation.FindEntryHelper, Source = args, Origin = slot });
        int slow = HostLoad(_f.Intern(IrOp.State, 8, 0, 0, 0, -1), MachineState.EntryFoundOffset, 4, table.EntriesMax, slot);
        _f.Goto(contended, join, _f.AddEdgeArgs([slow]));
        _block = join;

        int offset = _make.Make(AluOp.Mul, 8, result, _f.Const(map.ValueStride));
        int pointer = _make.Make(AluOp.Add, 8, offset, _f.Const64(Region.AddressOf(Region.FirstMap + index, 0)));
        return _f.Intern(IrOp.Select, 8, _make.Compared(IrCompare.Gt64, result, IrFunction.Zero), pointer, IrFunction.Zero, -1);

        // The walk counts only when nothing changed meanwhile.
        void Confirm(int block, int value)
        {
            _block = block;
            int after = HostLoad(table.Version, 4, uint.MaxValue, slot);
            _f.Branch(block, IrCompare.Eq, after, version, join, contended, slot);
            _f.Blocks[block].TrueArgs = _f.AddEdgeArgs([value]);
            _f.Blocks[block].FalseArgs = -1;
        }
    }

    private int HostLoad(ulong address, int size, uint most, int slot) => HostLoad(_f.Const64(address), 0, size, most, slot);

    private int HostLoad(int address, int displacement, int size, uint most, int slot) => Add(new IrEffect
    {
        Kind = IrEffectKind.Load,
        Size = (byte)size,
        Access = IrAccess.Host,
        Address = address,
        Displacement = displacement,
        Code = (int)most,
        Origin = slot,
    });
}
