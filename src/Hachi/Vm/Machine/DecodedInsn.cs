using System.Runtime.InteropServices;

namespace Hachi.Vm.Machine;

/// <summary>An instruction made ready: 16 bytes, slot for slot with the program.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DecodedInsn
{
    /// <summary>Bits above the opcode byte that tell forms of one opcode apart: signed division, sign-extending moves, widths of byte swaps, kinds of calls.</summary>
    public const int Form1 = 0x100, Form2 = 0x200, Form3 = 0x300;

    /// <summary>Opcode and form, packed for the interpreter; or a run that begins here (<see cref="Fusion"/>).</summary>
    public ushort Step;

    /// <summary>Destination register.</summary>
    public byte Dst;

    /// <summary>Source register.</summary>
    public byte Src;

    /// <summary>Memory: offset in bytes. Jumps and local calls: the target slot.</summary>
    public int Offset;

    /// <summary>The immediate, sign-extended; of a wide load the whole value, map and function handles resolved.</summary>
    public long Imm;

    /// <summary>Opcode and form.</summary>
    public int Code
    {
        readonly get => Machine.Step.CodeOf(Step);
        set => Step = Machine.Step.Of(value);
    }
}
