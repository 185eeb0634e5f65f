using System.CommandLine;
using System.Text.Json;
using Hachi.Linux;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Text;
using Hachi.Uapi;
using KernelProgram = Hachi.Linux.Load.Program;

namespace Hachi.Cli.Verbs.Kernel;

/// <summary><c>hachi list</c>: everything of BPF in the kernel.</summary>
internal sealed class ListVerb : IVerb
{
    private static readonly string[] s_kinds = ["progs", "maps", "links", "btf"];

    private readonly Argument<string> _kind = new("KIND") { Description = "progs, maps, links or btf" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON document" };

    public string Name => "list";

    public string Summary => "List programs, maps, links or types in the kernel";

    public string Usage => "list progs|maps|links|btf [--json]";

    public string Examples => """
        hachi list progs                                 every program, with its kind, name and size
        hachi list links --json                          every link, for scripts
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_kind);
        command.Add(_json);
        command.SetAction(parse =>
        {
            string kind = parse.GetValue(_kind)!;
            if (!s_kinds.Contains(kind))
                throw new CommandException($"'{kind}' cannot be listed", "there are: progs, maps, links, btf");
            var rows = new List<(string Line, Action<Utf8JsonWriter> Json)>();
            foreach (uint id in kind switch { "progs" => KernelProgram.AllIds(), "maps" => Map.AllIds(), "links" => BpfLink.AllIds(), _ => LoadedTypes.AllIds() })
                if (Row(kind, id) is { } row)
                    rows.Add(row);
            if (parse.GetValue(_json))
                shell.WriteJson(json =>
                {
                    json.WriteStartArray();
                    rows.ForEach(row => row.Json(json));
                    json.WriteEndArray();
                });
            else
                rows.ForEach(row => shell.Out.WriteLine(row.Line));
            return ExitStatus.Done;
        });
    }

    // What ends between the listing and the look is left out.
    private static (string, Action<Utf8JsonWriter>)? Row(string kind, uint id)
    {
        try
        {
            switch (kind)
            {
                case "progs":
                    using (KernelProgram program = KernelProgram.Open(id))
                        return (KernelText.Line(program), Frozen(json => KernelJson.Write(json, program)));
                case "maps":
                    using (Map map = Map.Open(id))
                        return (KernelText.Line(map), Frozen(json => KernelJson.Write(json, map)));
                case "links":
                    using (BpfLink link = BpfLink.Open(id))
                    {
                        LinkInfo info = link.ReadInfo();
                        return (KernelText.Line(info), Frozen(json => KernelJson.Write(json, info)));
                    }
                default:
                    using (LoadedTypes types = LoadedTypes.Open(id))
                        return ($"btf {id}: {(types.Name.Length > 0 ? Escaper.Escape(types.Name) : "(an object's)")}, {types.SizeBytes} bytes{(types.IsKernel ? ", kernel" : "")}", Frozen(json =>
                        {
                            json.WriteStartObject();
                            json.WriteNumber("id", id);
                            json.WriteString("name", types.Name);
                            json.WriteNumber("size", types.SizeBytes);
                            json.WriteBoolean("kernel", types.IsKernel);
                            json.WriteEndObject();
                        }));
            }
        }
        catch (BpfException e) when (e.Errno == (int)ErrorNumber.ENOENT)
        {
            return null;
        }
    }

    // Written at once, while the descriptor is open.
    private static Action<Utf8JsonWriter> Frozen(Action<Utf8JsonWriter> write)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
            write(json);
        byte[] text = memory.ToArray();
        return json => json.WriteRawValue(text);
    }
}
