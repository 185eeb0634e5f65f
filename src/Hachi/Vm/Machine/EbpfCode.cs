using Hachi.Isa;
using static Hachi.Isa.Opcode;
using static Hachi.Vm.Machine.DecodedInsn;

namespace Hachi.Vm.Machine;

/// <summary>A well-formed program with its wide loads resolved: what interpreter and JIT start from.</summary>
internal sealed class EbpfCode
{
    private EbpfCode(Insn[] insns, DecodedInsn[] decoded)
    {
        Insns = insns;
        Decoded = decoded;
    }

    /// <summary>The instructions, a slot each.</summary>
    public Insn[] Insns { get; }

    /// <summary>The same made ready, slot for slot, and one trap behind them.</summary>
    public DecodedInsn[] Decoded { get; }

    /// <summary>First slots of all functions, ascending; the first is 0.</summary>
    public int[] Functions { get; private set; } = [0];

    /// <summary>Whether the main function is called, or pointed at, like any other.</summary>
    public bool CallsMain { get; private set; }

    /// <summary>
    /// The index under which compiled code calls the function that starts at a slot: that in <see cref="Functions"/>; of the main function, called like
    /// any other, one more than there are.
    /// </summary>
    public int CalleeIndex(int start) => start == 0 ? Functions.Length : Array.BinarySearch(Functions, start);

    /// <summary>Decodes a program that <see cref="Validity"/> accepts.</summary>
    /// <param name="insns">The program.</param>
    /// <param name="mapAddress">The value of a wide load of a map (index, offset into its value or -1 for the map itself).</param>
    public static EbpfCode Decode(ReadOnlySpan<Insn> insns, Func<int, long, ulong> mapAddress)
    {
        var decoded = new DecodedInsn[insns.Length + 1];
        var starts = new List<int> { 0 };
        bool callsMain = false;
        for (int i = 0; i < insns.Length; i++)
        {
            Insn insn = insns[i];
            ref DecodedInsn d = ref decoded[i];
            d = new DecodedInsn { Code = insn.Opcode | FormOf(insn), Dst = insn.Dst, Src = insn.Src, Offset = insn.Offset, Imm = insn.Imm };
            if (Validity.TargetOf(insn, i) is { } target)
                d.Offset = (int)target;
            bool isLocal = insn.Opcode == (Jmp | Call) && insn.Src == Pseudo.Call;
            if (isLocal || insn.IsWide && insn.Src == Pseudo.Func)
            {
                if (!starts.Contains(d.Offset))
                    starts.Add(d.Offset);
                callsMain |= d.Offset == 0;
            }
            if (insn.IsWide)
            {
                d.Imm = WideValue(insn, insns[i + 1], d.Offset, mapAddress);
                i++; // the second slot stays empty: nothing jumps there
            }
        }
        decoded[^1].Code = Trap;
        Fusion.Apply(decoded);
        starts.Sort();
        return new EbpfCode(insns.ToArray(), decoded) { Functions = [.. starts], CallsMain = callsMain };
    }

    /// <summary>The code of the slot behind the last: control fell off the end.</summary>
    public const int Trap = 0xfff;

    /// <summary>
    /// Slots of the function that starts there: what entering it costs in fuel. Jumps forwards are free, a jump backwards costs the slots that it leads over:
    /// so fuel bounds the instructions that run, and costs nothing on straight ways.
    /// </summary>
    public int SizeOf(int functionStart)
    {
        int index = Array.BinarySearch(Functions, functionStart);
        return (index + 1 < Functions.Length ? Functions[index + 1] : Insns.Length) - functionStart;
    }

    /// <summary>Whether a function starts there.</summary>
    public bool IsFunction(int slot) => Array.BinarySearch(Functions, slot) >= 0;

    /// <summary>The slot of a decoded instruction.</summary>
    public unsafe int IndexOf(DecodedInsn* insn)
    {
        fixed (DecodedInsn* first = Decoded)
            return (int)(insn - first);
    }

    private static int FormOf(in Insn insn)
    {
        int op = insn.Opcode & OpMask;
        if (IsAlu(insn.Opcode))
        {
            if (op is Div or Mod)
                return insn.Offset == 1 ? Form1 : 0;
            if (op == Mov && (insn.Opcode & SourceMask) != 0)
                return insn.Offset switch { 8 => Form1, 16 => Form2, 32 => Form3, _ => 0 };
            if (op == End)
                return insn.Imm switch { 16 => 0, 32 => Form1, _ => Form2 };
        }
        if (insn.Opcode == (Jmp | Call))
            return insn.Src == Pseudo.Call ? Form1 : 0;
        return 0;
    }

    private static long WideValue(in Insn first, in Insn second, int target, Func<int, long, ulong> mapAddress) => first.Src switch
    {
        Pseudo.MapFd or Pseudo.MapIdx => (long)mapAddress(first.Imm, -1),
        Pseudo.MapValue or Pseudo.MapIdxValue => (long)mapAddress(first.Imm, (uint)second.Imm),
        Pseudo.Func => (long)Handle.Function(target),
        _ => Insn.WideImm(first, second),
    };
}
