using System.Text.Json;
using Hachi.Cli.Ebpf;
using Hachi.Linux.Attach;
using Hachi.Linux.Capture;
using Hachi.Linux.Load;
using Hachi.Text;
using Hachi.Uapi;
using KernelProgram = Hachi.Linux.Load.Program;

namespace Hachi.Cli.Verbs.Kernel;

/// <summary>What is in the kernel, a line each.</summary>
internal static class KernelText
{
    public static string Line(KernelProgram program) =>
        $"prog {program.Id}: {program.Type.Name()} {Escaper.Escape(program.Name)} tag {program.Tag}, {program.TranslatedBytes / 8} instructions{(program.JitedBytes > 0 ? $", {program.JitedBytes} bytes of machine code" : "")}";

    public static string Line(Map map) =>
        $"map {map.Id}: {map.Type.Name()} {Escaper.Escape(map.Name)}, key {map.KeySize}, value {map.ValueSize}, entries {map.MaxEntries}{(map.Flags == 0 ? "" : $", flags 0x{(uint)map.Flags:x}")}";

    public static string Line(in LinkInfo link) =>
        $"link {link.Id}: {link.Type.Name()} prog {link.ProgramId}{(link.AttachType is { } type ? $" at {type.Name()}" : "")}{(link.Target != 0 ? $" of {Target(link)}" : "")}{(link.CgroupId != 0 ? $" of cgroup {link.CgroupId}" : "")}";

    // An interface of another network namespace has a number only.
    private static string Target(in LinkInfo link)
    {
        uint target = link.Target;
        string? name = link.Type is BpfLinkType.Xdp or BpfLinkType.Tcx or BpfLinkType.Netkit && OperatingSystem.IsLinux() ? s_interfaces.Value.FirstOrDefault(each => each.Index == target)?.Name : null;
        return name is null ? $"{target}" : $"{Escaper.Escape(name)} ({target})";
    }

    private static readonly Lazy<IReadOnlyList<CaptureDevice>> s_interfaces = new(CaptureDevice.List);
}

/// <summary>The same as JSON: numbers and names as <c>bpftool -j</c> has them.</summary>
internal static class KernelJson
{
    // The first number of /proc/uptime: seconds, sleep included.
    private static readonly Lazy<DateTimeOffset> s_boot = new(() =>
        DateTimeOffset.UtcNow - TimeSpan.FromSeconds(double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture)));

    public static void Write(Utf8JsonWriter json, KernelProgram program)
    {
        json.WriteStartObject();
        json.WriteNumber("id", program.Id);
        json.WriteString("type", program.Type.Name());
        json.WriteString("name", program.Name);
        json.WriteString("tag", program.Tag);
        json.WriteBoolean("gpl_compatible", program.IsGplCompatible);
        json.WriteNumber("loaded_at", LoadedAt(program).ToUnixTimeSeconds());
        json.WriteNumber("uid", program.LoadedBy);
        json.WriteNumber("bytes_xlated", program.TranslatedBytes);
        json.WriteNumber("bytes_jited", program.JitedBytes);
        json.WriteStartArray("map_ids");
        foreach (uint id in program.ReadMapIds())
            json.WriteNumberValue(id);
        json.WriteEndArray();
        if (program.BtfId != 0)
            json.WriteNumber("btf_id", program.BtfId);
        (ulong runs, TimeSpan time, _) = program.ReadStatistics();
        if (runs > 0)
        {
            json.WriteNumber("run_time_ns", (long)time.TotalNanoseconds);
            json.WriteNumber("run_cnt", runs);
        }
        json.WriteEndObject();
    }

    /// <summary>When a program was loaded, by the clock of today.</summary>
    private static DateTimeOffset LoadedAt(KernelProgram program) => s_boot.Value + program.LoadedAfterBoot;

    public static void Write(Utf8JsonWriter json, Map map)
    {
        json.WriteStartObject();
        json.WriteNumber("id", map.Id);
        json.WriteString("type", map.Type.Name());
        json.WriteString("name", map.Name);
        json.WriteNumber("flags", (uint)map.Flags);
        json.WriteNumber("bytes_key", map.KeySize);
        json.WriteNumber("bytes_value", map.ValueSize);
        json.WriteNumber("max_entries", map.MaxEntries);
        if (map.BtfId != 0)
            json.WriteNumber("btf_id", map.BtfId);
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, in LinkInfo link)
    {
        json.WriteStartObject();
        json.WriteNumber("id", link.Id);
        json.WriteString("type", link.Type.Name());
        json.WriteNumber("prog_id", link.ProgramId);
        if (link.AttachType is { } type)
            json.WriteString("attach_type", type.Name());
        if (link.Target != 0)
            json.WriteNumber("target", link.Target);
        if (link.CgroupId != 0)
            json.WriteNumber("cgroup_id", link.CgroupId);
        json.WriteEndObject();
    }
}

