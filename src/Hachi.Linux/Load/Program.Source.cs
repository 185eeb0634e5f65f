using System.Buffers.Binary;
using Hachi.Btf;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

/// <summary>A function of a program in the kernel.</summary>
/// <param name="Slot">Where it begins, among the instructions as the verifier left them.</param>
/// <param name="Name">Its name.</param>
public readonly record struct ProgramFunction(int Slot, string Name);

/// <summary>A line of the source that instructions came from.</summary>
/// <param name="Slot">Its first instruction, among those that the verifier left.</param>
/// <param name="File">The file, as the compiler named it.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Text">What stands there.</param>
public readonly record struct ProgramLine(int Slot, string File, int Line, string Text);

/// <summary>Where the instructions of a program in the kernel came from.</summary>
/// <param name="Functions">Its functions, by their places.</param>
/// <param name="Lines">The lines, by their places.</param>
public sealed record ProgramSource(IReadOnlyList<ProgramFunction> Functions, IReadOnlyList<ProgramLine> Lines)
{
    /// <summary>Nothing is known.</summary>
    public static ProgramSource None { get; } = new([], []);
}

public sealed unsafe partial class Program
{
    private const int RecordsMax = 1 << 20;

    /// <summary>When it was loaded, counted from the start of the machine, sleep included (CLOCK_BOOTTIME).</summary>
    public TimeSpan LoadedAfterBoot { get; }

    /// <summary>The user who loaded it, by number.</summary>
    public uint LoadedBy { get; }

    /// <summary>The functions and source lines that its instructions came from; <see cref="ProgramSource.None"/> where it was loaded without, or they may not be read.</summary>
    public ProgramSource ReadSource()
    {
        if (BtfId == 0)
            return ProgramSource.None;
        try
        {
            using LoadedTypes loaded = LoadedTypes.Open(BtfId);
            if (!BtfReader.TryRead(loaded.Read(), out BtfTypes? types, out _))
                return ProgramSource.None;
            ProgramInfo all = Info(Descriptor, Name);
            return new ProgramSource(ReadFunctions(types!, all), ReadLines(types!, all));
        }
        catch (BpfException)
        {
            // Types by number, and places in instructions, are for CAP_SYS_ADMIN only.
            return ProgramSource.None;
        }
    }

    // struct bpf_func_info: where, and the type of the function.
    private ProgramFunction[] ReadFunctions(BtfTypes types, in ProgramInfo all)
    {
        int size = (int)all.FuncInfoRecordSize, count = (int)Math.Min(all.FuncInfoCount, RecordsMax);
        if (count == 0 || size is < 8 or > 64)
            return [];
        byte[] records = new byte[size * count];
        fixed (byte* pointer = records)
        {
            var info = new ProgramInfo { FuncInfo = pointer, FuncInfoCount = (uint)count, FuncInfoRecordSize = (uint)size };
            int result = ReadInfo(Descriptor, &info, sizeof(ProgramInfo));
            if (result < 0)
                throw Failure.Of(BpfCommand.ObjGetInfoByFd, result, Name);
        }
        var functions = new ProgramFunction[count];
        for (int i = 0; i < count; i++)
            functions[i] = new ProgramFunction((int)Word(records, i * size), types.NameOf(Word(records, i * size + 4)));
        return functions;
    }

    // struct bpf_line_info: where, the file's name and the line's text among the strings, line and column in one word.
    private ProgramLine[] ReadLines(BtfTypes types, in ProgramInfo all)
    {
        int size = (int)all.LineInfoRecordSize, count = (int)Math.Min(all.LineInfoCount, RecordsMax);
        if (count == 0 || size is < 16 or > 64)
            return [];
        byte[] records = new byte[size * count];
        fixed (byte* pointer = records)
        {
            var info = new ProgramInfo { LineInfo = pointer, LineInfoCount = (uint)count, LineInfoRecordSize = (uint)size };
            int result = ReadInfo(Descriptor, &info, sizeof(ProgramInfo));
            if (result < 0)
                throw Failure.Of(BpfCommand.ObjGetInfoByFd, result, Name);
        }
        var lines = new ProgramLine[count];
        for (int i = 0; i < count; i++)
            lines[i] = new ProgramLine((int)Word(records, i * size), types.StringAt(Word(records, i * size + 4)), (int)(Word(records, i * size + 12) >> 10), types.StringAt(Word(records, i * size + 8)).Trim());
        return lines;
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
