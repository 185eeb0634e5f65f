using Hachi.Ir.Emit;
using Hachi.Uapi;

namespace Hachi.Ir.Build;

/// <summary>
/// Makes one eBPF program: its main function and those that it calls. Maps belong to the object that the program will stand in, and are named by their index there.
/// </summary>
/// <param name="name">Its name.</param>
/// <param name="type">Its kind.</param>
internal sealed class ProgramBuilder(string name, ProgramType type)
{
    private readonly List<FunctionBuilder> _functions = [new FunctionBuilder(name, 0, 1, isGlobal: true)];

    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>Its kind.</summary>
    public ProgramType Type => type;

    /// <summary>The section that says what it is for, such as <c>xdp</c> or <c>tracepoint/sched/sched_switch</c>; may stay empty.</summary>
    public string Section { get; set; } = "";

    /// <summary>The main function: it takes the context.</summary>
    public FunctionBuilder Main => _functions[0];

    internal IReadOnlyList<FunctionBuilder> Functions => _functions;

    /// <summary>Adds a function that others call.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="parameters">How many arguments it takes.</param>
    /// <param name="isGlobal">Whether the kernel checks it on its own.</param>
    public FunctionBuilder NewFunction(string name, int parameters, bool isGlobal = false)
    {
        var function = new FunctionBuilder(name, _functions.Count, parameters, isGlobal);
        _functions.Add(function);
        return function;
    }

    /// <summary>Emits the program. Called once: the functions are complete then.</summary>
    public EmittedProgram Emit(EmitOptions? options = null)
    {
        foreach (FunctionBuilder function in _functions)
            function.Finish();
        return ProgramEmitter.Emit(this, options ?? new EmitOptions());
    }
}
