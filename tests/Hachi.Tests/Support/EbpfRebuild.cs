using Hachi.Ir;
using Hachi.Ir.Build;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Uapi;
using static Hachi.Isa.Opcode;

namespace Hachi.Tests.Support;

/// <summary>Writes an eBPF program anew through the builder, instruction by instruction: what is emitted then must do what the program did.</summary>
internal sealed class EbpfRebuild
{
    private readonly ProgramSpec _program;
    private readonly ProgramBuilder _to;
    private readonly int[] _starts;
    private readonly FunctionBuilder?[] _functions;

    private EbpfRebuild(ProgramSpec program)
    {
        _program = program;
        _to = new ProgramBuilder(program.Name, program.Type) { Section = program.Section };
        var starts = new SortedSet<int> { 0 };
        for (int i = 0; i < program.Insns.Length; i++)
        {
            Insn insn = program.Insns[i];
            if ((insn.Opcode == (Jmp | Call) && insn.Src == Pseudo.Call) || (insn.IsWide && insn.Src == Pseudo.Func))
                starts.Add(i + insn.Imm + 1);
            if (insn.IsWide)
                i++;
        }
        _starts = [.. starts];
        _functions = new FunctionBuilder[_starts.Length];
    }

    /// <summary>A builder that holds the program.</summary>
    public static ProgramBuilder Run(ProgramSpec program)
    {
        var rebuild = new EbpfRebuild(program);
        rebuild.FunctionAt(0);
        return rebuild._to;
    }

    private FunctionBuilder FunctionAt(int start)
    {
        int index = Array.IndexOf(_starts, start);
        if (_functions[index] is { } there)
            return there;
        int end = index + 1 < _starts.Length ? _starts[index + 1] : _program.Insns.Length;
        string name = _program.FunctionAt(start)?.Name ?? $"f{start}";
        // How many arguments a function takes: the greatest number of those that it reads.
        FunctionBuilder function = start == 0 ? _to.Main : _to.NewFunction(name, Limits.CallArgumentsMax);
        _functions[index] = function;
        new Lifting(this, function, start, end).Run();
        return function;
    }

    private int ArgumentsRead(int start)
    {
        FunctionBuilder function = FunctionAt(start);
        int most = 0;
        for (int v = 0; v < function.Function.ValueCount; v++)
            if (function.Function.Values[v].Op == IrOp.Param && function.Function.Values[v].Origin != -2)
                most = Math.Max(most, (int)function.Function.Values[v].Imm);
        return most;
    }

    private sealed class Lifting
    {
        private readonly EbpfRebuild _owner;
        private readonly FunctionBuilder _f;
        private readonly int _start, _end;
        private readonly Dictionary<int, int> _blocks = [];
        private readonly int[] _variables = new int[Limits.FramePointer];
        private readonly int _frame;

        public Lifting(EbpfRebuild owner, FunctionBuilder function, int start, int end)
        {
            (_owner, _f, _start, _end) = (owner, function, start, end);
            int depth = 0;
            for (int i = start; i < end; i++)
            {
                Insn insn = At(i);
                bool isMemory = (insn.Opcode & ClassMask) is St or Stx or Ldx;
                int displacement = isMemory && ((insn.Opcode & ClassMask) == Ldx ? insn.Src : insn.Dst) == 10 ? insn.Offset : insn.Opcode == (Alu64 | Add | K) ? insn.Imm : 0;
                if (displacement is < 0 and >= -512)
                    depth = Math.Max(depth, -displacement);
                if (insn.IsWide)
                    i++;
            }
            depth = (depth + 7) & ~7;
            _frame = depth == 0 ? 0 : _f.SlotAddress(_f.NewSlot(depth), depth);
            for (int r = 0; r < _variables.Length; r++)
                _variables[r] = _f.NewVariable();
        }

        public void Run()
        {
            for (int r = 1; r <= ReadsOnEntry(); r++)
                _f.Write(_variables[r], _f.Parameter(r));
            FindBlocks();
            for (int i = _start; i < _end; i++)
            {
                if (_blocks.TryGetValue(i, out int block))
                    _f.Start(block);
                if (!_f.IsReached(_f.Current))
                    continue; // dead code: nothing leads here
                _f.Origin = i;
                i = Step(i, At(i));
            }
        }

        // How many of r1 to r5 the function takes: the last one that is read before it is written, on any way. Here: in order of the code, which is enough for a count.
        private int ReadsOnEntry()
        {
            if (_start == 0)
                return 1;
            int written = 0, most = 0;
            for (int i = _start; i < _end; i++)
            {
                Insn insn = At(i);
                int cls = insn.Opcode & ClassMask, op = insn.Opcode & OpMask;
                bool hasSrc = cls is Ldx or Stx || (cls is Alu or Alu64 or Jmp or Jmp32 && (insn.Opcode & SourceMask) != 0 && op != End);
                bool readsDst = cls is St or Stx || (cls is Alu or Alu64 && op != Mov) || (cls is Jmp or Jmp32 && op is not (Ja or Call or Exit));
                if (hasSrc && insn.Src is >= 1 and <= 5 && (written >> insn.Src & 1) == 0)
                    most = Math.Max(most, insn.Src);
                if (readsDst && insn.Dst is >= 1 and <= 5 && (written >> insn.Dst & 1) == 0)
                    most = Math.Max(most, insn.Dst);
                if (cls is Alu or Alu64 or Ldx or Ld)
                    written |= 1 << insn.Dst;
                if (insn.Opcode == (Jmp | Call))
                    written |= 0x3f;
                if (insn.IsWide)
                    i++;
            }
            return most;
        }

