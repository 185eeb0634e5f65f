namespace Hachi.Isa;

/// <summary>The limits of both machines, in one place. Names end in what they count.</summary>
public static class Limits
{
    /// <summary>Instructions of a classic program (linux/bpf_common.h, <c>BPF_MAXINSNS</c>).</summary>
    public const int ClassicInsnsMax = 4096;

    /// <summary>Words of a classic program's scratch memory <c>M[]</c>.</summary>
    public const int ClassicMemoryWords = 16;

    /// <summary>Slots of an eBPF program that a privileged user may load (linux/bpf_verifier.h, <c>BPF_COMPLEXITY_LIMIT_INSNS</c>).</summary>
    public const int InsnsMax = 1_000_000;

    /// <summary>Slots of an eBPF program that an unprivileged user may load.</summary>
    public const int UnprivilegedInsnsMax = 4096;

    /// <summary>Registers of eBPF: r0 to r10.</summary>
    public const int Registers = 11;

    /// <summary>The read-only frame pointer.</summary>
    public const int FramePointer = 10;

    /// <summary>Registers that carry a call's arguments: r1 to r5.</summary>
    public const int CallArgumentsMax = 5;

    /// <summary>Stack of one frame, in bytes.</summary>
    public const int StackBytesMax = 512;

    /// <summary>Nested calls, the program's own frame included.</summary>
    public const int CallFramesMax = 8;

    /// <summary>Subprograms of one program, the first included.</summary>
    public const int SubprogramsMax = 256;

    /// <summary>Diagnostics that one reading of one text reports before it stops collecting.</summary>
    public const int DiagnosticsMax = 100;
}
