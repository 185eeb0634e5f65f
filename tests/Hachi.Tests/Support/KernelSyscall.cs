using System.Runtime.InteropServices;
using Hachi.Isa;
using static Hachi.Tests.Support.KernelCalls;

namespace Hachi.Tests.Support;

/// <summary>
/// The kernel as an oracle for plain computation: a BPF_PROG_TYPE_SYSCALL program, run over a context that comes back, so that every register and word that it stores there
/// can be compared.
/// </summary>
internal static unsafe class KernelSyscall
{
    private const int ProgLoad = 5, ProgTestRun = 10, SyscallType = 31, SleepableFlag = 1 << 4;

    [StructLayout(LayoutKind.Explicit, Size = 144)]
    private struct Attributes
    {
        [FieldOffset(0)] public uint ProgType;
        [FieldOffset(4)] public uint InsnCount;
        [FieldOffset(8)] public ulong Insns;
        [FieldOffset(16)] public ulong License;
        [FieldOffset(24)] public uint LogLevel;
        [FieldOffset(28)] public uint LogSize;
        [FieldOffset(32)] public ulong LogBuffer;
        [FieldOffset(44)] public uint Flags;
    }

    [StructLayout(LayoutKind.Explicit, Size = 144)]
    private struct RunAttributes
    {
        [FieldOffset(0)] public uint ProgFd;
        [FieldOffset(4)] public uint ReturnValue;
        [FieldOffset(40)] public uint ContextSize;
        [FieldOffset(48)] public ulong Context;
    }

    /// <summary>Loads a program, runs it once over a context and unloads it. False, with the verifier's last words, when it was refused.</summary>
    public static bool Run(ReadOnlySpan<Insn> insns, Span<byte> context, out uint r0, out string refusal)
    {
        Tools.NeedRoot();
        r0 = 0;
        refusal = "";
        int fd = Load(insns, null);
        if (fd < 0)
        {
            byte[] log = new byte[1 << 18];
            _ = Load(insns, log);
            refusal = System.Text.Encoding.UTF8.GetString(log).TrimEnd('\0');
            return false;
        }
        try
        {
            fixed (byte* memory = context)
            {
                var attributes = new RunAttributes { ProgFd = (uint)fd, ContextSize = (uint)context.Length, Context = (ulong)memory };
                Assert.True(Bpf(SysBpf, ProgTestRun, &attributes, sizeof(RunAttributes)) >= 0, $"BPF_PROG_TEST_RUN: errno {Marshal.GetLastPInvokeError()}");
                r0 = attributes.ReturnValue;
                return true;
            }
        }
        finally
        {
            Close(fd);
        }
    }

    private static int Load(ReadOnlySpan<Insn> insns, byte[]? log)
    {
        byte[] code = Insn.Encode(insns);
        fixed (byte* bytes = code)
        fixed (byte* license = "GPL\0"u8)
        fixed (byte* buffer = log)
        {
            var attributes = new Attributes
            {
                ProgType = SyscallType,
                InsnCount = (uint)insns.Length,
                Insns = (ulong)bytes,
                License = (ulong)license,
                LogLevel = log is null ? 0u : 1u,
                LogSize = (uint)(log?.Length ?? 0),
                LogBuffer = (ulong)buffer,
                Flags = SleepableFlag,
            };
            return (int)Bpf(SysBpf, ProgLoad, &attributes, sizeof(Attributes));
        }
    }
}
