using Hachi.Text;

namespace Hachi.Isa;

/// <summary>What a validity check holds against one instruction.</summary>
/// <param name="Index">The instruction (eBPF: the slot), from 0.</param>
/// <param name="Diagnostic">Why. Its span counts instructions, not characters: an assembler maps it to its text.</param>
public sealed record InvalidInsn(int Index, Diagnostic Diagnostic);
