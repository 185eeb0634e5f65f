using System.Text.Json;
using Hachi.Cli.Ebpf;
using Hachi.Linux.Attach;
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

    public static string Element(Map map, byte[] key, byte[] value) => $"{Escaper.Escape(map.Name)}[{MapText.Number(key)}] = {MapText.Values(value, map.ValueSize, map.IsPerCpu)}";

    public static string Line(in LinkInfo link) =>
        $"link {link.Id}: {link.Type.Name()} prog {link.ProgramId}{(link.AttachType is { } type ? $" at {type.Name()}" : "")}{(link.Target != 0 ? $" of {link.Target}" : "")}{(link.CgroupId != 0 ? $" of cgroup {link.CgroupId}" : "")}";
}

/// <summary>The same as JSON: numbers and names as <c>bpftool -j</c> has them.</summary>
internal static class KernelJson
{
    public static void Write(Utf8JsonWriter json, KernelProgram program)
    {
        json.WriteStartObject();
        json.WriteNumber("id", program.Id);
        json.WriteString("type", program.Type.Name());
        json.WriteString("name", program.Name);
        json.WriteString("tag", program.Tag);
        json.WriteBoolean("gpl_compatible", program.IsGplCompatible);
        json.WriteNumber("bytes_xlated", program.TranslatedBytes);
        json.WriteNumber("bytes_jited", program.JitedBytes);
        json.WriteStartArray("map_ids");
        foreach (uint id in program.ReadMapIds())
            json.WriteNumberValue(id);
        json.WriteEndArray();
        if (program.BtfId != 0)
            json.WriteNumber("btf_id", program.BtfId);
        json.WriteEndObject();
    }

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

    /// <summary>An element of a map on one line: <c>{"key":"07000000","value":"..."}</c>, of a map with a value for each processor <c>"values":[...]</c>.</summary>
    public static string Element(Map map, byte[] key, byte[] value)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            json.WriteString("key", Convert.ToHexStringLower(key));
            if (map.IsPerCpu)
            {
                int stride = (map.ValueSize + 7) / 8 * 8;
                json.WriteStartArray("values");
                for (int at = 0; at + map.ValueSize <= value.Length; at += stride)
                    json.WriteStringValue(Convert.ToHexStringLower(value.AsSpan(at, map.ValueSize)));
                json.WriteEndArray();
            }
            else
            {
                json.WriteString("value", Convert.ToHexStringLower(value));
            }
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(memory.ToArray());
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

    /// <summary>A program by its number or by the path of its pin.</summary>
    public static KernelProgram OpenProgram(string text) => uint.TryParse(text, out uint id) ? KernelProgram.Open(id) : KernelProgram.OpenPinned(text);

    /// <summary>A map by its number or by the path of its pin.</summary>
    public static Map OpenMap(string text) => uint.TryParse(text, out uint id) ? Map.Open(id) : Map.OpenPinned(text);

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
