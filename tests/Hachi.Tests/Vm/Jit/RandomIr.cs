using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Machine;

namespace Hachi.Tests.Vm.Jit;

/// <summary>Random functions in SSA form: straight pieces, choices and loops over a handful of variables.</summary>
internal sealed class RandomIr(Random random, int functionCount)
{
    private static readonly IrOp[] s_binary =
    [
        IrOp.Add, IrOp.Sub, IrOp.Mul, IrOp.And, IrOp.Or, IrOp.Xor, IrOp.UDiv, IrOp.UMod, IrOp.SDiv, IrOp.SMod, IrOp.Shl, IrOp.Shr, IrOp.Sar, IrOp.Rol,
        IrOp.Add, IrOp.Add, IrOp.Sub, IrOp.Xor, IrOp.Shl,
    ];

    private static readonly IrCompare[] s_compares = Enum.GetValues<IrCompare>();
    private static readonly int[] s_atomics = [0, 1, Opcode.Or, Opcode.Or | 1, Opcode.And, Opcode.And | 1, Opcode.Xor, Opcode.Xor | 1, Opcode.Xchg, Opcode.Cmpxchg];

    private IrFunction _f = new();
    private int[] _vars = [];
    private int _block, _depth, _origin, _budget;
    private bool _calls;

    /// <summary>A program of the asked number of functions, the main one first.</summary>
    public List<IrFunction> Program()
    {
        _calls = random.Next(3) == 0;
        var all = new List<IrFunction>();
        for (int i = 0; i < functionCount; i++)
            all.Add(Function());
        return all;
    }

    private IrFunction Function()
    {
        _f = new IrFunction();
        _vars = new int[random.Next(3) == 0 ? random.Next(15, 30) : random.Next(2, 10)];
        _block = _f.Entry = _f.NewBlock();
        _budget = random.Next(5, 60);
        _depth = 0;
        for (int i = 0; i < _vars.Length; i++)
            _vars[i] = i < 5 ? _f.Intern(IrOp.Param, 8, 0, 0, (ulong)i + 1, -1) : i == 5 ? _f.Intern(IrOp.Frame, 8, 0, 0, 0, -1) : Constant();
        Statements();
        int sum = _vars[0];
        foreach (int v in _vars)
            sum = _f.Intern(IrOp.Add, 8, _f.Intern(IrOp.Rol, 8, sum, _f.Const64(7), 0, -1), v, 0, -1);
        _f.Return(_block, sum);
        return _f;
    }

    private void Statements()
    {
        for (int n = random.Next(1, 12); n > 0 && _budget > 0; n--)
        {
            _budget--;
            int kind = random.Next(20);
            if (kind < 10)
                Set(Pure());
            else if (kind < 14)
                Memory();
            else if (kind == 14)
                Swap();
            else if (kind == 15)
                Call();
            else if (kind == 16)
                Fuel();
            else if (_depth < 4 && kind < 19)
                Choose();
            else if (_depth < 3)
                Loop();
        }
    }

    private int Var() => _vars[random.Next(_vars.Length)];

    private void Set(int value) => _vars[random.Next(_vars.Length)] = value;

    private void Swap()
    {
        int i = random.Next(_vars.Length), j = random.Next(_vars.Length), k = random.Next(_vars.Length);
        (_vars[i], _vars[j], _vars[k]) = (_vars[j], _vars[k], _vars[i]);
    }

