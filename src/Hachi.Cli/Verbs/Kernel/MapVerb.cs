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
        hachi map watch 12                               elements that change, as they do, until Ctrl-C
        """;

    public string About => """
        MAP is a map's number or the path of its pin. Keys and values are numbers as wide as the map has them, or bytes as hex:00ff...
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
        var map = new Argument<string>("MAP") { Description = "Its number, or the path of its pin" };
        var key = new Argument<string?>("KEY") { Description = "A number, or hex:00ff...", Arity = isKeyNeeded ? ArgumentArity.ExactlyOne : ArgumentArity.ZeroOrOne };
        var value = new Argument<string?>("VALUE") { Description = "A number, or hex:00ff..." };
        command.Add(map);
        command.Add(key);
        if (takesValue)
            command.Add(value);
        var json = new Option<bool>("--json") { Description = "One JSON object for each element, its bytes as hexadecimal digits" };
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
        if (key is null)
        {
            foreach ((byte[] each, byte[] element) in MapEntries.Of(map))
                shell.Out.WriteLine(Line(isJson, map, each, element));
            return ExitStatus.Done;
        }
        byte[] bytes = MapText.Bytes(key, map.KeySize, "key", map.Name), found = new byte[map.ValueBytes];
        if (!map.TryGet(bytes, found))
            return shell.Fail($"map {map.Name} has no key {key}", null, ExitStatus.No);
        shell.Out.WriteLine(Line(isJson, map, bytes, found));
        return ExitStatus.Done;
    }

    private static int Set(Shell shell, Map map, string? key, string? value, bool isJson)
    {
        byte[] one = MapText.Bytes(value!, map.ValueSize, "value", map.Name), whole = new byte[map.ValueBytes];
        // Every processor gets the value.
        int stride = map.IsPerCpu ? (map.ValueSize + 7) / 8 * 8 : Math.Max(1, whole.Length);
        for (int at = 0; at < whole.Length; at += stride)
            one.CopyTo(whole, at);
        map.Set(MapText.Bytes(key!, map.KeySize, "key", map.Name), whole);
        return ExitStatus.Done;
    }

    private static int Delete(Shell shell, Map map, string? key, string? value, bool isJson) =>
        map.Remove(MapText.Bytes(key!, map.KeySize, "key", map.Name)) ? ExitStatus.Done : shell.Fail($"map {map.Name} has no key {key}", null, ExitStatus.No);

    private static Command Watch(Shell shell)
    {
        const int EveryDefault = 500;
        var command = new Command("watch", "Show elements as they change");
        var map = new Argument<string>("MAP") { Description = "Its number, or the path of its pin" };
        var every = new Option<int>("--every") { Description = "Milliseconds between two looks (default 500)", DefaultValueFactory = _ => EveryDefault, HelpName = "MS" };
        command.Add(map);
        command.Add(every);
        var json = new Option<bool>("--json") { Description = "One JSON object for each change; {\"key\":...,\"gone\":true} for what was removed" };
        command.Add(json);
        command.SetAction(parse =>
        {
            using Map opened = PlaceArgument.OpenMap(parse.GetValue(map)!);
            bool isJson = parse.GetValue(json);
            var seen = new Dictionary<string, string>();
            do
            {
                var now = new Dictionary<string, string>();
                foreach ((byte[] key, byte[] value) in MapEntries.Of(opened))
                    now[Convert.ToHexString(key)] = Line(isJson, opened, key, value);
                foreach ((string key, string line) in now)
                    if (seen.GetValueOrDefault(key) != line)
                        shell.Out.WriteLine(line);
                foreach (string gone in seen.Keys.Except(now.Keys))
                    shell.Out.WriteLine(isJson ? $"{{\"key\":\"{gone.ToLowerInvariant()}\",\"gone\":true}}" : $"{Escaper.Escape(opened.Name)}[{MapText.Number(Convert.FromHexString(gone))}] is gone");
                shell.Out.Flush();
                seen = now;
            }
            while (!shell.Interrupted.WaitHandle.WaitOne(Math.Max(1, parse.GetValue(every))));
            return ExitStatus.Interrupted;
        });
        return command;
    }

    private static string Line(bool isJson, Map map, byte[] key, byte[] value) => isJson ? KernelJson.Element(map, key, value) : KernelText.Element(map, key, value);
}
