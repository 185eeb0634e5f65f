using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Vm.Contexts;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Debug;

/// <summary>
/// Steps an eBPF program forwards and backwards. Going back loads the object anew and runs it from its start: the same each time, as long as what the options inject (clock,
/// randomness) is; so nothing needs to be recorded, and maps are what they were.
/// </summary>
public sealed class EbpfDebugger : IDisposable
{
    private readonly BpfObject _spec;
    private readonly int _program;
    private readonly Func<VmOptions> _options;
    private readonly byte[] _input;
    private readonly Func<VmContext>? _context;
    private readonly Action<VmObject>? _prepare;
    private readonly ulong[] _registers = new ulong[Limits.Registers];
    private readonly byte[] _stack = new byte[Limits.StackBytesMax];

    private EbpfDebugger(BpfObject spec, int program, byte[] input, Func<VmOptions> options, Func<VmContext>? context, Action<VmObject>? prepare) =>
        (_spec, _program, _input, _options, _context, _prepare) = (spec, program, input, options, context, prepare);

    /// <summary>Starts in front of the first instruction; null, with diagnostics, when the object cannot be loaded.</summary>
    /// <param name="spec">The object.</param>
    /// <param name="program">Index of the program.</param>
    /// <param name="input">The memory that it runs over.</param>
    /// <param name="diagnostics">What loading has to say.</param>
    /// <param name="options">Makes the options, anew for each run from the start: clocks and random numbers that they hold must begin as before. The engine is the interpreter.</param>
    /// <param name="context">Makes what it runs on in place of memory (a packet, a record), anew for each run from the start.</param>
    /// <param name="prepare">What to do with a freshly loaded object (fill maps).</param>
    public static EbpfDebugger? Open(BpfObject spec, int program, ReadOnlySpan<byte> input, out IReadOnlyList<Diagnostic> diagnostics, Func<VmOptions>? options = null,
        Func<VmContext>? context = null, Action<VmObject>? prepare = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        VmLoad load = VmObject.Load(spec, options?.Invoke());
        diagnostics = load.Diagnostics;
        load.Object?.Dispose();
        if (load.Object is null)
            return null;
        var debugger = new EbpfDebugger(spec, program, input.ToArray(), options ?? (static () => new VmOptions()), context, prepare);
        debugger.GoTo(0);
        return debugger;
    }

    /// <summary>The loaded object: its maps as they are now.</summary>
    public VmObject Object { get; private set; } = null!;

    /// <summary>The program that runs now; another one after a tail call.</summary>
    public ProgramSpec Program { get; private set; } = null!;

    /// <summary>Slot of the next instruction.</summary>
    public int Slot { get; private set; }

    /// <summary>Instructions executed so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Open frames: 1 in the main function.</summary>
    public int Depth { get; private set; }

    /// <summary>r0 to r10.</summary>
    public ReadOnlySpan<ulong> Registers => _registers;

    /// <summary>The stack of the innermost function.</summary>
    public ReadOnlySpan<byte> Stack => _stack;

    /// <summary>The memory or packet as it is now.</summary>
    public byte[] Memory { get; private set; } = [];

    /// <summary>What the program came to; null while it runs.</summary>
    public VmResult? Result { get; private set; }

    /// <summary>Slots in front of which <see cref="Continue"/> stops.</summary>
    public SortedSet<int> Breakpoints { get; } = [];

    /// <summary>Goes to the moment after so many instructions, or to the end of the program if that comes first.</summary>
    public void GoTo(long steps) => RunUntil((count, _) => count == Math.Max(steps, 0));

    /// <summary>Executes one instruction; false when the program has ended before.</summary>
    public bool Step()
    {
        if (Result is not null)
            return false;
        GoTo(Steps + 1);
        return true;
    }

    /// <summary>Runs to the next breakpoint or the end; true when a breakpoint stopped it.</summary>
    public bool Continue()
    {
        long from = Steps;
        RunUntil((count, slot) => count > from && Breakpoints.Contains(slot));
        return Result is null;
    }

    /// <summary>Runs backwards to the breakpoint passed last, or to the start; true when a breakpoint stopped it.</summary>
    public bool ContinueBack()
    {
        long now = Steps, last = -1;
        RunUntil((count, slot) =>
        {
            if (count < now && Breakpoints.Contains(slot))
                last = count;
            return count >= now;
        });
        GoTo(Math.Max(0, last));
        return last >= 0;
    }

    /// <inheritdoc/>
    public void Dispose() => Object?.Dispose();

    // Runs from the start until the condition (steps so far, next slot) holds.
    private void RunUntil(Func<long, int, bool> isThere)
    {
        Object?.Dispose();
        long count = 0;
        bool stopped = false;
        VmLoad load = VmObject.Load(_spec, _options() with
        {
            Engine = VmEngine.Interpreter,
            Watch = step =>
            {
                Keep(step);
                stopped = isThere(count, step.Slot);
                count += stopped ? 0 : 1;
                return !stopped;
            },
        });
        Object = load.Object!;
        _prepare?.Invoke(Object);
        VmContext? context = _context?.Invoke();
        Memory = [.. _input];
        VmResult result = context is null ? Object.Programs[_program].Run(Memory) : Object.Programs[_program].Run(context);
        if (context is PacketContext packet)
            Memory = packet.Data.ToArray();
        Steps = count;
        Result = stopped ? null : result;
        if (Result is { Fault: null })
            _registers[0] = result.R0;
    }

    private void Keep(VmStep step)
    {
        Program = step.Program.Spec;
        Slot = step.Slot;
        Depth = step.Depth;
        step.Registers.CopyTo(_registers);
        step.Stack.CopyTo(_stack);
    }
}
