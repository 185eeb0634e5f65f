namespace Hachi.Vm.Machine;

/// <summary>A field of a context that is no plain memory: a 32-bit field that reads as a 64-bit pointer (kernel: <c>convert_ctx_access</c>).</summary>
/// <param name="Offset">Its offset in the context.</param>
/// <param name="Size">Bytes of the access that it allows.</param>
/// <param name="StateOffset">Where its value stands in <see cref="MachineState"/>.</param>
internal readonly record struct PointerField(int Offset, int Size, int StateOffset);

/// <summary>
/// How a program may use a context with rules of its own: which fields are pointers, which bytes can be read as they are, which can be written.
/// Accesses must lie within one run.
/// </summary>
/// <param name="Pointers">Fields that yield pointers.</param>
/// <param name="Readable">Runs of bytes (offset, length) that can be read as plain memory.</param>
/// <param name="Writable">Runs of bytes that can be written.</param>
internal sealed record ContextRules(PointerField[] Pointers, (int Offset, int Length)[] Readable, (int Offset, int Length)[] Writable)
{
    /// <summary>The pointer field of a read, if it is one.</summary>
    public PointerField? PointerAt(long offset, int size)
    {
        foreach (PointerField field in Pointers)
            if (field.Offset == offset && field.Size == size)
                return field;
        return null;
    }

    /// <summary>Whether a plain access is allowed.</summary>
    public bool Allows(long offset, int size, bool isWrite)
    {
        foreach ((int start, int length) in isWrite ? Writable : Readable)
            if (offset >= start && offset + size <= start + length)
                return true;
        return false;
    }
}