/// <summary>Places and things of the kernel as arguments.</summary>
internal static class PlaceArgument
{
    public static Place Parse(string text) =>
        Place.TryParse(text, out Place? place, out string problem) ? place! : throw new CommandException(problem);

    /// <summary>A program by its number, the path of its pin, or its name where only one has it.</summary>
    public static KernelProgram OpenProgram(string text) =>
        uint.TryParse(text, out uint id) ? KernelProgram.Open(id) : IsPath(text) ? KernelProgram.OpenPinned(text) : ByName(text, KernelProgram.AllIds(), KernelProgram.Open, each => each.Name, "program");

    /// <summary>A map by its number, the path of its pin, or its name where only one has it.</summary>
    public static Map OpenMap(string text) =>
        uint.TryParse(text, out uint id) ? Map.Open(id) : IsPath(text) ? Map.OpenPinned(text) : ByName(text, Map.AllIds(), Map.Open, each => each.Name, "map");

    private static bool IsPath(string text) => text.Contains('/', StringComparison.Ordinal) || File.Exists(text);

    private static T ByName<T>(string name, IEnumerable<uint> ids, Func<uint, T> open, Func<T, string> nameOf, string what) where T : KernelResource
    {
        var found = new List<uint>();
        // The kernel keeps the first fifteen bytes.
        string kept = name[..Math.Min(name.Length, 15)];
        foreach (uint id in ids)
        {
            try
            {
                using T each = open(id);
                if (nameOf(each) == kept)
                    found.Add(id);
            }
            catch (Linux.BpfException e) when (e.Errno == (int)ErrorNumber.ENOENT)
            {
                // It went while we were asking.
            }
        }
        return found switch
        {
            [] => throw new CommandException($"there is no {what} of the name '{name}'", $"give its number, its name or the path of its pin; hachi list {what[..Math.Min(4, what.Length)]}s shows them"),
            [uint one] => open(one),
            _ => throw new CommandException($"{found.Count} {what}s have the name '{name}'", $"give a number: {string.Join(", ", found.Take(10))}"),
        };
    }

    /// <summary>A link by its number or by the path of its pin.</summary>
    public static BpfLink OpenLink(string text) => uint.TryParse(text, out uint id) ? BpfLink.Open(id) : BpfLink.OpenPinned(text);
}

/// <summary>Programs, maps and links pinned under one directory.</summary>
internal static class PinDirectory
{
    /// <summary>Makes the directory and fills it; on an error nothing stays.</summary>
    public static void Fill(string directory, LoadedObject loaded, IEnumerable<(KernelProgram Program, Link Link)> links)
    {
        if (Directory.Exists(directory))
            throw new CommandException($"'{directory}' is there already", "give a new directory below a mounted BPF file system");
        _ = OperatingSystem.IsWindows()
            ? throw new CommandException("pins are Linux's")
            : Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var made = new List<string>();
        try
        {
            foreach (KernelProgram program in loaded.Programs)
                Pin(Path.Combine(directory, "prog_" + Name(program.Name)), program.Pin);
            foreach (Map map in loaded.Maps)
                Pin(Path.Combine(directory, "map_" + Name(map.Name)), map.Pin);
            foreach ((KernelProgram program, Link link) in links)
                Pin(Path.Combine(directory, "link_" + Name(program.Name)), link is BpfLink one ? one.Pin
                    : throw new CommandException($"{link.Description} cannot be pinned", "it is several links, or attached by netlink: it would stay without a pin"));
        }
        catch
        {
            made.ForEach(File.Delete);
            Directory.Delete(directory);
            throw;
        }

        void Pin(string path, Action<string> pin)
        {
            for (int i = 2; made.Contains(path); i++)
                path = $"{path.TrimEnd("0123456789".ToCharArray())}{i}";
            pin(path);
            made.Add(path);
        }
    }

    // A BPF file system takes no dots in names.
    private static string Name(string name) => name.Replace('.', '_');
}
