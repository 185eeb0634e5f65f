namespace Hachi.Isa;

/// <summary>A classic BPF program: instructions and nothing else. Immutable and comparable by content.</summary>
public sealed class ClassicProgram : IEquatable<ClassicProgram>
{
    private readonly ClassicInsn[] _insns;

    /// <summary>Takes a copy of the instructions.</summary>
    public ClassicProgram(ReadOnlySpan<ClassicInsn> insns) => _insns = insns.ToArray();

    /// <summary>The instructions, in order.</summary>
    public ReadOnlySpan<ClassicInsn> Insns => _insns;

    /// <summary>Number of instructions.</summary>
    public int Length => _insns.Length;

    /// <summary>One instruction.</summary>
    public ClassicInsn this[int index] => _insns[index];

    /// <inheritdoc/>
    public bool Equals(ClassicProgram? other) => other is not null && _insns.AsSpan().SequenceEqual(other._insns);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ClassicProgram);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (ClassicInsn insn in _insns)
            hash.Add(insn);
        return hash.ToHashCode();
    }
}
