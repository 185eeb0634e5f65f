using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hachi.Uapi;

/// <summary>What a seccomp filter sees of a system call (linux/seccomp.h, <c>struct seccomp_data</c>): 64 bytes, laid out as in the kernel.</summary>
/// <param name="Number">The call's number.</param>
/// <param name="Architecture">Audit architecture.</param>
/// <param name="InstructionPointer">Where the call was made.</param>
/// <param name="Arguments">The six argument registers.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct SeccompData(uint Number, uint Architecture, ulong InstructionPointer, SeccompArguments Arguments)
{
    /// <summary>Size in bytes.</summary>
    public const int Size = 64;

    /// <summary>Offset of the first argument; the others follow, 8 bytes each.</summary>
    public const int ArgumentsOffset = 16;

    /// <summary>Arguments that a call has at most.</summary>
    public const int ArgumentsMax = 6;

    /// <summary>A call by its place in the table of an architecture.</summary>
    public static SeccompData Of(SeccompArchitecture architecture, int number, params ReadOnlySpan<ulong> arguments)
    {
        SeccompArguments all = default;
        arguments[..Math.Min(arguments.Length, ArgumentsMax)].CopyTo(all);
        return new SeccompData(architecture.DataNumber(number), architecture.Audit(), 0, all);
    }

    /// <summary>The word that <c>ld [offset]</c> loads on a little-endian machine. The offset is a multiple of 4 below 64.</summary>
    public uint Word(uint offset) => offset switch
    {
        0 => Number,
        4 => Architecture,
        8 => (uint)InstructionPointer,
        12 => (uint)(InstructionPointer >> 32),
        _ => (uint)(Arguments[(int)(offset - ArgumentsOffset) / 8] >> (offset % 8 == 0 ? 0 : 32)),
    };
}

/// <summary>Six argument registers.</summary>
[InlineArray(SeccompData.ArgumentsMax)]
public struct SeccompArguments : IEquatable<SeccompArguments>
{
    private ulong _first;

    /// <inheritdoc/>
    public readonly bool Equals(SeccompArguments other) => ((ReadOnlySpan<ulong>)this).SequenceEqual(other);

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is SeccompArguments other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() => HashCode.Combine(this[0], this[1], this[2], this[3], this[4], this[5]);

    /// <summary>Whether all are equal.</summary>
    public static bool operator ==(SeccompArguments left, SeccompArguments right) => left.Equals(right);

    /// <summary>Whether some differ.</summary>
    public static bool operator !=(SeccompArguments left, SeccompArguments right) => !left.Equals(right);
}
