using Hachi.Cli.Verbs;
using Hachi.Cli.Verbs.Kernel;
using Hachi.Cli.Verbs.Seccomp;

namespace Hachi.Cli;

/// <summary>Every verb there is, in the order of the help.</summary>
internal static class VerbList
{
    /// <summary>All verbs. Making one costs nothing; only <see cref="IVerb.Build"/> of the one that is typed is called.</summary>
    public static IReadOnlyList<IVerb> All { get; } =
    [
        new TourVerb(),
        new CompileVerb(),
        new FilterVerb(),
        new CaptureVerb(),
        new ExplainVerb(),
        new RunVerb(),
        new DebugVerb(),
        new CompletionVerb(),
        new AsmVerb(),
        new DisasmVerb(),
        new SampleVerb(),
        new LoadVerb(),
        new AttachVerb(),
        new DetachVerb(),
        new ListVerb(),
        new DumpVerb(),
        new MapVerb(),
        new TraceVerb(),
        new ToolVerb(),
        new SeccompVerb(),
        new DoctorVerb(),
        new VersionVerb(),
    ];

    /// <summary>The verb of that name, or null.</summary>
    public static IVerb? Find(string name)
    {
        foreach (IVerb verb in All)
            if (verb.Name == name)
                return verb;
        return null;
    }
}
