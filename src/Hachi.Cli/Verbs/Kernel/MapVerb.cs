using System.CommandLine;
using Hachi.Cli.Ebpf;
using Hachi.Linux.Events;
using Hachi.Linux.Load;
using Hachi.Text;

namespace Hachi.Cli.Verbs.Kernel;

/// <summary><c>hachi map</c>: elements of a map in the kernel.</summary>
internal sealed class MapVerb : IVerb
{
    public string Name => "map";

    public string Summary => "Read and change the elements of a map in the kernel";

    public string Usage => """
        map get MAP [KEY] [--json]
        map set MAP KEY VALUE
        map delete MAP KEY
        map watch MAP [--every MS] [--json]
        """;

    public string Examples => """
        hachi map get 12                                 every element of map 12
        hachi map get /sys/fs/bpf/mine/map_counts 7      one element of a pinned map
        hachi map set 12 7 0                             a key and a value, as numbers or hex:00ff...
        hachi map set 12 7 '{ .packets = 0 }'            of a structure some members; the others stay as they are
        hachi map watch 12                               elements that change, as they do, until Ctrl-C
        """;

    public string About => """
        MAP is a map's number, its name, or the path of its pin. Keys and values are numbers as wide as the map has them, or bytes as hex:00ff... Where the map has types, they are
        shown and taken as such: { .pid = 7, .comm = "sh" }, [1, 2], names of enumerators.
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(Form(shell, "get", "Show one element or all", isKeyNeeded: false, takesValue: false, Get));
        command.Add(Form(shell, "set", "Set the value of a key", isKeyNeeded: true, takesValue: true, Set));
        command.Add(Form(shell, "delete", "Remove a key", isKeyNeeded: true, takesValue: false, Delete));
        command.Add(Watch(shell));
    }

    private static Command Form(Shell shell, string name, string summary, bool isKeyNeeded, bool takesValue, Func<Shell, Map, string?, string?, bool, int> run)
    {
        var command = new Command(name, summary);
        var map = new Argument<string>("MAP") { Description = "Its number, its name (of a program or map), or the path of its pin" };
        var key = new Argument<string?>("KEY") { Description = "A number, hex:00ff..., or what the map's types say", Arity = isKeyNeeded ? ArgumentArity.ExactlyOne : ArgumentArity.ZeroOrOne };
        var value = new Argument<string?>("VALUE") { Description = "A number, hex:00ff..., or what the map's types say" };
        command.Add(map);
        command.Add(key);
        if (takesValue)
            command.Add(value);
        var json = new Option<bool>("--json") { Description = "One JSON object for each element: its bytes as hexadecimal digits, and what they are where the map has types" };
        if (!takesValue && !isKeyNeeded)
            command.Add(json);
        command.SetAction(parse =>
        {
            using Map opened = PlaceArgument.OpenMap(parse.GetValue(map)!);
            return run(shell, opened, parse.GetValue(key), takesValue ? parse.GetValue(value) : null, !takesValue && !isKeyNeeded && parse.GetValue(json));
        });
        return command;
    }

    private static int Get(Shell shell, Map map, string? key, string? value, bool isJson)
    {
        var elements = new MapElements(map, isJson);
        if (key is null)
        {
            foreach ((byte[] each, byte[] element) in MapEntries.Of(map))
                shell.Out.WriteLine(elements.Line(each, element));
            return ExitStatus.Done;
        }
        byte[] bytes = elements.Key(key), found = new byte[map.ValueBytes];
        if (!map.TryGet(bytes, found))
            return shell.Fail($"map {map.Name} has no key {key}", null, ExitStatus.No);
        shell.Out.WriteLine(elements.Line(bytes, found));
        return ExitStatus.Done;
    }

    private static int Set(Shell shell, Map map, string? key, string? value, bool isJson)
    {
        var elements = new MapElements(map, isJson);
        byte[] bytes = elements.Key(key!);
        map.Set(bytes, elements.Value(value!, bytes));
        return ExitStatus.Done;
    }

    private static int Delete(Shell shell, Map map, string? key, string? value, bool isJson) =>
        map.Remove(new MapElements(map, isJson).Key(key!)) ? ExitStatus.Done : shell.Fail($"map {map.Name} has no key {key}", null, ExitStatus.No);

    private static Command Watch(Shell shell)
    {
        const int EveryDefault = 500;
        var command = new Command("watch", "Show elements as they change");
        var map = new Argument<string>("MAP") { Description = "Its number, its name (of a program or map), or the path of its pin" };
        var every = new Option<int>("--every") { Description = "Milliseconds between two looks (default 500)", DefaultValueFactory = _ => EveryDefault, HelpName = "MS" };
        command.Add(map);
        command.Add(every);
        var json = new Option<bool>("--json") { Description = "One JSON object for each change; {\"key\":...,\"gone\":true} for what was removed" };
        command.Add(json);
        command.SetAction(parse =>
        {
            using Map opened = PlaceArgument.OpenMap(parse.GetValue(map)!);
            bool isJson = parse.GetValue(json);
            var elements = new MapElements(opened, isJson);
            var seen = new Dictionary<string, string>();
            do
            {
                var now = new Dictionary<string, string>();
                foreach ((byte[] key, byte[] value) in MapEntries.Of(opened))
                    now[Convert.ToHexString(key)] = elements.Line(key, value);
                foreach ((string key, string line) in now)
                    if (seen.GetValueOrDefault(key) != line)
                        shell.Out.WriteLine(line);
                foreach (string gone in seen.Keys.Except(now.Keys))
                    shell.Out.WriteLine(isJson ? $"{{\"key\":\"{gone.ToLowerInvariant()}\",\"gone\":true}}" : $"{elements.Place(Convert.FromHexString(gone))} is gone");
                shell.Out.Flush();
                seen = now;
            }
            while (!shell.Interrupted.WaitHandle.WaitOne(Math.Max(1, parse.GetValue(every))));
            return ExitStatus.Interrupted;
        });
        return command;
    }
}
