using Hachi.Uapi;

namespace Hachi.Linux.Sys;

/// <summary>bpf(2), and the seam at which a test without root stands in for the kernel.</summary>
internal unsafe class BpfSystem
{
    private static readonly BpfSystem s_kernel = new();
    private static readonly AsyncLocal<BpfSystem?> s_substitute = new();

    /// <summary>What calls go to: the running kernel, unless a test has put something else in its place for this flow of control.</summary>
    public static BpfSystem Current
    {
        get => s_substitute.Value ?? s_kernel;
        set => s_substitute.Value = value;
    }

    /// <summary>One command.</summary>
    /// <param name="command">Which.</param>
    /// <param name="attributes">What it is told; some commands write back into it.</param>
    /// <param name="size">Bytes of it that are told; the rest must be zeros.</param>
    /// <returns>A descriptor or 0; minus the error number when the kernel refuses.</returns>
    public virtual int Invoke(BpfCommand command, ref BpfAttributes attributes, int size)
    {
        fixed (BpfAttributes* pointer = &attributes)
            return (int)Syscall.Invoke(Syscall.Bpf, (nint)command, (nint)pointer, size);
    }

    /// <summary>One command, repeated as long as signals or the verifier's EAGAIN ask for it (a pending signal interrupts BPF_PROG_LOAD with EAGAIN).</summary>
    public static int Call(BpfCommand command, ref BpfAttributes attributes, int size)
    {
        const int Attempts = 5;
        int result = 0;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            result = Current.Invoke(command, ref attributes, size);
            if (result != -(int)ErrorNumber.EAGAIN && result != -(int)ErrorNumber.EINTR)
                break;
        }
        return result;
    }

    /// <summary>How a person would name the command.</summary>
    public static string Name(BpfCommand command) => $"bpf({command.KernelName()})";
}
