using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

/// <summary>What a test run of a program gave.</summary>
/// <param name="ReturnValue">r0, 32 bits.</param>
/// <param name="Data">The packet afterwards; empty for programs without one.</param>
/// <param name="Context">The context afterwards; empty when none was given.</param>
/// <param name="Duration">The mean time of a run, as the kernel measured it.</param>
public readonly record struct TestRunResult(uint ReturnValue, byte[] Data, byte[] Context, TimeSpan Duration);

/// <summary>What is told to a test run.</summary>
public sealed record TestRunOptions
{
    /// <summary>How often the kernel runs it.</summary>
    public uint Repeat { get; init; } = 1;

    /// <summary>Flags (<c>BPF_F_TEST_RUN_ON_CPU</c> 1, <c>BPF_F_TEST_XDP_LIVE_FRAMES</c> 2).</summary>
    public uint Flags { get; init; }

    /// <summary>The processor, with the flag that asks for one.</summary>
    public uint Cpu { get; init; }
}

/// <summary>A program in the kernel: verified, and there until the last descriptor, link and pin is gone. The Attach room's extensions attach it.</summary>
public sealed unsafe partial class Program : KernelResource
{
    private Program(FileHandle handle, ProgramInfo info)
        : base(handle)
    {
        Id = info.Id;
        Name = GetName(info.Name);
        Type = (ProgramType)info.Type;
        Tag = Convert.ToHexStringLower(new ReadOnlySpan<byte>(info.Tag, 8));
        BtfId = info.BtfId;
        TranslatedBytes = (int)info.TranslatedLength;
        JitedBytes = (int)info.JitedLength;
        IsGplCompatible = (info.GplCompatible & 1) != 0;
        VerifiedInsns = info.VerifiedInsns;
        LoadedAfterBoot = TimeSpan.FromTicks((long)(info.LoadTime / 100));
        LoadedBy = info.CreatedByUid;
    }

    /// <summary>Its number in the kernel, as <c>bpftool prog show id</c> takes it.</summary>
    public uint Id { get; }

    /// <summary>Its name, at most 15 bytes; with types, bpftool shows the whole name of its function.</summary>
    public string Name { get; }

    /// <summary>Its kind.</summary>
    public ProgramType Type { get; }

    /// <summary>The hash of its instructions, 16 hexadecimal digits.</summary>
    public string Tag { get; }

    /// <summary>The number of the types that it was loaded with; 0 for none.</summary>
    public uint BtfId { get; }

    /// <summary>Bytes of its instructions, as the verifier left them; 0 where the kernel does not show them.</summary>
    public int TranslatedBytes { get; }

    /// <summary>Bytes of its machine code; 0 when it is interpreted or not shown.</summary>
    public int JitedBytes { get; }

    /// <summary>Whether its licence lets it call what is for GPL programs only.</summary>
    public bool IsGplCompatible { get; }

    /// <summary>Instructions that the verifier walked; 0 before Linux 5.16.</summary>
    public uint VerifiedInsns { get; }

    /// <summary>The kind of place that it was loaded for, where its specification said so.</summary>
    public AttachType? ExpectedAttachType { get; internal set; }

    /// <summary>The section that it came from: what it wants to attach to. Empty when it came from none.</summary>
    public string Section { get; internal set; } = "";

    /// <summary>What the verifier wrote while it accepted the program, where <see cref="LoadOptions.LogLevel"/> asked for it; otherwise null.</summary>
    public string? VerifierLog { get; internal set; }

    /// <summary>Loads a program of plain instructions: no maps, no types.</summary>
    /// <param name="type">Its kind.</param>
    /// <param name="insns">Its instructions.</param>
    /// <param name="name">Its name.</param>
    /// <param name="license">Its licence; <c>GPL</c> opens the helpers that are for such programs.</param>
    /// <exception cref="BpfException">The kernel refuses it, the verifier among its reasons.</exception>
    public static Program Load(ProgramType type, ReadOnlySpan<Insn> insns, string name = "", string license = "GPL") =>
        ProgramLoader.Load(new Object.ProgramSpec(name, type, [.. insns]), new ProgramSurroundings { License = license });

    /// <summary>The program pinned at a path of a BPF file system.</summary>
    public static Program OpenPinned(string path) => FromHandle(OpenPath(path, PinFolder.ProgramKind), path);

    /// <summary>The program with a number.</summary>
    /// <exception cref="BpfException">ENOENT: none has it; EPERM: needs CAP_SYS_ADMIN.</exception>
    public static Program Open(uint id) => FromHandle(OpenId(BpfCommand.ProgGetFdById, id), $"program {id}");

    /// <summary>The numbers of all programs in the kernel, rising.</summary>
    public static IEnumerable<uint> AllIds() => Ids(BpfCommand.ProgGetNextId);

    /// <summary>How often it ran and how long that took, since statistics were switched on (sysctl <c>kernel.bpf_stats_enabled</c>), and how often it was left out because it was running already.</summary>
    public (ulong Runs, TimeSpan Time, ulong Missed) ReadStatistics()
    {
        ProgramInfo info = Info(Descriptor, Name);
        return (info.RunCount, TimeSpan.FromTicks((long)(info.RunNanoseconds / 100)), info.Missed);
    }

