namespace Hachi.Vm.Machine;

/// <summary>Why the machine stopped a program.</summary>
public enum FaultReason
{
    /// <summary>It did not.</summary>
    None,

    /// <summary>The fuel ran out.</summary>
    OutOfFuel,

    /// <summary>A read outside all memory that the program may touch.</summary>
    ReadOutOfBounds,

    /// <summary>A write outside all memory that the program may touch.</summary>
    WriteOutOfBounds,

    /// <summary>A write to memory that is read-only.</summary>
    ReadOnly,

    /// <summary>More nested calls than frames.</summary>
    CallDepth,

    /// <summary>A call, by register, of something that is no function.</summary>
    NoFunction,

    /// <summary>A helper was given something that it cannot work on: no map, memory that the program may not touch, a lock not held.</summary>
    HelperArgument,

    /// <summary>A quota was reached: map bytes, open reservations.</summary>
    Quota,

    /// <summary>Control ran off the end of the program.</summary>
    FellOff,

    /// <summary>The invocation was interrupted by the embedder.</summary>
    Interrupted,
}
