namespace Hachi.Tests.House;

/// <summary>The order of the rooms (ARCHITECTURE.md), read off the built assemblies: who uses whom.</summary>
public sealed class RoomTests
{
    // A room uses only rooms to its left. Those that stand in one group never see each other.
    private static readonly Dictionary<string, string[][]> s_orders = new()
    {
        ["Hachi"] = [["Text"], ["Isa"], ["Uapi"], ["Asm"], ["Btf"], ["Object"], ["Ir"], ["Captures"], ["Verify", "Vm"]],
        ["Hachi.Lang"] = [["Pcap", "Seccomp", "Trace", "CSharp"]],
        ["Hachi.Linux"] = [[""], ["Sys"], ["Kernel"], ["Load"], ["Attach"], ["Events"], ["Symbols"], ["Capture", "Sandbox", "Run"]],
        ["Hachi.Hosting"] = [[""]],
        ["Hachi.Cli"] = [["Verbs", "Ebpf", "Capture", ""]],
    };

    private static readonly Dictionary<string, string[]> s_mayReference = new()
    {
        ["Hachi"] = [],
        ["Hachi.Lang"] = ["Hachi"],
        ["Hachi.Linux"] = ["Hachi"],
        ["Hachi.Hosting"] = ["Hachi", "Hachi.Lang", "Hachi.Linux", "Microsoft.Extensions.DependencyInjection.Abstractions", "Microsoft.Extensions.Hosting.Abstractions", "Microsoft.Extensions.Logging.Abstractions"],
        ["Hachi.Cli"] = ["Hachi", "Hachi.Lang", "Hachi.Linux", "System.CommandLine", "Spectre.Console", "Spectre.Console.Ansi"],
    };

    [Fact]
    public void Every_namespace_is_a_room()
    {
        foreach (AssemblyFacts facts in AssemblyFacts.All)
            foreach (string space in facts.Uses.Select(use => use.Namespace).Distinct().Where(space => IsOurs(space)))
                Assert.True(RankOf(facts.Name, space) >= 0, $"{facts.Name}: namespace {space} is no room of DESIGN; its folder is in the wrong place or its name is wrong");
    }

    [Fact]
    public void A_room_uses_only_rooms_to_its_left()
    {
        var wrong = new SortedSet<string>(StringComparer.Ordinal);
        foreach (AssemblyFacts facts in AssemblyFacts.All.Where(facts => facts.Name != "Hachi.Cli"))
            foreach (Use use in facts.Uses)
            {
                string target = use.Target.Split("::")[0];
                string space = target[..Math.Max(0, target.LastIndexOf('.'))];
                if (!IsOurs(space) || ProjectOf(space) != facts.Name || RoomOf(facts.Name, space) == RoomOf(facts.Name, use.Namespace))
                    continue;
                if (RankOf(facts.Name, space) >= RankOf(facts.Name, use.Namespace))
                    wrong.Add($"{use.User} uses {target}");
            }
        Assert.True(wrong.Count == 0, "arrows that run the wrong way:\n" + string.Join('\n', wrong));
    }

    [Fact]
    public void Projects_reference_only_what_they_may()
    {
        foreach (AssemblyFacts facts in AssemblyFacts.All)
            foreach (string reference in facts.References)
                Assert.True(s_mayReference[facts.Name].Contains(reference) || IsFramework(reference), $"{facts.Name} references {reference}");
    }

    [Fact]
    public void Folder_and_namespace_agree()
    {
        foreach (string file in SourceTree.Files("src", ".cs"))
        {
            string? line = File.ReadLines(file).FirstOrDefault(line => line.StartsWith("namespace ", StringComparison.Ordinal));
            if (line is null)
                continue;
            string folder = Path.GetDirectoryName(Path.GetRelativePath(Shared.InRepository("src"), file))!;
            Assert.Equal((file, folder.Replace('/', '.')), (file, line["namespace ".Length..].TrimEnd(';')));
        }
    }

    private static bool IsOurs(string space) => space == "Hachi" || space.StartsWith("Hachi.", StringComparison.Ordinal);

    private static bool IsFramework(string reference) =>
        (reference.StartsWith("System.", StringComparison.Ordinal) && reference != "System.CommandLine") || reference is "Microsoft.Win32.Primitives";

    private static string ProjectOf(string space) =>
        space.Split('.') is [_, "Lang" or "Linux" or "Hosting" or "Cli", ..] parts ? $"Hachi.{parts[1]}" : "Hachi";

    private static string RoomOf(string project, string space) =>
        space.Length > project.Length && space.StartsWith(project + ".", StringComparison.Ordinal) ? space[(project.Length + 1)..].Split('.')[0] : "";

    private static int RankOf(string project, string space)
    {
        string room = RoomOf(project, space);
        return Array.FindIndex(s_orders[project], group => group.Contains(room));
    }
}
