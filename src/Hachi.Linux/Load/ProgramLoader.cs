using System.Buffers.Binary;
using System.Text;
using Hachi.Isa;
using Hachi.Linux.Kernel;
using Hachi.Linux.Sys;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

/// <summary>What a program is loaded amid.</summary>
internal sealed record ProgramSurroundings
{
    public string License { get; init; } = "";

    public uint KernelVersion { get; init; }

    /// <summary>The object's types in the kernel; null for none.</summary>
    public FileHandle? Types { get; init; }

    /// <summary>The descriptors that wide loads name by index.</summary>
    public IReadOnlyList<Map> Maps { get; init; } = [];

    /// <summary>The descriptors of modules' types, behind the maps.</summary>
    public IReadOnlyList<int> Modules { get; init; } = [];

    /// <summary>The type or function of the kernel that the program attaches to; and the descriptor of the module or program that it is in.</summary>
    public uint AttachBtfId { get; init; }

    public int AttachFd { get; init; }

    /// <summary>The object, for the source lines of a refusal; null for none.</summary>
    public BpfObject? Object { get; init; }

    /// <summary>What the verifier is to write even when it accepts: 0 nothing, 1 the path, 2 all, 4 figures.</summary>
    public uint LogLevel { get; init; }
}

/// <summary>BPF_PROG_LOAD: first without the verifier's log, which costs time; once more with it, growing, when the kernel refused.</summary>
internal static unsafe class ProgramLoader
{
    private const int FirstLogBytes = 1 << 16, LogBytesMax = 1 << 26, FuncInfoBytes = 8, LineInfoBytes = 16;

    public static Program Load(ProgramSpec spec, ProgramSurroundings around)
    {
        int result = around.LogLevel == 0 ? Attempt(spec, around, null, 0) : -(int)ErrorNumber.ENOSPC;
        string log = "";
        if (result < 0 && result != -(int)ErrorNumber.EPERM)
            result = WithLog(spec, around, Math.Max(1, around.LogLevel), out log);
        if (result < 0 && IsAboutTypes(log) && around is { Types: not null, AttachBtfId: 0 })
        {
            // A kernel older than the compiler may not know what a type says; the program itself may be good.
            ProgramSurroundings bare = around with { Types = null };
            int second = Attempt(spec, bare, null, 0);
            if (second >= 0)
                result = second;
        }
        if (result < 0)
            throw Refusal(spec, around, -result, log);
        Program program = Program.FromHandle(new FileHandle(result), spec.Name);
        program.ExpectedAttachType = spec.AttachType;
        program.Section = spec.Section;
        program.VerifierLog = around.LogLevel == 0 ? null : log;
        return program;
    }

    // A log that does not fit gives ENOSPC, even for a program that is good (before Linux 6.4 nothing says how much would).
    private static int WithLog(ProgramSpec spec, ProgramSurroundings around, uint level, out string log)
    {
        int size = FirstLogBytes;
        while (true)
        {
            byte[] buffer = new byte[size];
            int result = Attempt(spec, around, buffer, level);
            log = Encoding.UTF8.GetString(new ReadOnlySpan<byte>(buffer).SliceToZero());
            if (result != -(int)ErrorNumber.ENOSPC || size >= LogBytesMax)
                return result;
            size *= 8;
        }
    }

