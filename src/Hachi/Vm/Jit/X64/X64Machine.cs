using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Hachi.Ir;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;

namespace Hachi.Vm.Jit.X64;

/// <summary>Which registers serve what, and what the processor has.</summary>
/// <remarks>
/// The machine's state stands in rbx everywhere. Compiled functions call each other with r1 to r5 in rdi, rsi, rdx, rcx, r8 and the frame in r9, on every system; the fuel stays in r15 where a
/// program has loops. r11 belongs to the emitter.
/// </remarks>
internal static class X64Machine
{
    /// <summary>The state, the fuel, and the emitter's register.</summary>
    public const Reg State = Reg.Rbx, Fuel = Reg.R15, Scratch = Reg.R11;

    /// <summary>Registers that a call may change, as a mask; the emitter's is not among them.</summary>
    public const ushort CallerSaved = 1 << (int)Reg.Rax | 1 << (int)Reg.Rcx | 1 << (int)Reg.Rdx | 1 << (int)Reg.Rsi | 1 << (int)Reg.Rdi | 1 << (int)Reg.R8 | 1 << (int)Reg.R9 | 1 << (int)Reg.R10;

    /// <summary>Registers that a function keeps, those for values only.</summary>
    public const ushort CalleeSaved = 1 << (int)Reg.Rbp | 1 << (int)Reg.R12 | 1 << (int)Reg.R13 | 1 << (int)Reg.R14 | 1 << (int)Reg.R15;

    /// <summary>rax, rdx and rcx, which some instructions insist on.</summary>
    public const ushort Rax = 1 << (int)Reg.Rax, Rdx = 1 << (int)Reg.Rdx, Rcx = 1 << (int)Reg.Rcx;

    /// <summary>The order in which registers are tried: short encodings and free ones first.</summary>
    public static ReadOnlySpan<byte> Order => [0, 1, 2, 6, 7, 8, 9, 10, 5, 14, 12, 13, 15];

    /// <summary>Where compiled functions pass r1 to r5 and the frame to each other.</summary>
    public static ReadOnlySpan<byte> Arguments => [(byte)Reg.Rdi, (byte)Reg.Rsi, (byte)Reg.Rdx, (byte)Reg.Rcx, (byte)Reg.R8, (byte)Reg.R9];

    /// <summary>Where an argument or the frame is when a function starts.</summary>
    public static Reg ParameterOf(in IrValue v, bool isMain)
    {
        if (v.Op == IrOp.Frame)
            return (Reg)Arguments[5];
        return isMain ? EntryArgument((int)v.Imm) : (Reg)Arguments[(int)v.Imm - 1];
    }

    /// <summary>Where the system passes an argument, the first being number 0.</summary>
    public static Reg EntryArgument(int index) => IsWindows
        ? index switch { 0 => Reg.Rcx, 1 => Reg.Rdx, _ => Reg.R8 }
        : index switch { 0 => Reg.Rdi, 1 => Reg.Rsi, _ => Reg.Rdx };

    /// <summary>Whether this process runs on such a processor.</summary>
    public static bool IsHere => X86Base.X64.IsSupported;

    /// <summary>Whether it has shifts of three operands and mulx.</summary>
    public static bool HasBmi2 { get; } = Bmi2.X64.IsSupported;

    /// <summary>Whether arguments come as Windows passes them.</summary>
    public static bool IsWindows { get; } = OperatingSystem.IsWindows();

    /// <summary>Registers that an instruction changes besides its result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Clobbers(in Lir insn, bool hasBmi2) => insn.Op switch
    {
        LirOp.CallHelper or LirOp.CallLocal => CallerSaved,
        LirOp.Div or LirOp.Atomic => Rax | Rdx,
        LirOp.MulHigh => hasBmi2 ? Rdx : (ushort)(Rax | Rdx),
        LirOp.Shift when !Lir.IsConstant(insn.B) && (!hasBmi2 || insn.Code == (byte)Shift.Rol) => Rcx,
        _ => 0,
    };
}
