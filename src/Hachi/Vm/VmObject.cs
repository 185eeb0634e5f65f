using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Vm.Machine;

namespace Hachi.Vm;

/// <summary>
/// An object loaded into the user-space machine: its maps exist, its programs can run. Programs and maps may be used from many threads at once.
/// </summary>
/// <example>
/// <code>
/// VmLoad load = VmObject.Load(bpfObject);
/// using VmObject vm = load.Object!;
/// VmResult result = vm.Programs[0].Run(memory);
/// </code>
/// </example>
public sealed class VmObject : IDisposable
{
    private readonly VmProgram[] _programs;

    private VmObject(BpfObject spec, VmOptions options, List<Diagnostic> diagnostics)
    {
        Spec = spec;
        Options = options;
        _programs = new VmProgram[spec.Programs.Length];
        for (int i = 0; i < _programs.Length; i++)
            _programs[i] = new VmProgram(this, spec.Programs[i], diagnostics);
    }

    /// <summary>What was loaded.</summary>
    public BpfObject Spec { get; }

    /// <summary>How it was loaded.</summary>
    public VmOptions Options { get; }

    /// <summary>The programs, in the order of the object.</summary>
    public IReadOnlyList<VmProgram> Programs => _programs;

    /// <summary>Loads an object: checks its programs, makes its maps, compiles where the engine does.</summary>
    /// <param name="spec">The object.</param>
    /// <param name="options">Options; null for the defaults.</param>
    public static VmLoad Load(BpfObject spec, VmOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var diagnostics = new List<Diagnostic>();
        var loaded = new VmObject(spec, options ?? new VmOptions(), diagnostics);
        if (!diagnostics.Any(diagnostic => diagnostic.Severity == Severity.Error))
            return new VmLoad(loaded, diagnostics);
        loaded.Dispose();
        return new VmLoad(null, diagnostics);
    }

    /// <summary>Loads a single program without maps.</summary>
    /// <param name="insns">Its instructions.</param>
    /// <param name="options">Options; null for the defaults.</param>
    public static VmLoad Load(ReadOnlySpan<Insn> insns, VmOptions? options = null) =>
        Load(new BpfObject { Programs = [new ProgramSpec("program", Uapi.ProgramType.Unspec, [.. insns])] }, options);

    /// <summary>The program of a name, or null.</summary>
    public VmProgram? FindProgram(string name) => Array.Find(_programs, program => program.Spec.Name == name);

    /// <inheritdoc/>
    public void Dispose()
    {
        // nothing yet: compiled code and maps will be given back here
    }

    internal static ulong MapAddress(int index, long offset) => offset < 0 ? Handle.Map(index) : Region.AddressOf(Region.FirstMap + index, (uint)offset);

    internal static Invocation MakeInvocation() => new(static _ => { }, 0);
}
