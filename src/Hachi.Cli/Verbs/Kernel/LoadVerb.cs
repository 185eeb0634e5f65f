using System.CommandLine;
using Hachi.Cli.Ebpf;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;
using KernelProgram = Hachi.Linux.Load.Program;

namespace Hachi.Cli.Verbs.Kernel;

/// <summary><c>hachi load</c>: an object into the kernel; attached until Ctrl-C, or pinned.</summary>
internal sealed class LoadVerb : IVerb
{
    private readonly Argument<string> _object = new("OBJ") { Description = "An ELF object, assembly text, hexadecimal digits or raw instructions; - is standard input" };
    private readonly Option<string[]> _section = new("--section") { Description = "Only this program: its name or its section (may be repeated)", HelpName = "S" };
    private readonly Option<string[]> _attach = new("--attach") { Description = "Attach to a place; auto: where each program's section says (may be repeated)", HelpName = "PLACE" };
    private readonly Option<string?> _pin = new("--pin") { Description = "Pin programs, maps and links in a new directory of a BPF file system, and end", HelpName = "DIR" };
    private readonly Option<string> _pinMaps = new("--pin-maps") { Description = "Where maps that the object wants pinned by name are found or made, when programs stay or are attached (default /sys/fs/bpf)", HelpName = "DIR", DefaultValueFactory = _ => "/sys/fs/bpf" };
    private readonly Option<int> _pid = new("--pid", "-p") { Description = "The process, for uprobes and samples", DefaultValueFactory = _ => -1, HelpName = "N" };
    private readonly Option<uint> _log = new("--log") { Description = "Show what the verifier writes: 1 its paths, 2 every instruction, 4 figures", HelpName = "LEVEL" };
    private readonly Option<bool> _drop = new("--drop") { Description = "Once attached, give up root and every capability (what the kernel itself detaches needs none)" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON document" };

    public string Name => "load";

    public string Summary => "Load an object into the kernel, and attach it";

    public string Usage => "load OBJ [--section S]... [--attach PLACE|auto]... [--pin DIR] [--pin-maps DIR] [--pid N] [--log LEVEL] [--drop] [--json]";

    public string Examples => """
        hachi load prog.o                                would the kernel take it? Load, and drop it
        hachi load prog.o --attach xdp:eth0              attached until Ctrl-C
        hachi load prog.o --attach auto                  each program where its section says
        hachi load prog.o --attach tc:eth0 --pin /sys/fs/bpf/mine    and stays
        """;

    public string About => """
        PLACE is one of: xdp:IF, tc:IF[:egress], tracepoint:CATEGORY:NAME, raw_tracepoint:NAME, kprobe:FUNCTION, kretprobe:FUNCTION, uprobe:FILE:SYMBOL,
        uretprobe:FILE:SYMBOL, usdt:FILE:NAME, perf_event:99hz, cgroup:PATH, netns, sockmap:MAP; fentry:FUNCTION, lsm:HOOK, iter:KIND and their
        like where the program was loaded for it. Loading needs CAP_BPF, attaching more: hachi says what.
        What the verifier refuses is explained, status 3; what the kernel refuses otherwise is status 4.
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_object);
        foreach (Option option in (Option[])[_section, _attach, _pin, _pinMaps, _pid, _log, _drop, _json])
            command.Add(option);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        BpfObject spec = ObjectFile.Read(shell, parse.GetValue(_object)!);
        string[] sections = parse.GetValue(_section) ?? [], places = parse.GetValue(_attach) ?? [];
        foreach (string section in sections)
            _ = ObjectFile.Choose(spec, section);
        string[] names = [.. spec.Programs.Where(program => sections.Length == 0 || sections.Contains(program.Name) || sections.Contains(program.Section)).Select(program => program.Name)];
        // What is only tried leaves nothing behind.
        bool stays = places.Length > 0 || parse.GetValue(_pin) is not null;
        using LoadedObject loaded = spec.Load(new LoadOptions { Programs = names, LogLevel = parse.GetValue(_log), PinDirectory = stays ? parse.GetValue(_pinMaps) : null });
        foreach (KernelProgram program in loaded.Programs.Where(program => program.VerifierLog is not null))
            shell.Error.Write(Escaper.Escape(program.VerifierLog!, keepLines: true));
        var links = new List<(KernelProgram Program, Link Link)>();
        try
        {
            foreach (string place in places)
                Attach(loaded, place, parse.GetValue(_pid), links);
            Show(shell, loaded, links, parse.GetValue(_json));
            if (parse.GetValue(_pin) is { } directory)
            {
                PinDirectory.Fill(directory, loaded, links);
                return ExitStatus.Done;
            }
            if (links.Count == 0)
                return ExitStatus.Done;
            return Holding.UntilInterrupted(shell, links.ConvertAll(each => each.Link), parse.GetValue(_drop));
        }
        finally
        {
            foreach ((_, Link link) in links)
                link.Dispose();
        }
    }

    private static void Attach(LoadedObject loaded, string text, int pid, List<(KernelProgram Program, Link Link)> links)
    {
        if (text == "auto")
        {
            foreach (KernelProgram program in loaded.Programs.Where(program => program.Type != ProgramType.StructOps))
                links.Add((program, program.Attach(Place.OfSection(program.Section)
                    ?? throw new CommandException($"section '{program.Section}' of program {program.Name} names no place", "give one: --attach PLACE --section NAME"), pid)));
            foreach (MapSpec map in loaded.Spec.Maps.Where(map => map.Type == MapType.StructOps))
                links.Add((loaded.Programs.First(program => program.Type == ProgramType.StructOps), loaded.AttachStructOps(map.Name)));
            return;
        }
        Place place = PlaceArgument.Parse(text);
        foreach (KernelProgram program in loaded.Programs)
            links.Add((program, program.Attach(place, pid)));
    }

    private static void Show(Shell shell, LoadedObject loaded, List<(KernelProgram Program, Link Link)> links, bool isJson)
    {
        if (isJson)
        {
            shell.WriteJson(json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("programs");
                foreach (KernelProgram program in loaded.Programs)
                    KernelJson.Write(json, program);
                json.WriteEndArray();
                json.WriteStartArray("maps");
                foreach (Map map in loaded.Maps)
                    KernelJson.Write(json, map);
                json.WriteEndArray();
                json.WriteStartArray("links");
                foreach ((KernelProgram program, Link link) in links)
                {
                    json.WriteStartObject();
                    json.WriteNumber("program", program.Id);
                    json.WriteString("place", link.Description);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            });
            return;
        }
        foreach (KernelProgram program in loaded.Programs)
            shell.Out.WriteLine(KernelText.Line(program));
        foreach (Map map in loaded.Maps)
            shell.Out.WriteLine(KernelText.Line(map));
        foreach ((KernelProgram program, Link link) in links)
            shell.Out.WriteLine($"link: {Escaper.Escape(program.Name)} on {Escaper.Escape(link.Description)}");
    }
}
