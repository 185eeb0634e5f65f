using Hachi.Captures;
using Hachi.Isa;

namespace Hachi.Vm.Debug;

/// <summary>
/// Steps a classic program through one packet, forwards and backwards, with breakpoints. Going back runs the program again from its start, which is
/// the same each time: nothing needs to be recorded.
/// </summary>
public sealed class ClassicDebugger
{
    private readonly ClassicProgram _program;
    private readonly byte[] _packet;
    private readonly uint[] _memory = new uint[Limits.ClassicMemoryWords];
    private PacketMetadata _metadata;
    private int _fuel;

    /// <summary>Starts in front of the first instruction.</summary>
    /// <param name="program">The program; any.</param>
    /// <param name="packet">The captured bytes; copied.</param>
    /// <param name="wireLength">Length on the wire.</param>
    /// <param name="metadata">What the extensions read.</param>
    public ClassicDebugger(ClassicProgram program, ReadOnlySpan<byte> packet, uint wireLength, in PacketMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(program);
        _program = program;
        _packet = packet.ToArray();
        WireLength = wireLength;
        _metadata = metadata;
        Reset();
    }

    /// <summary>The program.</summary>
    public ClassicProgram Program => _program;

    /// <summary>The captured bytes.</summary>
    public ReadOnlySpan<byte> Packet => _packet;

    /// <summary>Length on the wire.</summary>
    public uint WireLength { get; }

    /// <summary>Index of the next instruction.</summary>
    public int Pc { get; private set; }

    /// <summary>Index of the instruction executed last, or -1.</summary>
    public int LastPc { get; private set; }

    /// <summary>Accumulator.</summary>
    public uint A { get; private set; }

    /// <summary>Index register.</summary>
    public uint X { get; private set; }

    /// <summary>Instructions executed so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Running, or why it ended.</summary>
    public ClassicOutcome Outcome { get; private set; }

    /// <summary>What it returned; 0 for a packet that is rejected, for whatever reason.</summary>
    public uint Verdict { get; private set; }

    /// <summary>The scratch memory.</summary>
    public ReadOnlySpan<uint> Memory => _memory;

    /// <summary>Instructions in front of which <see cref="Continue"/> stops.</summary>
    public SortedSet<int> Breakpoints { get; } = [];

    /// <summary>What the extensions read. Setting it starts over.</summary>
    public PacketMetadata Metadata
    {
        get => _metadata;
        set
        {
            _metadata = value;
            Reset();
        }
    }

    /// <summary>Goes to the start.</summary>
    public void Reset()
    {
        (Pc, LastPc, A, X, Steps, Outcome, Verdict) = (0, -1, 0, 0, 0, ClassicOutcome.Running, 0);
        Array.Clear(_memory);
        _fuel = ClassicInterpreter.DefaultFuel;
    }

    /// <summary>Executes one instruction; false when the program has ended before.</summary>
    public bool Step()
    {
        if (Outcome != ClassicOutcome.Running)
            return false;
        var state = new ClassicState { A = A, X = X, Pc = Pc, Fuel = _fuel, Memory = _memory };
        LastPc = Pc;
        ClassicInterpreter.Step(_program, ref state, _packet, WireLength, _metadata);
        (A, X, Pc, _fuel, Outcome, Verdict) = (state.A, state.X, state.Pc, state.Fuel, state.Outcome, state.Verdict);
        Steps++;
        return true;
    }

    /// <summary>Takes back one instruction; false at the start.</summary>
    public bool StepBack() => GoTo(Steps - 1);

    /// <summary>Goes to the moment after so many instructions (or to the end of the program, if that comes first); false for a negative number.</summary>
    public bool GoTo(long steps)
    {
        if (steps < 0)
            return false;
        if (steps < Steps)
            Reset();
        while (Steps < steps && Step())
        {
        }
        return true;
    }

    /// <summary>Runs to the next breakpoint or the end; true when a breakpoint stopped it.</summary>
    public bool Continue()
    {
        while (Step())
            if (Outcome == ClassicOutcome.Running && Breakpoints.Contains(Pc))
                return true;
        return false;
    }

    /// <summary>Runs backwards to the breakpoint passed last, or to the start; true when a breakpoint stopped it.</summary>
    public bool ContinueBack()
    {
        long now = Steps, last = -1;
        Reset();
        while (Steps < now)
        {
            if (Breakpoints.Contains(Pc))
                last = Steps;
            Step();
        }
        GoTo(Math.Max(0, last));
        return last >= 0;
    }
}
