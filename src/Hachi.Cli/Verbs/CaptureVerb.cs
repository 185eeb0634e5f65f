using System.CommandLine;
using System.Globalization;
using Hachi.Captures;
using Hachi.Cli.Capture;
using Hachi.Linux;
using Hachi.Linux.Capture;
using Hachi.Text;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi capture</c>: packets of an interface, printed or written.</summary>
internal sealed class CaptureVerb : IVerb
{
    private const int FewMilliseconds = 1, InteractiveMilliseconds = 10, WritingMilliseconds = 1000, FewPackets = 64, SnaplenMax = 262_144;

    private readonly Argument<string[]> _expression = new("EXPR") { Description = "A capture filter as in pcap-filter(7), in one argument or several; none takes everything", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string[]> _interfaces = new("-i", "--interface") { Description = "Capture on this interface (name, number, or any); may be repeated", HelpName = "IF" };
    private readonly Option<string?> _write = new("-w") { Description = "Write packets into a capture instead of printing them: pcapng if the name ends so, otherwise pcap; - is standard output", HelpName = "FILE" };
    private readonly Option<long> _count = new("-c") { Description = "End after N packets", HelpName = "N" };
    private readonly Option<int> _snaplen = new("-s", "--snapshot-length") { Description = "Bytes to keep of each packet; 0 is the default, 262144", HelpName = "N" };
    private readonly Option<bool> _plain = new("-p", "--no-promiscuous-mode") { Description = "Do not ask the interface for packets that are for somebody else" };
    private readonly Option<string> _direction = new("-Q", "--direction") { Description = "in, out or inout", DefaultValueFactory = _ => "inout", HelpName = "WAY" };
    private readonly Option<string?> _size = new("-C") { Description = "With -w: a new file when one is larger than this (millions of bytes; with k, m or g KiB, MiB, GiB)", HelpName = "SIZE" };
    private readonly Option<int> _seconds = new("-G") { Description = "With -w: a new file every so many seconds; FILE may hold %Y %m %d %H %M %S and the like", HelpName = "SECONDS" };
    private readonly Option<int> _files = new("-W") { Description = "With -C: so many files in turn; with -G: end after so many", HelpName = "N" };
    private readonly Option<int> _buffer = new("-B", "--buffer-size") { Description = "Buffer of each interface in KiB", DefaultValueFactory = _ => 4096, HelpName = "KIB" };
    private readonly Option<string?> _link = new("-y", "--linktype") { Description = "Link type of cooked captures (any): LINUX_SLL2 or LINUX_SLL", HelpName = "L" };
    private readonly Option<string?> _file = new("-F") { Description = "Read the filter from this file", HelpName = "FILE" };
    private readonly Option<bool> _list = new("-D", "--list-interfaces") { Description = "List the interfaces and end" };
    private readonly Option<bool> _flush = new("-U", "--packet-buffered") { Description = "With -w: write each packet as soon as it is there" };
    private readonly Option<bool> _numbers = new("-n") { Description = "Accepted as a habit: addresses and ports are always numbers" };
    private readonly Option<bool> _nano = new("--nano") { Description = "Time stamps of pcap files in nanoseconds (pcapng has them always)" };
    private readonly Option<bool> _onlyCount = new("--count") { Description = "Print only how many packets there were" };
    private readonly Option<bool> _stats = new("--stats") { Description = "At the end say on standard error what each interface counted, and how fast" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object a line for each packet (with -D for each interface)" };
    private readonly Option<bool> _asRoot = new("--as-root") { Description = "Under sudo: write files as root, not as the user who called sudo" };
    private readonly Option<bool> _unguarded = new("--no-sandbox") { Description = "Do not filter the system calls of the capture itself" };

    public string Name => "capture";

    public string Summary => "Capture packets of an interface: print or write those that match a filter (Linux)";

    public string Usage => "capture [-i IF]... [EXPR] [-w FILE] [-c N] [OPTIONS]";

    public string Examples => """
        hachi capture -D                                            what there is to capture on
        sudo hachi capture -i eth0 'tcp port 443'                   a line for each packet; Ctrl-C ends
        sudo hachi capture -i eth0 -i eth1 -w both.pcapng           two interfaces in one file
        sudo hachi capture -i any -c 10 'udp port 53' --json        ten packets, wherever they pass
        sudo hachi capture -w ring.pcap -C 100 -W 10                the last gigabyte, in ten files
        """;

    public string About => """
        The letters are tcpdump's. The filter runs in the kernel. Ctrl-C (or SIGTERM) ends the capture: what was received is still written, the counters
        are said on standard error, and the status is 130; with -c, or -G and -W, it is 0. SIGUSR1 says the counters meanwhile.
        When the sockets are open, root is given up (under sudo for the user who called it), then files are opened, with mode 0600, and all system calls
        that a capture does not need are denied.
        """;

    public void Build(Command command, Shell shell)
    {
        _direction.AcceptOnlyFromAmong("in", "out", "inout");
        command.Add(_expression);
        foreach (Option option in (Option[])[_interfaces, _write, _count, _snaplen, _plain, _direction, _size, _seconds, _files, _buffer, _link, _file, _list, _flush, _numbers, _nano, _onlyCount, _stats, _json, _asRoot, _unguarded])
            command.Add(option);
        command.SetAction(parse => Run(parse, shell));
    }

    /// <summary>A size as -C takes it.</summary>
    internal static long ParseSize(string text)
    {
        long unit = text.Length == 0 ? 0 : char.ToLowerInvariant(text[^1]) switch { 'k' => 1L << 10, 'm' => 1L << 20, 'g' => 1L << 30, _ => 0 };
        string digits = unit == 0 ? text : text[..^1];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number is > 0 and < 1L << 32
            ? number * (unit == 0 ? 1_000_000 : unit)
            : throw new CommandException($"'{text}' is no size", "-C 100 is a hundred million bytes; -C 64k, -C 100m, -C 1g count in KiB, MiB and GiB");
    }

    private int Run(ParseResult parse, Shell shell)
    {
        if (!OperatingSystem.IsLinux())
            throw new CommandException("capture is Linux's", "filter, explain and compile work on captures of every system");
        try
        {
            if (parse.GetValue(_list))
                return List(shell, parse.GetValue(_json));
            using var run = new CaptureRun(shell, MakePlan(parse, shell));
            return run.Run();
        }
        catch (BpfException e)
        {
            throw new CommandException(e.Message, null, ExitStatus.KernelRefused);
        }
    }

    private CapturePlan MakePlan(ParseResult parse, Shell shell)
    {
        string? path = parse.GetValue(_write);
        long most = parse.GetValue(_count);
        bool isCount = parse.GetValue(_onlyCount);
        if (most < 0 || (most == 0 && parse.GetResult(_count) is not null))
            throw new CommandException("-c takes a number from 1 up");
        if (isCount && path is not null)
            throw new CommandException("--count and -w exclude each other", "--stats says how many were written");
        int snaplen = parse.GetValue(_snaplen) switch
        {
            0 => SnaplenMax,
            > 0 and <= SnaplenMax and var n => n,
            _ => throw new CommandException($"-s takes a number from 0 to {SnaplenMax}"),
        };
        int kib = parse.GetValue(_buffer) is >= 1 and <= 1 << 20 and var size ? size : throw new CommandException("-B takes a number from 1 to 1048576 (KiB)");
        IReadOnlyList<CaptureDevice> devices = Devices(parse);
        return new CapturePlan
        {
            Devices = devices,
            Expression = Expression(parse, shell),
            Files = path is null ? NoFiles(parse) : Files(parse, shell, path, devices),
            CountMax = most,
            IsCount = isCount,
            IsJson = parse.GetValue(_json),
            ShowsStatistics = parse.GetValue(_stats),
            FlushesAlways = parse.GetValue(_flush) || path == "-",
            KeepsUser = parse.GetValue(_asRoot),
            IsUnguarded = parse.GetValue(_unguarded),
            Options = new LiveCaptureOptions
            {
                SnapLength = snaplen,
                IsPromiscuous = !parse.GetValue(_plain),
                Directions = parse.GetValue(_direction) switch { "in" => CaptureDirections.In, "out" => CaptureDirections.Out, _ => CaptureDirections.InOut },
                BufferBytes = kib * 1024,
                // Who asks for a few packets waits for them; waking up often costs little for so short a time.
                LatencyMilliseconds = most is > 0 and <= FewPackets ? FewMilliseconds : path is null || most > 0 || parse.GetValue(_flush) ? InteractiveMilliseconds : WritingMilliseconds,
            },
        };
    }

    private string Expression(ParseResult parse, Shell shell)
    {
        string typed = string.Join(' ', parse.GetValue(_expression) ?? []);
        if (parse.GetValue(_file) is not { } file)
            return typed;
        return typed.Length == 0 ? shell.ReadText(file).Trim() : throw new CommandException("a filter is given twice: by -F and as an argument");
    }

    private CaptureFileOptions? NoFiles(ParseResult parse) =>
        parse.GetValue(_size) is null && parse.GetValue(_seconds) == 0 && parse.GetValue(_files) == 0 ? null : throw new CommandException("-C, -G and -W need -w FILE");

    private CaptureFileOptions Files(ParseResult parse, Shell shell, string path, IReadOnlyList<CaptureDevice> devices)
    {
        int seconds = parse.GetValue(_seconds), files = parse.GetValue(_files);
        long size = parse.GetValue(_size) is { } text ? ParseSize(text) : 0;
        if (seconds < 0 || files < 0)
            throw new CommandException("-G and -W take numbers from 1 up");
        if (path == "-" && (seconds > 0 || size > 0))
            throw new CommandException("-C and -G need the name of a file: standard output is only one");
        if (files > 0 && seconds == 0 && size == 0)
            throw new CommandException("-W needs -C or -G: it says how many files there are");
        CaptureFormat format = path.EndsWith(".pcapng", StringComparison.OrdinalIgnoreCase) ? CaptureFormat.Pcapng : CaptureFormat.Pcap;
        if (format == CaptureFormat.Pcap && devices.Any(device => device.LinkType != devices[0].LinkType))
            throw new CommandException("these interfaces have different link types, and a pcap file holds one", "name a .pcapng file");
        return new CaptureFileOptions
        {
            Path = path,
            Open = name => shell.OpenOutput(name),
            Format = format,
            Nanoseconds = parse.GetValue(_nano),
            RotateBytes = size,
            RotateEvery = TimeSpan.FromSeconds(seconds),
            FileCount = files,
            Filter = string.Join(' ', parse.GetValue(_expression) ?? []),
        };
    }

    private CaptureDevice[] Devices(ParseResult parse)
    {
        string[] names = parse.GetValue(_interfaces) ?? [];
        CaptureDevice[] devices = names.Length == 0
            ? [CaptureDevice.Default() ?? throw new CommandException("there is no interface that is up", "hachi capture -D lists them")]
            : [.. names.Select(Find)];
        if (devices.Select(device => device.Index).Distinct().Count() != devices.Length)
            throw new CommandException("an interface is named twice");
        if (devices.Length > 1 && devices.Any(device => device.Index == 0))
            throw new CommandException("any stands for every interface: name it alone");
        if (parse.GetValue(_link) is not { } name)
            return devices;
        LinkType link = CompileVerb.ParseLink(name);
        return [.. devices.Select(device => device.LinkType == link ? device
            : device.IsCooked && link == LinkType.LinuxSll ? device with { LinkType = link }
            : throw new CommandException($"{device.Name} has no link type {link.Name}", $"it has {device.LinkType.Name}{(device.IsCooked ? " and LINUX_SLL" : "")}"))];
    }

    private static CaptureDevice Find(string name) => CaptureDevice.Find(name)
        ?? throw new CommandException($"there is no interface '{name}'", Nearest.To(name, CaptureDevice.List().Select(device => device.Name)) is { } near ? $"did you mean {near}?" : "hachi capture -D lists them");

    private static int List(Shell shell, bool isJson)
    {
        foreach (CaptureDevice device in (CaptureDevice[])[.. CaptureDevice.List(), CaptureDevice.Any])
        {
            if (isJson)
                shell.WriteJson(to =>
                {
                    to.WriteStartObject();
                    to.WriteNumber("index", device.Index);
                    to.WriteString("name", device.Name);
                    to.WriteString("linkType", device.LinkType.Name);
                    to.WriteBoolean("isUp", device.IsUp);
                    to.WriteBoolean("isRunning", device.IsRunning);
                    to.WriteBoolean("isLoopback", device.IsLoopback);
                    to.WriteEndObject();
                });
            else
                shell.Out.WriteLine($"{device.Index,3}  {Escaper.Escape(device.Name),-16} {device.LinkType.Name,-12} {State(device)}");
        }
        return ExitStatus.Done;
    }

    private static string State(CaptureDevice device) =>
        device.Index == 0 ? "every interface" : (device.IsUp ? device.IsRunning ? "up" : "up, no carrier" : "down") + (device.IsLoopback ? ", loopback" : "");
}
