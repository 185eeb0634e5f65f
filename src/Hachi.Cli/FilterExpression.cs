using Hachi.Captures;
using Hachi.Lang.Pcap;
using Hachi.Text;
using Hachi.Vm;

namespace Hachi.Cli;

/// <summary>An expression of the command line, compiled for whatever link types a capture turns out to hold.</summary>
internal sealed class FilterExpression(string text, Shell shell, FilterEngineKind kind)
{
    private readonly SystemNames _names = new();

    /// <summary>Whether it compiled for no link type that was asked for: then what was said on standard error is an error.</summary>
    public bool Failed { get; private set; }

    /// <summary>Makes the engine for a link type; says what is wrong, once for each link type, and gives null when it does not compile.</summary>
    public FilterEngine? Compile(LinkType link)
    {
        var options = new FilterOptions { Lookup = _names };
        bool done = CaptureFilter.TryCompile(text, link, options, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> diagnostics);
        foreach (Diagnostic diagnostic in diagnostics)
            shell.Report(diagnostic, text);
        if (!done)
        {
            Failed = true;
            return null;
        }
        return new FilterEngine(filter!.Program, kind, filter.MakeFunction);
    }
}
