using System.Runtime.InteropServices;
using System.Text;
using static Hachi.Tests.Support.KernelCalls;

namespace Hachi.Tests.Support;

/// <summary>Program types of bpf(2) that the tests load.</summary>
internal enum KernelProgramType
{
    SocketFilter = 1,
    SchedCls = 3,
    Xdp = 6,
}

/// <summary>What the kernel said to a program.</summary>
/// <param name="Verdict">r0 of the run.</param>
/// <param name="Errno">0, or the error of loading or running.</param>
/// <param name="Log">The verifier's log when it refused.</param>
internal readonly record struct KernelRun(uint Verdict, int Errno, string Log);

/// <summary>The kernel as an oracle for eBPF: a loader and BPF_PROG_TEST_RUN, as thin as can be.</summary>
internal sealed unsafe class KernelBpf : IDisposable
{
    private const int ProgLoad = 5, ProgTestRun = 10, EthernetHeaderBytes = 14, Eperm = 1;

    private readonly int _fd;
    private readonly KernelProgramType _type;

    private KernelBpf(int fd, KernelProgramType type)
    {
        _fd = fd;
        _type = type;
    }

    [StructLayout(LayoutKind.Explicit, Size = 120)]
    private struct LoadAttributes
    {
        [FieldOffset(0)] public uint ProgType;
        [FieldOffset(4)] public uint InsnCount;
        [FieldOffset(8)] public ulong Insns;
        [FieldOffset(16)] public ulong License;
        [FieldOffset(24)] public uint LogLevel;
        [FieldOffset(28)] public uint LogSize;
        [FieldOffset(32)] public ulong LogBuffer;
    }

    [StructLayout(LayoutKind.Explicit, Size = 80)]
    private struct RunAttributes
    {
        [FieldOffset(0)] public uint ProgFd;
        [FieldOffset(4)] public uint ReturnValue;
        [FieldOffset(8)] public uint DataSizeIn;
        [FieldOffset(12)] public uint DataSizeOut;
        [FieldOffset(16)] public ulong DataIn;
        [FieldOffset(24)] public ulong DataOut;
    }

    /// <summary>Loads a program. Null, with the errno and the verifier's log, when the kernel refuses it; skips the test where bpf(2) is not permitted at all.</summary>
    public static KernelBpf? Load(ReadOnlySpan<byte> insns, KernelProgramType type, out int errno, out string log)
    {
        Tools.NeedRoot();
        log = "";
        int fd = LoadOnce(insns, type, null, out errno);
        if (fd >= 0)
            return new KernelBpf(fd, type);
        if (errno == Eperm && LoadOnce([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0], type, null, out int trivial) < 0 && trivial == Eperm)
            Assert.Skip("needs bpf(2): CAP_BPF");
        byte[] buffer = new byte[1 << 20];
        _ = LoadOnce(insns, type, buffer, out errno);
        int end = Array.IndexOf(buffer, (byte)0);
        log = Encoding.UTF8.GetString(buffer, 0, Math.Max(0, end));
        return null;
    }

    /// <summary>Loads, runs once over a packet and unloads.</summary>
    /// <param name="insns">The instructions, 8 bytes a slot.</param>
    /// <param name="type">What to load them as.</param>
    /// <param name="packet">The frame, from its Ethernet header on.</param>
    public static KernelRun Run(ReadOnlySpan<byte> insns, KernelProgramType type, ReadOnlySpan<byte> packet)
    {
        using KernelBpf? program = Load(insns, type, out int errno, out string log);
        return program is null ? new KernelRun(0, errno, log) : program.Run(packet);
    }

    /// <summary>Runs the program over a packet.</summary>
    /// <remarks>
    /// A socket filter's test run hides the first 14 bytes, so 14 are put in front and the program sees the whole frame at offset 0; all types need at least
    /// 14 bytes (else EINVAL).
    /// </remarks>
    public KernelRun Run(ReadOnlySpan<byte> packet)
    {
        int extra = _type == KernelProgramType.SocketFilter ? EthernetHeaderBytes : 0;
        byte[] data = new byte[packet.Length + extra];
        packet.CopyTo(data.AsSpan(extra));
        if (extra > 0 && packet.Length >= EthernetHeaderBytes)
            packet[..EthernetHeaderBytes].CopyTo(data);
        fixed (byte* pointer = data)
        {
            var attributes = new RunAttributes { ProgFd = (uint)_fd, DataSizeIn = (uint)data.Length, DataIn = (ulong)pointer };
            int result = (int)Bpf(SysBpf, ProgTestRun, &attributes, sizeof(RunAttributes));
            return result < 0 ? new KernelRun(0, Marshal.GetLastPInvokeError(), "") : new KernelRun(attributes.ReturnValue, 0, "");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Close(_fd);

    private static int LoadOnce(ReadOnlySpan<byte> insns, KernelProgramType type, byte[]? log, out int errno)
    {
        fixed (byte* code = insns)
        fixed (byte* license = "GPL\0"u8)
        fixed (byte* logBuffer = log)
        {
            var attributes = new LoadAttributes
            {
                ProgType = (uint)type,
                InsnCount = (uint)(insns.Length / 8),
                Insns = (ulong)code,
                License = (ulong)license,
                LogLevel = log is null ? 0u : 1u,
                LogSize = (uint)(log?.Length ?? 0),
                LogBuffer = (ulong)logBuffer,
            };
            int fd = (int)Bpf(SysBpf, ProgLoad, &attributes, sizeof(LoadAttributes));
            errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
            return fd;
        }
    }
}
