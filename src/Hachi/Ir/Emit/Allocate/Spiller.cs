using Hachi.Isa;
using static Hachi.Isa.Opcode;

namespace Hachi.Ir.Emit.Allocate;

/// <summary>Rewrites a function so that some registers live on the stack, or are made anew.</summary>
internal sealed class Spiller
{
    private readonly LirFunction _f;
    private readonly Dictionary<int, int> _home;
    private readonly HashSet<int> _spilled;
    private readonly HashSet<int> _inherits; // pieces of values that have a slot already: what they hold is there
    private readonly Dictionary<int, Lir> _remade = [];
    private readonly Dictionary<int, int> _current = []; // spilled register => the piece that holds its value here
    private readonly Dictionary<int, int> _pending = []; // piece of a piece, until it has been stored
    private List<Lir> _out = [];

    /// <summary>For the registers that found no place.</summary>
    public Spiller(LirFunction f, Interference graph, List<int> spilled, Dictionary<int, int> home)
    {
        (_f, _home) = (f, home);
        _spilled = [.. spilled];
        _inherits = [.. spilled.Where(home.ContainsKey)];
        FindRemade();
        GiveSlots(graph, spilled);
    }

    /// <summary>Rewrites the function.</summary>
    public void Run()
    {
        Span<int> registers = stackalloc int[6];
        foreach (LirBlock block in _f.Blocks)
        {
            List<Lir> insns = block.Insns;
            _out = new List<Lir>(insns.Count + 8);
            _current.Clear();
            _pending.Clear();
            foreach (Lir insn in insns)
                Rewrite(insn, registers);
            block.A = Read(block.A, block.Origin, _out.Count);
            block.B = block.B == -1 ? -1 : Read(block.B, block.Origin, _out.Count);
            block.Insns = _out;
        }
    }

    private void FindRemade()
    {
        var defs = new Dictionary<int, int>();
        Span<int> registers = stackalloc int[6];
        foreach (LirBlock block in _f.Blocks)
            foreach (Lir insn in block.Insns)
            {
                int count = insn.Defs(registers);
                for (int i = 0; i < count; i++)
                    if (_spilled.Contains(registers[i]))
                    {
                        defs[registers[i]] = defs.GetValueOrDefault(registers[i]) + 1;
                        _remade[registers[i]] = insn;
                    }
            }
        foreach ((int register, int count) in defs)
            if (count != 1 || !_remade[register].IsRemade)
                _remade.Remove(register);
    }

    // Values that never live at the same time share a slot.
    private void GiveSlots(Interference graph, List<int> spilled)
    {
        var slots = new List<(int Slot, List<int> Owners)>();
        foreach (int register in spilled)
        {
            if (_remade.ContainsKey(register) || _home.ContainsKey(register))
                continue;
            (int Slot, List<int> Owners) free = slots.Find(slot => !slot.Owners.Exists(owner => graph.Meet(owner, register)));
            if (free.Owners is null)
                slots.Add(free = (_f.NewSpillSlot(), []));
            free.Owners.Add(register);
            _home[register] = free.Slot;
        }
    }

    private void Rewrite(Lir insn, Span<int> registers)
    {
        if (_remade.ContainsKey(insn.Dst) && insn.IsRemade && insn.Kind != LirKind.Call)
            return;
        if (IsReload(insn))
            return;
        // What stands between a skip and the instruction that it may jump over would be jumped over, too.
        int place = insn.IsConditional && _out.Count > 0 && _out[^1].Kind == LirKind.Skip ? _out.Count - 1 : _out.Count;
        int count = insn.Uses(registers);
        for (int i = 0; i < count; i++)
        {
            int before = _out.Count, register = registers[i];
            if (!_spilled.Contains(register))
                continue;
            int piece = Read(register, insn.Origin, place);
            place += _out.Count - before;
            insn.Rename(register, piece);
            for (int j = i + 1; j < count; j++) // the same register twice
                if (registers[j] == register)
                    registers[j] = piece;
            _pieceOf[register] = piece;
        }
        if (insn.Kind == LirKind.Call)
            _current.Clear();
        Write(insn, registers);
        _pieceOf.Clear();
    }

    private readonly Dictionary<int, int> _pieceOf = [];

    private void Write(Lir insn, Span<int> registers)
    {
        int defs = insn.Defs(registers), defined = defs == 1 ? registers[0] : -1, owner = -1;
        foreach ((int register, int piece) in _pieceOf)
            if (piece == defined)
                owner = register; // read and written by one instruction
        if (owner < 0 && _spilled.Contains(defined))
        {
            owner = defined;
            int piece = _f.NewRegister(StageBelow(owner));
            insn.Dst = insn.Dst == owner ? piece : insn.Dst;
            insn.Src = insn.Src == owner && insn.IsAtomic ? piece : insn.Src;
            defined = piece;
        }
        _out.Add(insn);
        if (owner < 0)
            return;
        if (!_inherits.Contains(owner))
        {
            if (_f.StageOf(owner) == 0)
                _current[owner] = defined;
            _home[defined] = _home[owner];
            _out.Add(Access(Stx | Mem | Dw, Limits.FramePointer, defined, _home[owner], insn.Origin));
        }
        else
        {
            _pending[owner] = defined; // the store of the piece above follows
        }
    }

    // A piece that goes to the stack itself need not be loaded where it was.
    private bool IsReload(in Lir insn) => insn.Kind == LirKind.Plain && insn.Opcode == (Ldx | Mem | Dw) && insn.Src == Limits.FramePointer && _spilled.Contains(insn.Dst)
        && _inherits.Contains(insn.Dst) && insn.Slot == _home[insn.Dst];

    private byte StageBelow(int register) => (byte)Math.Min(2, _f.StageOf(register) + 1);

    private int Read(int register, int origin, int place)
    {
        if (!_spilled.Contains(register))
            return register;
        if (_pending.Remove(register, out int pending))
            return pending;
        if (_current.TryGetValue(register, out int held))
            return held;
        bool isRemade = _remade.TryGetValue(register, out Lir made);
        int piece = _f.NewRegister(isRemade ? (byte)2 : StageBelow(register));
        if (isRemade)
        {
            made.Dst = piece;
            _out.Insert(place, made);
            return piece;
        }
        _home[piece] = _home[register];
        _out.Insert(place, Access(Ldx | Mem | Dw, piece, Limits.FramePointer, _home[register], origin));
        if (_f.StageOf(register) == 0)
            _current[register] = piece;
        return piece;
    }

    private static Lir Access(int opcode, int dst, int src, int slot, int origin) => new() { Opcode = (byte)opcode, Dst = dst, Src = src, Slot = slot, Origin = origin };
}
