using System.Text;
using Hachi.Isa;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Kernel.Report;

/// <summary>What became of an attempt: a descriptor or minus an error number, and what the verifier wrote.</summary>
internal readonly record struct ProbeResult(int Result, string Log)
{
    public int Errno => Result < 0 ? -Result : 0;

    /// <summary>Accepted; or refused by the verifier for what the program does, which says that its kind is there.</summary>
    public bool IsKnown => Result >= 0 || Log.Length > 0;
}

/// <summary>Single attempts of bpf(2). Descriptors are closed at once, except where they are returned.</summary>
internal static unsafe class BpfProbe
{
    private const int LogBytes = 4096;

    /// <summary>r0 = 0; exit.</summary>
    public static readonly Insn[] Trivial = [new Insn(0xb7), new Insn(0x95)];

    /// <summary>Loads a program; the caller closes what is returned.</summary>
    public static ProbeResult Load(ProgramType type, ReadOnlySpan<Insn> insns, AttachType attach = 0, uint flags = 0)
    {
        byte[] code = Insn.Encode(insns), log = new byte[LogBytes];
        fixed (byte* codePointer = code, license = "GPL\0"u8, logPointer = log)
        {
            var attributes = new BpfAttributes
            {
                Load =
                {
                    Type = (uint)type,
                    InsnCount = (uint)insns.Length,
                    Insns = codePointer,
                    License = license,
                    LogLevel = 1,
                    LogSize = LogBytes,
                    LogBuffer = logPointer,
                    Flags = flags,
                    ExpectedAttachType = (uint)attach,
                },
            };
            // Kernels before 5.0 ask programs for kprobes for their version.
            if (type == ProgramType.Kprobe && KernelState.Current.Version is { Major: > 0 } version)
                attributes.Load.KernelVersion = (uint)(version.Major << 16 | version.Minor << 8 | Math.Clamp(version.Build, 0, 255));
            int result = BpfSystem.Call(BpfCommand.ProgLoad, ref attributes, attach == 0 ? 68 : 72);
            int end = log.AsSpan().IndexOf((byte)0);
            return new ProbeResult(result, Encoding.UTF8.GetString(log, 0, Math.Max(0, end)));
        }
    }

    /// <summary>Loads a program and drops it.</summary>
    public static ProbeResult TryLoad(ProgramType type, ReadOnlySpan<Insn> insns, AttachType attach = 0, uint flags = 0)
    {
        ProbeResult result = Load(type, insns, attach, flags);
        Close(result.Result);
        return result;
    }

    public static int Create(ref BpfAttributes attributes, int size) => BpfSystem.Call(BpfCommand.MapCreate, ref attributes, size);

    public static void Close(int descriptor)
    {
        if (descriptor >= 0)
            Syscall.Invoke(Syscall.Close, descriptor);
    }

    /// <summary>Types of one int, for maps that ask for types; minus an error number where the kernel takes none.</summary>
    public static int LoadIntType()
    {
        // struct btf_header; int: name "i", BTF_KIND_INT (1) at bit 24, 4 bytes, signed 32 bits; strings "\0i\0".
        ReadOnlySpan<uint> words = [0x0001_eb9f, 24, 0, 16, 16, 3, 1, 1 << 24, 4, 1 << 24 | 32, 'i' << 8];
        fixed (uint* pointer = words)
        {
            var attributes = new BpfAttributes { Btf = { Btf = (byte*)pointer, Size = 24 + 16 + 3 } };
            return BpfSystem.Call(BpfCommand.BtfLoad, ref attributes, 28);
        }
    }
}
