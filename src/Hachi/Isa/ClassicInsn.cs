namespace Hachi.Isa;

/// <summary>One classic BPF instruction, laid out as the kernel's <c>struct sock_filter</c> (linux/filter.h): 8 bytes.</summary>
/// <param name="Code">Opcode: class, size, mode, operation and source (see <see cref="ClassicOpcode"/>).</param>
/// <param name="Jt">Conditional jumps: instructions to skip when true.</param>
/// <param name="Jf">Conditional jumps: instructions to skip when false.</param>
/// <param name="K">Operand.</param>
public readonly record struct ClassicInsn(ushort Code, byte Jt, byte Jf, uint K)
{
    /// <summary>An instruction without jump offsets.</summary>
    public ClassicInsn(int code, uint k = 0)
        : this((ushort)code, 0, 0, k)
    {
    }
}