        private Insn At(int slot) => _owner._program.Insns[slot];

        private void FindBlocks()
        {
            var targets = new Dictionary<int, bool>(); // slot => whether jumped to from below
            for (int i = _start; i < _end; i++)
            {
                Insn insn = At(i);
                int op = insn.Opcode & OpMask;
                if (IsJump(insn.Opcode) && op is not (Call or Exit))
                {
                    int target = Target(i, insn);
                    targets[target] = targets.GetValueOrDefault(target) || target <= i;
                    if (i + 1 < _end)
                        targets.TryAdd(i + 1, false);
                }
                if (insn.IsWide)
                    i++;
            }
            foreach ((int slot, bool isBackward) in targets)
                _blocks[slot] = isBackward ? _f.NewLoopHead() : _f.NewBlock();
        }

        private static int Target(int slot, Insn insn) => slot + 1 + (insn.Opcode == (Jmp32 | Ja) ? insn.Imm : insn.Offset);

        private int Read(int r) => r == Limits.FramePointer ? _frame : _f.Read(_variables[r]);

        private void Write(int r, int value) => _f.Write(_variables[r], value);

        private int Step(int slot, Insn insn)
        {
            switch (insn.Opcode & ClassMask)
            {
                case Alu or Alu64:
                    Write(insn.Dst, Arithmetic(insn));
                    break;
                case Ldx:
                    int size = SizeOf(insn.Opcode), loaded = _f.Load(size, Read(insn.Src), insn.Offset);
                    Write(insn.Dst, (insn.Opcode & ModeMask) == Memsx ? _f.SignExtend(loaded, size) : loaded);
                    break;
                case St:
                    _f.Store(SizeOf(insn.Opcode), Read(insn.Dst), insn.Offset, _f.Const(insn.Imm));
                    break;
                case Stx when (insn.Opcode & ModeMask) == Atomic:
                    int old = _f.Atomic(insn.Imm, SizeOf(insn.Opcode), Read(insn.Dst), insn.Offset, Read(insn.Src), insn.Imm == Cmpxchg ? Read(0) : 0);
                    if (insn.Imm == Cmpxchg || (insn.Imm & Fetch) != 0)
                        Write(insn.Imm == Cmpxchg ? 0 : insn.Src, old);
                    break;
                case Stx:
                    _f.Store(SizeOf(insn.Opcode), Read(insn.Dst), insn.Offset, Read(insn.Src));
                    break;
                case Ld:
                    Write(insn.Dst, Wide(slot, insn));
                    return slot + 1;
                default:
                    Jump(slot, insn);
                    break;
            }
            return slot;
        }

        private int Wide(int slot, Insn insn)
        {
            Insn second = At(slot + 1);
            return insn.Src switch
            {
                0 => _f.Const(Insn.WideImm(insn, second)),
                Pseudo.MapIdx => _f.MapAddress(insn.Imm),
                Pseudo.MapIdxValue => _f.MapValueAddress(insn.Imm, second.Imm),
                Pseudo.Func => _f.FunctionAddress(_owner.FunctionAt(slot + insn.Imm + 1)),
                _ => throw new NotSupportedException($"wide load with source {insn.Src}"),
            };
        }

        private int Arithmetic(Insn insn)
        {
            int size = (insn.Opcode & ClassMask) == Alu64 ? 8 : 4, op = insn.Opcode & OpMask, dst = op == Mov ? 0 : Read(insn.Dst);
            if (op == End)
                return size == 8 || (insn.Opcode & SourceMask) == ToBe ? _f.ByteSwap(dst, insn.Imm / 8) : _f.ZeroExtend(dst, insn.Imm / 8);
            if (op == Neg)
                return _f.Negate(dst, size);
            int src = (insn.Opcode & SourceMask) != 0 ? Read(insn.Src) : _f.Const(insn.Imm);
            if (op == Mov && insn.Offset != 0)
                return size == 8 ? _f.SignExtend(src, insn.Offset / 8) : _f.ZeroExtend(_f.SignExtend(src, insn.Offset / 8), 4);
            return _f.Binary((AluOp)((op >> 4) + (insn.Offset != 0 ? 16 : 0)), dst, src, size);
        }

        private void Jump(int slot, Insn insn)
        {
            int op = insn.Opcode & OpMask;
            if (insn.Opcode == (Jmp | Exit))
                _f.Return(Read(0));
            else if (insn.Opcode == (Jmp | Call))
                CallFunction(slot, insn);
            else if (op == Ja)
                _f.Goto(_blocks[Target(slot, insn)]);
            else
                _f.Branch((CompareOp)(op >> 4), Read(insn.Dst), (insn.Opcode & SourceMask) != 0 ? Read(insn.Src) : _f.Const(insn.Imm),
                    _blocks[Target(slot, insn)], _blocks[slot + 1], (insn.Opcode & ClassMask) == Jmp ? 8 : 4);
        }

        private void CallFunction(int slot, Insn insn)
        {
            if (insn.Src == Pseudo.Call)
            {
                int start = slot + insn.Imm + 1;
                FunctionBuilder callee = _owner.FunctionAt(start);
                int[] passed = [.. Enumerable.Range(1, _owner.ArgumentsRead(start)).Select(Read)];
                Write(0, _f.Call(callee, passed));
                return;
            }
            HelperPrototype prototype = HelperTable.Find(insn.Imm)!;
            int[] arguments = [.. Enumerable.Range(1, prototype.Arguments.Length).Select(Read)];
            Write(0, _f.Call((Helper)insn.Imm, arguments));
        }
    }
}
