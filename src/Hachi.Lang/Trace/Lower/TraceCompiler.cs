using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Object;
using Hachi.Object.Plan;
using Hachi.Text;

namespace Hachi.Lang.Trace.Lower;

/// <summary>What became of a trace script.</summary>
/// <param name="Object">Its programs and maps, with the plan of what to do with them; null when there are errors.</param>
/// <param name="Diagnostics">What is to be said of the script, in the order of its text.</param>
public sealed record TraceCompilation(BpfObject? Object, IReadOnlyList<Diagnostic> Diagnostics);

/// <summary>The tracing language (bpftrace's): scripts to objects. Pure: the same script, options and facts give the same object.</summary>
public static class TraceCompiler
{
    /// <summary>Compiles a script.</summary>
    /// <param name="text">The script.</param>
    /// <param name="options">What the command line says of it.</param>
    /// <param name="facts">What the machine is that it will run on.</param>
    public static TraceCompilation Compile(string text, TraceOptions options, IKernelFacts facts)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(facts);
        Script script = Parser.Parse(text, options.Parameters, out List<Diagnostic> diagnostics);
        BpfObject? made = null;
        if (!IsWrong(diagnostics))
        {
            CheckedScript known = Checker.Check(script, options, facts, diagnostics);
            if (!IsWrong(diagnostics))
                made = new ObjectMaker(known, facts, diagnostics).Make();
        }
        return new TraceCompilation(IsWrong(diagnostics) ? null : made, [.. diagnostics.OrderBy(diagnostic => diagnostic.Span.Start)]);
    }

    /// <summary>Writes a script in one style; null, with what is wrong, when it cannot be read.</summary>
    public static string? Format(string text, out IReadOnlyList<Diagnostic> diagnostics)
    {
        ArgumentNullException.ThrowIfNull(text);
        Script script = Parser.Parse(text, [], out List<Diagnostic> found);
        diagnostics = found;
        return IsWrong(found) ? null : ScriptPrinter.Print(script);
    }

    private static bool IsWrong(List<Diagnostic> diagnostics) => diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error);
}