    private int Constant() => _f.Const64(random.Next(6) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => (ulong)random.Next(int.MinValue, int.MaxValue),
        2 => (ulong)(long)random.Next(-130, 130),
        3 => 1ul << random.Next(64),
        4 => (ulong)random.Next(1, 20),
        _ => (uint)random.Next(),
    });

    private int Operand() => random.Next(3) == 0 ? Constant() : Var();

    private int Pure()
    {
        byte size = random.Next(2) == 0 ? (byte)8 : (byte)4;
        switch (random.Next(12))
        {
            case 0:
                return _f.Intern(IrOp.Neg, size, Var(), 0, 0, -1);
            case 1:
                return _f.Intern(random.Next(2) == 0 ? IrOp.SignExtend : IrOp.ZeroExtend, (byte)(1 << random.Next(3)), Var(), 0, 0, -1);
            case 2:
                return _f.Intern(IrOp.ByteSwap, (byte)(2 << random.Next(3)), Var(), 0, 0, -1);
            case 3:
                int compared = _f.Intern(IrOp.Compared, (byte)s_compares[random.Next(s_compares.Length)], Operand(), Operand(), 0, -1);
                return _f.Intern(IrOp.Select, 8, compared, Operand(), (ulong)Operand(), -1);
            case 4: // a rotation, spelled out
                int x = Var(), count = random.Next(1, size * 8);
                return _f.Intern(IrOp.Or, size, _f.Intern(IrOp.Shl, size, x, _f.Const64((ulong)count), 0, -1), _f.Intern(IrOp.Shr, size, x, _f.Const64((ulong)((size * 8) - count)), 0, -1), 0, -1);
            case 5: // a scaled sum
                return _f.Intern(IrOp.Add, size, _f.Intern(IrOp.Shl, size, Var(), _f.Const64((ulong)random.Next(1, 4)), 0, -1), Operand(), 0, -1);
            default:
                return _f.Intern(s_binary[random.Next(s_binary.Length)], size, Operand(), Operand(), 0, -1);
        }
    }

    private void Memory()
    {
        int size = 1 << random.Next(4);
        var kind = (IrEffectKind)random.Next(3);
        if (kind == IrEffectKind.Atomic)
            size = random.Next(2) == 0 ? 4 : 8;
        (int region, int length) = random.Next(4) switch { 0 => (Region.Context, 32), 1 => (Region.Stack, 512), 2 => (Region.FirstMap, 256), _ => (Region.Packet, 128) };
        var effect = new IrEffect { Kind = kind, Size = (byte)size, Region = region, Source = Operand(), Compare = Operand(), Code = s_atomics[random.Next(s_atomics.Length)], Origin = _origin++ };
        // Inside: a masked index, scaled or not, on the start of the region.
        int index = _f.Intern(IrOp.And, 8, Var(), _f.Const64((ulong)(length / 4) - 1), 0, -1), scale = random.Next(2);
        if (scale != 0)
            index = _f.Intern(IrOp.Shl, 8, index, _f.Const64(1), 0, -1);
        int start = region == Region.Stack && random.Next(2) == 0
            ? _f.Intern(IrOp.Add, 8, _f.Intern(IrOp.Frame, 8, 0, 0, 0, -1), _f.Const64(unchecked((ulong)-512)), 0, -1)
            : region == Region.Packet ? Start() : _f.Const64(Region.AddressOf(region, 0));
        effect.Address = _f.Intern(IrOp.Add, 8, start, index, 0, -1);
        effect.Displacement = random.Next((length / 2) - 8);
        bool sure = region != Region.Packet || !_calls;
        effect.Access = random.Next(3) switch { 0 when sure => IrAccess.Proven, 1 => IrAccess.Checked, _ => IrAccess.CheckedRegion };
        if (effect.Access != IrAccess.Proven && random.Next(30) == 0)
            (effect.Address, effect.Displacement) = random.Next(2) == 0 ? (Operand(), random.Next(-100, 100)) : (effect.Address, length - size + random.Next(2) - 40);
        if (effect.Access == IrAccess.CheckedRegion && random.Next(10) == 0)
            effect.Region = Region.Stack; // a wrong guess
        int e = _f.AddEffect(_block, effect);
        if (_f.Effects[e].Value >= 0 && random.Next(5) != 0)
            Set(_f.Effects[e].Value);
    }

    /// <summary>Where the packet starts, as the state says.</summary>
    private int Start()
    {
        var effect = new IrEffect { Kind = IrEffectKind.Load, Size = 8, Access = IrAccess.Host, Address = _f.Intern(IrOp.State, 8, 0, 0, 0, -1), Displacement = MachineState.PacketStartOffset, Origin = -1 };
        int e = _f.AddEffect(_block, effect);
        return _f.Effects[e].Value;
    }

    private void Call()
    {
        if (!_calls)
            return;
        bool local = functionCount > 1 && random.Next(2) == 0;
        int args = _f.AddEdgeArgs([Operand(), Operand(), Operand(), Operand(), Operand()]);
        int code = local ? random.Next(8) == 0 ? random.Next(functionCount) : random.Next(1, functionCount) : random.Next(4);
        int e = _f.AddEffect(_block, new IrEffect { Kind = local ? IrEffectKind.CallLocal : IrEffectKind.CallHelper, Size = 8, Source = args, Code = code, Origin = _origin++ });
        if (random.Next(4) != 0)
            Set(_f.Effects[e].Value);
    }

    private void Fuel() => _f.AddEffect(_block, new IrEffect { Kind = IrEffectKind.Fuel, Code = random.Next(1, 10), Origin = _origin++ });

    private void Choose()
    {
        int whenTrue = _f.NewBlock(), whenFalse = _f.NewBlock();
        _f.Branch(_block, s_compares[random.Next(s_compares.Length)], Operand(), Operand(), whenTrue, whenFalse);
        int[] before = [.. _vars];
        _depth++;
        _block = whenTrue;
        Statements();
        (int endTrue, int[] afterTrue) = (_block, _vars);
        _vars = before;
        _block = whenFalse;
        if (random.Next(2) == 0)
            Statements();
        _depth--;
        if (random.Next(25) == 0)
        {
            _f.Fault(_block, (int)FaultReason.NoFunction, _origin++);
            (_block, _vars) = (endTrue, afterTrue);
            return;
        }
        int join = _f.NewBlock();
        _f.Goto(endTrue, join, Passed(afterTrue));
        _f.Goto(_block, join, Passed(_vars));
        _block = join;
        Name(join);
    }

    private void Loop()
    {
        int head = _f.NewBlock(), body = _f.NewBlock(), exit = _f.NewBlock();
        int[] entry = [.. _vars, _f.Const64((ulong)random.Next(1, 5))];
        _f.Goto(_block, head, Passed(entry));
        int[] phis = Phis(head, entry.Length);
        _vars = phis[..^1];
        int counter = phis[^1];
        _depth++;
        bool atBottom = random.Next(2) == 0;
        if (atBottom)
            _f.Goto(head, body);
        else
            _f.Branch(head, IrCompare.Gt64, counter, IrFunction.Zero, body, exit);
        int[] atHead = _vars;
        _vars = [.. atHead];
        _block = body;
        Fuel();
        Statements();
        _depth--;
        int less = _f.Intern(IrOp.Add, 8, counter, _f.Const64(ulong.MaxValue), 0, -1);
        int back = Passed([.. _vars, less]);
        if (atBottom)
        {
            _f.Branch(_block, IrCompare.Gt64, less, IrFunction.Zero, head, exit);
            _f.Blocks[_block].TrueArgs = back;
        }
        else
        {
            _f.Goto(_block, head, back);
            _vars = [.. atHead];
        }
        _block = exit;
    }

    private int Passed(int[] values)
    {
        int[] reversed = [.. values.Reverse()]; // newest phi first
        return _f.AddEdgeArgs(reversed);
    }

    private int[] Phis(int block, int count)
    {
        int[] phis = new int[count];
        for (int i = 0; i < count; i++)
            phis[i] = _f.AddPhi(block);
        return phis;
    }

    private void Name(int join) => _vars = Phis(join, _vars.Length);
}
