using System.CommandLine;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi version</c>: which build this is.</summary>
internal sealed class VersionVerb : IVerb
{
    /// <summary>What <c>hachi --version</c> prints.</summary>
    public static string Line => "hachi " + Number;

    private static string Number => typeof(VersionVerb).Assembly.GetName().Version is { } version ? version.ToString(3) : "0.0.0";

    public string Name => "version";

    public string Summary => "Show the version and how this binary was built";

    public string Usage => "version [--json]";

    public string Examples => """
        hachi version           version, kind of build, platform
        hachi version --json    the same for a script
        """;

    public void Build(Command command, Shell shell)
    {
        var json = new Option<bool>("--json") { Description = "One JSON object: version, build (aot or jit), runtime, platform" };
        command.Add(json);
        command.SetAction(parse =>
        {
            string build = RuntimeFeature.IsDynamicCodeSupported ? "jit" : "aot";
            if (parse.GetValue(json))
            {
                shell.WriteJson(to =>
                {
                    to.WriteStartObject();
                    to.WriteString("version", Number);
                    to.WriteString("build", build);
                    to.WriteString("runtime", RuntimeInformation.FrameworkDescription);
                    to.WriteString("platform", RuntimeInformation.RuntimeIdentifier);
                    to.WriteEndObject();
                });
                return ExitStatus.Done;
            }
            shell.Out.WriteLine(Line);
            shell.Out.WriteLine($"{build} build, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}");
            return ExitStatus.Done;
        });
    }
}
