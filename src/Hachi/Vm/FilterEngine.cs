using Hachi.Captures;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Jit;
using Hachi.Vm.Jit.Packets;

namespace Hachi.Vm;

/// <summary>How a filter is to be run.</summary>
public enum FilterEngineKind : byte
{
    /// <summary>Interpreted first, compiled in the background once enough packets were seen, then switched.</summary>
    Auto,

    /// <summary>Always interpreted.</summary>
    Interpreter,

    /// <summary>Compiled to IL at once; where the runtime has no dynamic code, or the program is one that is not compiled, interpreted all the same.</summary>
    Il,

    /// <summary>Compiled to x86-64 machine code at once, in native builds too; interpreted on other processors, and when the program is one that is not compiled.</summary>
    X64,
}

/// <summary>
/// Runs one filter over many packets. Interprets at first; where there is a compiler (to IL on a runtime with dynamic code, to machine code in native builds on x86-64) it compiles
/// (IL in the background) and switches over.
/// Instances may be shared between threads.
/// </summary>
public sealed class FilterEngine
{
    /// <summary>Packets after which a filter is worth compiling: interpreting so many costs about as much as compiling once.</summary>
    private const int CompileAfter = 8192;

    private readonly ClassicProgram _program;
    private readonly DecodedProgram _decoded;
    private readonly FilterEngineKind _kind;
    private Func<IrFunction>? _makeFunction;
    private volatile VerdictCode? _verdict;
    private volatile SelectCode? _select;
    private int _seen;
    private int _compileState;

    /// <summary>Makes an engine for a program.</summary>
    /// <param name="program">The program.</param>
    /// <param name="kind">How to run it.</param>
    /// <param name="makeFunction">Makes the optimised function that the program was made from, if there is one, for the compiler alone. Otherwise the program is lifted.</param>
    public FilterEngine(ClassicProgram program, FilterEngineKind kind = FilterEngineKind.Auto, Func<IrFunction>? makeFunction = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        _program = program;
        _decoded = new DecodedProgram(program);
        _kind = Has(kind) ? kind : FilterEngineKind.Interpreter;
        _makeFunction = makeFunction;
        foreach (ClassicInsn insn in program.Insns)
            ReadsMetadata |= (insn.Code & (ClassicOpcode.ClassMask | ClassicOpcode.ModeMask)) == (ClassicOpcode.Ld | ClassicOpcode.Abs) && insn.K >= Extension.NetOff;
        if (_kind is FilterEngineKind.Il or FilterEngineKind.X64)
            Compile();
    }

    /// <summary>Whether this build on this processor can run filters in a way; where it cannot, they are interpreted.</summary>
    public static bool Has(FilterEngineKind kind) => kind switch
    {
        FilterEngineKind.Auto => IlCompiler.IsSupported || PacketCode.IsSupported,
        FilterEngineKind.Il => IlCompiler.IsSupported,
        FilterEngineKind.X64 => PacketCode.IsSupported,
        _ => true,
    };

    /// <summary>Whether a verdict may depend on metadata; if not, an empty one does.</summary>
    public bool ReadsMetadata { get; }

    /// <summary>Whether compiled code runs by now.</summary>
    public bool IsCompiled => _verdict is not null;

    /// <summary>The verdict on a packet: bytes to keep, 0 rejects it.</summary>
    /// <param name="packet">The captured bytes.</param>
    /// <param name="wireLength">Length of the packet on the wire.</param>
    /// <param name="metadata">What the extensions read.</param>
    public unsafe uint Run(ReadOnlySpan<byte> packet, uint wireLength, in PacketMetadata metadata)
    {
        VerdictCode? verdict = _verdict;
        if (verdict is not null)
        {
            fixed (byte* bytes = packet)
            fixed (PacketMetadata* recorded = &metadata)
                return verdict(bytes, (uint)packet.Length, wireLength, recorded);
        }
        CountPackets(1);
        return _decoded.Run(packet, wireLength, metadata);
    }

    /// <summary>The same without metadata.</summary>
    public uint Run(ReadOnlySpan<byte> packet, uint wireLength)
    {
        PacketMetadata none = default;
        return Run(packet, wireLength, none);
    }

    /// <summary>Runs over a batch of a capture.</summary>
    /// <param name="reader">The reader of the batch; it knows the metadata.</param>
    /// <param name="batch">The packets.</param>
    /// <param name="settings">Metadata that stands above what the capture records, or null.</param>
    /// <param name="accepted">Gets the indexes of the accepted records, ascending; at least as long as there are records.</param>
    /// <returns>How many were accepted.</returns>
    public unsafe int Select(CaptureReader reader, in CaptureBatch batch, MetadataSettings? settings, Span<int> accepted)
    {
        ArgumentNullException.ThrowIfNull(reader);
        ArgumentOutOfRangeException.ThrowIfLessThan(accepted.Length, batch.Records.Length);
        SelectCode? select = _select;
        if (select is not null)
        {
            fixed (byte* bytes = batch.Bytes)
            fixed (PacketRecord* records = batch.Records)
            fixed (int* indexes = accepted)
                return select(bytes, records, batch.Records.Length, indexes);
        }
        int count = 0;
        PacketMetadata metadata = default;
        bool interprets = _verdict is null;
        for (int i = 0; i < batch.Records.Length; i++)
        {
            ref readonly PacketRecord record = ref batch.Records[i];
            if (ReadsMetadata)
            {
                reader.ReadMetadata(batch, record, out metadata);
                settings?.Apply(ref metadata);
            }
            uint verdict = interprets ? _decoded.Run(batch.Data(record), record.OriginalLength, metadata) : Run(batch.Data(record), record.OriginalLength, metadata);
            if (verdict != 0)
                accepted[count++] = i;
        }
        if (interprets)
            CountPackets(batch.Records.Length);
        return count;
    }

    private void CountPackets(int packets)
    {
        if (_kind != FilterEngineKind.Auto || _compileState != 0)
            return;
        _seen += packets; // a lost increment does no harm
        if (_seen < CompileAfter || Interlocked.Exchange(ref _compileState, 1) != 0)
            return;
        if (!IlCompiler.IsSupported)
            Compile(); // machine code is made in less time than a thread takes to start
        else
            ThreadPool.UnsafeQueueUserWorkItem(static engine => engine.Compile(), this, preferLocal: false);
    }

    private void Compile()
    {
        _compileState = 1;
        IrFunction? function = _makeFunction?.Invoke() ?? IlCompiler.Lift(_program);
        _makeFunction = null;
        if (function is null)
            return; // a loop, for example: interpreted for good
        bool toIl = _kind == FilterEngineKind.Il || (_kind == FilterEngineKind.Auto && IlCompiler.IsSupported);
        _select = toIl ? IlCompiler.Select(function) : PacketCode.Select(function);
        _verdict = toIl ? IlCompiler.Verdict(function) : PacketCode.Verdict(function);
    }
}
