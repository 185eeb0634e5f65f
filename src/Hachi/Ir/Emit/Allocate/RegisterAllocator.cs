using Hachi.Isa;
using static Hachi.Isa.Opcode;

namespace Hachi.Ir.Emit.Allocate;

/// <summary>
/// Puts the machine's registers in place of virtual ones. Values that find none lie on the stack in whole words, the only ones of which the verifier remembers what they are; constants
/// and addresses are made anew instead. A value is cut twice before it is read from the stack at each use: first into pieces within blocks, between calls.
/// </summary>
internal sealed class RegisterAllocator
{
    private const int RoundsMax = 60;

    private readonly LirFunction _f;
    private readonly int _registers;
    private readonly Dictionary<int, int> _home = []; // register => slot that holds its value

    private RegisterAllocator(LirFunction f, int registers) => (_f, _registers) = (f, registers);

    /// <summary>Allocates.</summary>
    /// <param name="f">A function, whose registers are all the machine's afterwards.</param>
    /// <param name="registers">Those that may be given, as a mask.</param>
    /// <returns>False when that did not work out (never seen with ten registers).</returns>
    public static bool Run(LirFunction f, int registers) => new RegisterAllocator(f, registers).Run();

    private bool Run()
    {
        Commute();
        for (int round = 0; round < RoundsMax; round++)
        {
            var graph = new Interference(_f, new Liveness(_f));
            var colouring = Colouring.Run(_f, graph, _registers);
            if (colouring.Spilled.Count == 0)
            {
                foreach (LirBlock block in _f.Blocks)
                    Apply(block, colouring);
                return true;
            }
            foreach (LirBlock block in _f.Blocks)
                Unite(block, colouring);
            Separate(colouring);
            new Spiller(_f, graph, colouring.Spilled, _home).Run();
        }
        return false;
    }

    /// <summary>Where the first operand of a + b is read again and the second is not, the result takes over the register of the second.</summary>
    private void Commute()
    {
        var liveness = new Liveness(_f);
        for (int b = 0; b < _f.Blocks.Count; b++)
        {
            List<Lir> insns = _f.Blocks[b].Insns;
            liveness.StartAtEnd(b);
            for (int i = insns.Count - 1; i >= 0; i--)
            {
                Lir insn = insns[i];
                if (i > 0 && IsCommutative(insn) && insns[i - 1] is { Kind: LirKind.Move } copy && copy.Dst == insn.Dst && !copy.IsConditional && copy.Src != insn.Src
                    && insn.Src != insn.Dst && insn.Src >= Lir.FirstVirtual && liveness.IsLive(copy.Src) && !liveness.IsLive(insn.Src))
                {
                    (copy.Src, insn.Src) = (insn.Src, copy.Src);
                    (insns[i - 1], insns[i]) = (copy, insn);
                }
                liveness.StepOver(insn);
            }
        }
    }

    private static bool IsCommutative(in Lir insn) => insn.Kind == LirKind.Plain && IsAlu(insn.Opcode) && (insn.Opcode & SourceMask) == X
        && (insn.Opcode & OpMask) is Add or Mul or And or Or or Xor;

    private static void Apply(LirBlock block, Colouring colouring)
    {
        List<Lir> insns = block.Insns;
        int kept = 0;
        for (int i = 0; i < insns.Count; i++)
        {
            Lir insn = insns[i];
            insn.Dst = insn.Dst >= 0 ? ColourOf(colouring, insn.Dst) : -1;
            insn.Src = insn.Src >= 0 ? ColourOf(colouring, insn.Src) : -1;
            if (insn.Kind != LirKind.Move || insn.Dst != insn.Src)
                insns[kept++] = insn;
        }
        insns.RemoveRange(kept, insns.Count - kept);
        block.A = block.A >= 0 ? ColourOf(colouring, block.A) : -1;
        block.B = block.B >= 0 ? ColourOf(colouring, block.B) : -1;
    }

    private static int ColourOf(Colouring colouring, int register) => register == Limits.FramePointer ? register : colouring[register];

    // A piece that has been made one with something else no longer holds only what is in its value's slot.
    private void Separate(Colouring colouring)
    {
        for (int register = Lir.FirstVirtual; register < _f.RegisterCount; register++)
        {
            int root = colouring.SpilledRoot(register);
            if (root != register && _home.TryGetValue(root, out int slot) && (!_home.TryGetValue(register, out int other) || other != slot))
                _home.Remove(root);
        }
    }

    // What has been made one with a register that goes to the stack goes there, too.
    private static void Unite(LirBlock block, Colouring colouring)
    {
        List<Lir> insns = block.Insns;
        int kept = 0;
        for (int i = 0; i < insns.Count; i++)
        {
            Lir insn = insns[i];
            insn.Dst = insn.Dst >= 0 ? colouring.SpilledRoot(insn.Dst) : -1;
            insn.Src = insn.Src >= 0 ? colouring.SpilledRoot(insn.Src) : -1;
            if (insn.Kind != LirKind.Move || insn.Dst != insn.Src)
                insns[kept++] = insn;
        }
        insns.RemoveRange(kept, insns.Count - kept);
        block.A = block.A >= 0 ? colouring.SpilledRoot(block.A) : -1;
        block.B = block.B >= 0 ? colouring.SpilledRoot(block.B) : -1;
    }
}