    /// <summary>The numbers of the maps that it uses.</summary>
    public uint[] ReadMapIds()
    {
        uint[] ids = new uint[Info(Descriptor, Name).MapCount];
        if (ids.Length == 0)
            return ids;
        fixed (uint* pointer = ids)
        {
            var info = new ProgramInfo { MapCount = (uint)ids.Length, MapIds = pointer };
            int result = ReadInfo(Descriptor, &info, sizeof(ProgramInfo));
            return result < 0 ? throw Failure.Of(BpfCommand.ObjGetInfoByFd, result, Name) : ids;
        }
    }

    /// <summary>Its instructions as the verifier left them: helper calls and map addresses replaced.</summary>
    /// <exception cref="BpfException">EPERM: needs CAP_SYS_ADMIN or CAP_PERFMON with <c>kptr_restrict</c> at 0.</exception>
    public Insn[] ReadTranslated() => Insn.TryDecode(ReadCode(TranslatedBytes, isJited: false), out Insn[] insns) ? insns : [];

    /// <summary>Its machine code.</summary>
    public byte[] ReadJited() => ReadCode(JitedBytes, isJited: true);

    /// <summary>Runs it once or more in the kernel, on a packet or a context that is given here, without attaching it (BPF_PROG_TEST_RUN).</summary>
    /// <param name="data">The packet, at least 14 bytes for those that see packets; empty for others.</param>
    /// <param name="context">The context; empty for the kernel's own.</param>
    /// <param name="options">How often, where.</param>
    /// <exception cref="BpfException">ENOTSUPP (524): not for this kind of program; EINVAL: not with such data.</exception>
    public TestRunResult Run(ReadOnlySpan<byte> data = default, ReadOnlySpan<byte> context = default, TestRunOptions? options = null)
    {
        const int Headroom = 8192;
        options ??= new TestRunOptions();
        byte[] dataOut = new byte[data.IsEmpty ? 0 : data.Length + Headroom], contextOut = context.ToArray();
        fixed (byte* dataIn = data, dataTo = dataOut, contextTo = contextOut, contextIn = context)
        {
            bool writesContextBack = Type is not (ProgramType.Syscall or ProgramType.RawTracepoint);
            var attributes = new BpfAttributes
            {
                Test =
                {
                    Fd = (uint)Descriptor,
                    DataSizeIn = (uint)data.Length,
                    DataIn = data.IsEmpty ? null : dataIn,
                    DataSizeOut = (uint)dataOut.Length,
                    DataOut = dataOut.Length == 0 ? null : dataTo,
                    Repeat = writesContextBack ? options.Repeat : 0,
                    ContextSizeIn = (uint)context.Length,
                    ContextIn = context.IsEmpty ? null : writesContextBack ? contextIn : contextTo,
                    ContextSizeOut = writesContextBack ? (uint)contextOut.Length : 0,
                    ContextOut = writesContextBack && contextOut.Length > 0 ? contextTo : null,
                    Flags = options.Flags,
                    Cpu = options.Cpu,
                },
            };
            int result = BpfSystem.Call(BpfCommand.ProgTestRun, ref attributes, 80);
            if (result < 0)
                throw Failure.Of(BpfCommand.ProgTestRun, result, $"program {Name}");
            int length = (int)Math.Min(attributes.Test.DataSizeOut, (uint)dataOut.Length);
            return new TestRunResult(attributes.Test.ReturnValue, dataOut[..length], contextOut, TimeSpan.FromTicks(attributes.Test.Duration / 100));
        }
    }

    internal static Program FromHandle(FileHandle handle, string what)
    {
        try
        {
            return new Program(handle, Info(handle.Descriptor, what));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private byte[] ReadCode(int length, bool isJited)
    {
        byte[] code = new byte[length];
        fixed (byte* pointer = code)
        {
            var info = new ProgramInfo();
            if (isJited)
            {
                info.JitedLength = (uint)length;
                info.Jited = pointer;
            }
            else
            {
                info.TranslatedLength = (uint)length;
                info.Translated = pointer;
            }
            int result = ReadInfo(Descriptor, &info, sizeof(ProgramInfo));
            return result < 0 ? throw Failure.Of(BpfCommand.ObjGetInfoByFd, result, Name) : code;
        }
    }

    private static ProgramInfo Info(int descriptor, string what)
    {
        var info = new ProgramInfo();
        int result = ReadInfo(descriptor, &info, sizeof(ProgramInfo));
        return result < 0 ? throw Failure.Of(BpfCommand.ObjGetInfoByFd, result, what) : info;
    }

    /// <summary>struct bpf_prog_info.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ProgramInfo
    {
        public uint Type, Id;
        public fixed byte Tag[8];
        public uint JitedLength, TranslatedLength;
        public byte* Jited;
        public byte* Translated;
        public ulong LoadTime;
        public uint CreatedByUid, MapCount;
        public uint* MapIds;
        public fixed byte Name[16];
        public uint IfIndex, GplCompatible;
        public ulong NetnsDevice, NetnsInode;
        public uint JitedSymbols, JitedFunctions;
        public ulong* SymbolAddresses;
        public uint* FunctionLengths;
        public uint BtfId, FuncInfoRecordSize;
        public byte* FuncInfo;
        public uint FuncInfoCount, LineInfoCount;
        public byte* LineInfo;
        public byte* JitedLineInfo;
        public uint JitedLineInfoCount, LineInfoRecordSize, JitedLineInfoRecordSize, TagCount;
        public byte* Tags;
        public ulong RunNanoseconds, RunCount, Missed;
        public uint VerifiedInsns, AttachBtfObjectId, AttachBtfId, Padding;
    }
}
