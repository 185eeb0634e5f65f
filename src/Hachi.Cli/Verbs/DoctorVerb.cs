using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using Hachi.Linux.Kernel;
using Hachi.Linux.Kernel.Report;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi doctor</c>: what this kernel lets this process do with BPF, and what would help where it does not.</summary>
internal sealed class DoctorVerb : IVerb
{
    private const int ColumnsMax = 110;

    private static readonly (FeatureKind Kind, string Title)[] s_parts =
    [
        (FeatureKind.Machine, "machine and process"),
        (FeatureKind.Program, "programs"),
        (FeatureKind.Map, "maps"),
        (FeatureKind.Attach, "places to attach to"),
        (FeatureKind.Instructions, "instructions"),
        (FeatureKind.Helper, "helpers"),
    ];

    private readonly Option<string?> _helpers = new("--helpers") { Description = "Which helpers programs of this type may call here: xdp, kprobe, ...", HelpName = "TYPE" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON document" };

    public string Name => "doctor";

    public string Summary => "Show what this kernel allows, and what would help where it does not";

    public string Usage => "doctor [--helpers TYPE] [--json]";

    public string Examples => """
        hachi doctor                   programs, maps, places, instructions: what works here, for you
        sudo hachi doctor              the same for root
        hachi doctor --helpers xdp     the helpers that XDP programs may call in this kernel
        """;

    public string About => """
        Everything is tried: a program and a map of each kind is made and dropped at once. Nothing is attached and nothing is changed.
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_helpers);
        command.Add(_json);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        if (!OperatingSystem.IsLinux())
            throw new CommandException("this is not Linux: no kernel here takes BPF programs", "hachi run, filter, compile and debug work without", ExitStatus.KernelRefused);
        KernelReport report;
        if (parse.GetValue(_helpers) is { } name)
        {
            if (!ProgramTypeNames.TryParse(name, out ProgramType type))
                throw new CommandException($"there is no program type '{name}'", Nearest.To(name, ProgramTypeNames.All) is { } near ? $"did you mean {near}?" : $"types are {string.Join(", ", ProgramTypeNames.All)}");
            report = new KernelReport { State = KernelState.Current, Features = KernelReport.HelpersOf(type) };
        }
        else
        {
            report = KernelReport.Probe();
        }
        if (parse.GetValue(_json))
            shell.WriteJson(to => WriteJson(to, report));
        else
            Write(shell.Out, report);
        return ExitStatus.Done;
    }

    private static void Write(TextWriter to, KernelReport report)
    {
        KernelState state = report.State;
        to.WriteLine($"Linux {Escaper.Escape(state.Release)}, {RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}; this process is {(state.UserId == 0 ? "root" : $"user {state.UserId}")}"
            + (state.IsInitialUserNamespace ? "" : " of a user namespace"));
        foreach ((FeatureKind kind, string title) in s_parts)
        {
            List<Feature> features = [.. report.Features.Where(feature => feature.Kind == kind)];
            if (features.Count == 0)
                continue;
            to.WriteLine();
            to.WriteLine($"{title}: {features.Count(feature => feature.Availability == Availability.Yes)} of {features.Count}");
            if (kind == FeatureKind.Machine)
                WriteFacts(to, features);
            else
                WriteGroups(to, features, isEachNamed: kind != FeatureKind.Helper || report.Features.All(feature => feature.Kind == FeatureKind.Helper));
        }
    }

    private static void WriteFacts(TextWriter to, List<Feature> features)
    {
        for (int i = 0; i < features.Count;)
        {
            // Neighbours of which there is the same to say, such as capabilities.
            Feature feature = features[i];
            int end = i + 1;
            while (end < features.Count && (features[end].Availability, features[end].Why) == (feature.Availability, feature.Why) && (feature.Why is not null || features[end].Note == feature.Note))
                end++;
            if (end == i + 1)
                to.WriteLine($"  {Word(feature.Availability),-6}  {feature.Name,-18}  {Escaper.Escape(feature.Note ?? "")}".TrimEnd());
            else
                WriteWords(to, Word(feature.Availability), [.. features[i..end].Select(each => each.Name)], feature.Why is null ? feature.Note : null);
            if (feature.Why is { } why)
                WriteWhy(to, why);
            i = end;
        }
    }

    // What there is in one list; what there is not with its reason, those of one reason together.
    private static void WriteGroups(TextWriter to, List<Feature> features, bool isEachNamed)
    {
        string[] there = [.. features.Where(feature => feature.Availability == Availability.Yes).Select(feature => feature.Name)];
        if (there.Length > 0 && isEachNamed)
            WriteWords(to, "yes", there);
        foreach (IGrouping<(Availability Availability, LikelyReason? Why), Feature> group in features.Where(feature => feature.Availability != Availability.Yes).GroupBy(feature => (feature.Availability, feature.Why)))
        {
            const int NamesMax = 20;
            string[] names = [.. group.Select(feature => feature.Name)];
            WriteWords(to, Word(group.Key.Availability), isEachNamed || names.Length <= NamesMax ? names : [$"{names.Length} of them"]);
            if (group.Key.Why is { } why)
                WriteWhy(to, why);
        }
    }

    private static void WriteWords(TextWriter to, string head, string[] words, string? note = null)
    {
        string line = $"  {head,-6}  ";
        for (int i = 0; i < words.Length; i++)
        {
            string word = Escaper.Escape(words[i]) + (i + 1 < words.Length ? ", " : "");
            if (line.Length + word.Length > ColumnsMax)
            {
                to.WriteLine(line.TrimEnd());
                line = new string(' ', 10);
            }
            line += word;
        }
        to.WriteLine(note is null ? line : $"{line}: {Escaper.Escape(note)}");
    }

    private static void WriteWhy(TextWriter to, LikelyReason why)
    {
        to.WriteLine("          why:  " + Escaper.Escape(why.Reason));
        if (why.Remedy is not null)
            to.WriteLine("          mend: " + Escaper.Escape(why.Remedy));
    }

    private static string Word(Availability availability) => availability switch { Availability.Yes => "yes", Availability.Denied => "denied", _ => "no" };

    private static void WriteJson(Utf8JsonWriter to, KernelReport report)
    {
        KernelState state = report.State;
        to.WriteStartObject();
        to.WriteString("release", state.Release);
        to.WriteString("version", state.Version.ToString());
        to.WriteString("architecture", RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant());
        to.WriteNumber("uid", state.UserId);
        to.WriteStartArray("capabilities");
        foreach (Capability capability in CapabilityNames.All.Where(state.Has))
            to.WriteStringValue(capability.KernelName());
        to.WriteEndArray();
        to.WriteBoolean("initialUserNamespace", state.IsInitialUserNamespace);
        to.WriteNumber("seccomp", state.SeccompMode);
        if (state.Container is { } container)
            to.WriteString("container", container);
        if (state.Lockdown is { } lockdown)
            to.WriteString("lockdown", lockdown);
        if (state.UnprivilegedBpfDisabled is { } disabled)
            to.WriteNumber("unprivilegedBpfDisabled", disabled);
        to.WriteStartArray("features");
        foreach (Feature feature in report.Features)
        {
            to.WriteStartObject();
            to.WriteString("kind", feature.Kind.ToString().ToLowerInvariant());
            to.WriteString("name", feature.Name);
            to.WriteString("available", Word(feature.Availability));
            if (feature.Note is { } note)
                to.WriteString("note", note);
            if (feature.Why is { } why)
            {
                to.WriteString("reason", why.Reason);
                if (why.Remedy is not null)
                    to.WriteString("remedy", why.Remedy);
            }
            to.WriteEndObject();
        }
        to.WriteEndArray();
        to.WriteEndObject();
    }
}