    private static int Attempt(ProgramSpec spec, ProgramSurroundings around, byte[]? log, uint level)
    {
        byte[] insns = Insn.Encode(spec.Insns.AsSpan()), license = Encoding.UTF8.GetBytes(around.License + '\0');
        byte[] functionRecords = around.Types is null ? [] : FunctionRecords(spec), lineRecords = functionRecords.Length == 0 ? [] : LineRecords(spec);
        // Place 0 stands for the kernel itself where calls of its functions name a place.
        int[] descriptors = around.Maps.Count == 0 ? [0, .. around.Modules] : [.. around.Maps.Select(map => map.Descriptor), .. around.Modules];
        bool hasDescriptors = around.Maps.Count + around.Modules.Count > 0;
        fixed (byte* code = insns, licensePointer = license, logPointer = log, functions = functionRecords, lines = lineRecords)
        fixed (int* fds = descriptors)
        {
            var attributes = new BpfAttributes
            {
                Load =
                {
                    Type = (uint)spec.Type,
                    InsnCount = (uint)spec.Insns.Length,
                    Insns = code,
                    License = licensePointer,
                    LogLevel = log is null ? 0 : level,
                    LogSize = (uint)(log?.Length ?? 0),
                    LogBuffer = logPointer,
                    KernelVersion = around.KernelVersion,
                    Flags = spec.Flags,
                    ExpectedAttachType = (uint)(spec.AttachType ?? 0),
                    AttachBtfId = around.AttachBtfId,
                    AttachFd = (uint)around.AttachFd,
                    FdArray = hasDescriptors ? fds : null,
                },
            };
            Map.NameInto(attributes.Load.Name, spec.Name);
            if (around.Types is { } types)
            {
                attributes.Load.BtfFd = (uint)types.Descriptor;
                if (functionRecords.Length > 0)
                {
                    attributes.Load.FuncInfo = functions;
                    (attributes.Load.FuncInfoCount, attributes.Load.FuncInfoRecordSize) = ((uint)(functionRecords.Length / FuncInfoBytes), FuncInfoBytes);
                }
                if (lineRecords.Length > 0)
                {
                    attributes.Load.LineInfo = lines;
                    (attributes.Load.LineInfoCount, attributes.Load.LineInfoRecordSize) = ((uint)(lineRecords.Length / LineInfoBytes), LineInfoBytes);
                }
            }
            // Up to fd_array; what an older kernel does not know may only be told when it is needed.
            return BpfSystem.Call(BpfCommand.ProgLoad, ref attributes, hasDescriptors ? 128 : 120);
        }
    }

    private static bool IsAboutTypes(string log) =>
        log.Contains("func_info", StringComparison.Ordinal) || log.Contains("line_info", StringComparison.Ordinal) || log.Contains("BTF", StringComparison.Ordinal);

    private static BpfException Refusal(ProgramSpec spec, ProgramSurroundings around, int errno, string log)
    {
        string what = $"program {spec.Name}";
        if (log.Length > 0)
            return new BpfVerifierException(BpfSystem.Name(BpfCommand.ProgLoad), errno, spec, log, around.Object is { } bpf ? new SourceLines(bpf) : null);
        return Failure.Of(BpfCommand.ProgLoad, -errno, what, new ReasonContext { ProgramType = spec.Type, AttachType = spec.AttachType, InsnCount = spec.Insns.Length });
    }

    // struct bpf_func_info for every function, or for none: the kernel takes no half.
    private static byte[] FunctionRecords(ProgramSpec spec)
    {
        if (spec.Functions.Any(function => function.BtfType == 0))
            return [];
        byte[] records = new byte[spec.Functions.Length * FuncInfoBytes];
        for (int i = 0; i < spec.Functions.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(records.AsSpan(i * FuncInfoBytes), spec.Functions[i].Start);
            BinaryPrimitives.WriteUInt32LittleEndian(records.AsSpan(i * FuncInfoBytes + 4), spec.Functions[i].BtfType);
        }
        return records;
    }

    // struct bpf_line_info.
    private static byte[] LineRecords(ProgramSpec spec)
    {
        byte[] records = new byte[spec.Lines.Length * LineInfoBytes];
        for (int i = 0; i < spec.Lines.Length; i++)
        {
            Span<byte> record = records.AsSpan(i * LineInfoBytes);
            BinaryPrimitives.WriteInt32LittleEndian(record, spec.Lines[i].Slot);
            BinaryPrimitives.WriteUInt32LittleEndian(record[4..], spec.Lines[i].FileName);
            BinaryPrimitives.WriteUInt32LittleEndian(record[8..], spec.Lines[i].Text);
            BinaryPrimitives.WriteUInt32LittleEndian(record[12..], spec.Lines[i].LineColumn);
        }
        return records;
    }
}
