using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Hachi.Asm;
using Hachi.Cli.Ebpf;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Vm;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps.Rings;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi run</c>: an eBPF program in user space, over memory.</summary>
internal sealed class RunVerb : IVerb
{
    private readonly Argument<string?> _program = new("PROG") { Description = "An ELF object, assembly text, hexadecimal digits or raw instructions; - is standard input", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _section = new("--section") { Description = "Which program of the object: its name or its section", HelpName = "S" };
    private readonly Option<string?> _memory = new("--mem") { Description = "The memory that r1 points to, as hexadecimal digits; r2 is its length", HelpName = "HEX" };
    private readonly Option<string?> _packet = new("--packet") { Description = "Run on each packet of a capture instead, in the context that the program's kind has", HelpName = "FILE" };
    private readonly Option<string?> _meta = new("--meta") { Description = "Metadata of the packets: mark=7,ifidx=2,...", HelpName = "NAME=VALUE,..." };
    private readonly Option<string> _engine = new("--engine") { Description = "interp, il, x64 or auto (the fastest there is)", DefaultValueFactory = _ => "auto", HelpName = "E" };
    private readonly Option<long?> _fuel = new("--fuel") { Description = "Stop after about so many instructions (default 4294967296)", HelpName = "N" };
    private readonly Option<bool> _trace = new("--trace") { Description = "Show each instruction and the register that it changes" };
    private readonly Option<string[]> _map = new("--map") { Description = "Fill a map before the run: lines KEY = VALUE (may be repeated)", HelpName = "NAME=FILE" };
    private readonly Option<bool> _maps = new("--maps") { Description = "Show the elements of the maps after the run" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON document" };
    private readonly Option<bool> _conformance = new("--conformance") { Description = "Read the program as hexadecimal bytes from standard input (bpf_conformance's plugin protocol); PROG is the memory, as hexadecimal digits" };

    public string Name => "run";

    public string Summary => "Run an eBPF program in user space";

    public string Usage => """
        run PROG [--section S] [--mem HEX|--packet FILE [--meta NAME=VALUE,...]] [--engine E] [--map NAME=FILE]... [--maps] [--fuel N] [--trace] [--json]
        run --conformance [MEMHEX] [--engine E]
        """;

    public string Examples => """
        hachi run prog.o --section tc --mem 000102        a program that clang built, over three bytes of memory
        hachi run prog.o --section xdp --packet a.pcap    the same on packets, a line each
        echo 'r0 = 7; exit' | tr ';' '\n' | hachi run -   assembly text
        """;

    public string About => """
        The last line is r0 as 0x.... A program that does what it may not do is stopped: the reason goes to standard error, and the status is 3.
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_program);
        foreach (Option option in (Option[])[_section, _memory, _packet, _meta, _engine, _map, _maps, _fuel, _trace, _json, _conformance])
            command.Add(option);
        command.SetAction(parse => parse.GetValue(_conformance) ? RunConformance(parse, shell) : Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        string path = parse.GetValue(_program) ?? throw new CommandException("a program is needed", "name an object, a text, or - for standard input");
        BpfObject bpf = ObjectFile.Read(shell, path);
        int index = ObjectFile.Choose(bpf, parse.GetValue(_section));
        bpf = Single(bpf, index);
        var trace = parse.GetValue(_trace) ? new RunTrace(bpf, shell.Out) : null;
        var options = new VmOptions { Engine = ParseEngine(parse.GetValue(_engine)!), Host = SystemHost.Of(shell), Watch = trace is null ? null : trace.Before };
        if (parse.GetValue(_fuel) is { } fuel)
            options = options with { Fuel = fuel > 0 ? fuel : throw new CommandException("--fuel is a number from 1 on") };
        using VmObject vm = Load(shell, bpf, options);
        MapText.Fill(shell, vm, parse.GetValue(_map) ?? []);
        PerfBuffer[] buffers = [.. vm.Maps.OfType<PerfEventMap>().SelectMany(map => map.OpenAll())];
        if (parse.GetValue(_packet) is { } file)
        {
            if (parse.GetValue(_memory) is not null)
                throw new CommandException("a run is over memory or on packets, not both");
            return RunPackets(parse, shell, vm, ReadPackets(shell, file, parse.GetValue(_meta)), trace, buffers);
        }
        VmResult result = vm.Programs[0].Run(ParseMemory(parse.GetValue(_memory)));
        return Show(parse, shell, vm, result, [], trace, buffers);
    }

    private int RunPackets(ParseResult parse, Shell shell, VmObject vm, List<DebugPacket> packets, RunTrace? trace, PerfBuffer[] buffers)
    {
        int status = ExitStatus.Done;
        foreach (DebugPacket packet in packets)
        {
            VmResult result = PacketRun.Run(vm.Programs[0], packet, out List<string> notes);
            status = Math.Max(status, Show(parse, shell, vm, result, notes, trace, packet == packets[^1] ? buffers : null));
        }
        return status;
    }

    private static List<DebugPacket> ReadPackets(Shell shell, string path, string? meta)
    {
        MetadataSettings? settings = null;
        if (meta is not null && (settings = MetadataSettings.Parse(meta, out Diagnostic? wrong)) is null)
            throw new CommandException(wrong!.Message);
        var packets = new List<DebugPacket>();
        using Stream stream = shell.OpenInput(path);
        return DebugVerb.ReadPackets(stream, path, packets, settings, shell) ? packets : throw new CommandException($"'{path}' cannot be read as a capture");
    }

    // Maps are shown behind the last run (the one that is given the buffers).
    private int Show(ParseResult parse, Shell shell, VmObject vm, in VmResult result, List<string> notes, RunTrace? trace, PerfBuffer[]? buffers)
    {
        trace?.End(result);
        bool isJson = parse.GetValue(_json);
        string[] elements = parse.GetValue(_maps) && buffers is not null ? [.. vm.Maps.SelectMany(MapText.Lines), .. MapText.Events(buffers)] : [];
        foreach (string line in isJson ? [] : notes.Concat(elements))
            shell.Out.WriteLine(line);
        VmResult shown = result;
        if (isJson)
            shell.WriteJson(to => WriteJson(to, vm.Programs[0].Spec.Name, shown, notes, elements));
        else if (result.Success)
            shell.Out.WriteLine(Hex(result.R0));
        if (result.Fault is { } fault && !isJson)
            ReportFault(shell, vm.Spec, fault);
        return result.Success ? ExitStatus.Done : ExitStatus.Stopped;
    }

    private int RunConformance(ParseResult parse, Shell shell)
    {
        string text = shell.ReadText("-");
        byte[]? code = HexBytes.Parse(text, out Diagnostic? wrong);
        if (code is null)
        {
            shell.Report(wrong!, text);
            return ExitStatus.BadInput;
        }
        if (!Insn.TryDecode(code, out Insn[] insns))
            throw new CommandException($"{code.Length} bytes are no whole number of instructions");
        VmLoad load = VmObject.Load(insns, VmOptions.Conformance with { Engine = ParseEngine(parse.GetValue(_engine)!) });
        if (load.Object is null)
            return ReportLoad(shell, load);
        using VmObject vm = load.Object;
        VmResult result = vm.Programs[0].Run(ParseMemory(parse.GetValue(_program)));
        if (result.Fault is { } fault)
        {
            ReportFault(shell, vm.Spec, fault);
            return ExitStatus.Stopped;
        }
        shell.Out.WriteLine(result.R0.ToString("x", CultureInfo.InvariantCulture));
        return ExitStatus.Done;
    }

    /// <summary>The object with the program alone, or with those that its program arrays name behind it.</summary>
    internal static BpfObject Single(BpfObject bpf, int index)
    {
        var wanted = bpf.Maps.Where(map => map.Type == Uapi.MapType.ProgArray).SelectMany(map => map.Slots).Select(slot => slot.Name).ToHashSet();
        ProgramSpec first = bpf.Programs[index];
        return bpf with
        {
            Programs = [first, .. bpf.Programs.Where((program, i) => i != index && wanted.Contains(program.Name))],
            Externs = [.. bpf.Externs.Select(each => each with { Uses = [.. each.Uses.Where(use => use.Program == index).Select(use => (0, use.Slot))] }).Where(each => each.Uses.Length > 0)],
        };
    }

    /// <summary>Loads an object, or says why not and ends the verb.</summary>
    internal static VmObject Load(Shell shell, BpfObject bpf, VmOptions options)
    {
        if (bpf.Externs.Length > 0)
            throw new CommandException($"the program needs '{bpf.Externs[0].Name}', which only a running kernel has", status: ExitStatus.Stopped);
        VmLoad load = VmObject.Load(bpf, options);
        if (load.Object is null)
            ReportLoad(shell, load);
        return load.Object ?? throw new CommandException("the program cannot run here");
    }

    internal static int ReportLoad(Shell shell, VmLoad load)
    {
        foreach (Diagnostic diagnostic in load.Diagnostics)
            shell.Fail($"{diagnostic.Message} [{diagnostic.Id}]", diagnostic.Hint);
        return ExitStatus.BadInput;
    }

    internal static VmEngine ParseEngine(string name) => name switch
    {
        "auto" => VmEngine.Auto,
        "interp" => VmEngine.Interpreter,
        "il" => VmEngine.Il,
        "x64" => VmEngine.X64,
        _ => throw new CommandException($"there is no engine '{name}'", "engines are interp, il, x64 and auto"),
    };

    internal static byte[] ParseMemory(string? digits)
    {
        if (digits is null)
            return [];
        return HexBytes.Parse(digits, out Diagnostic? wrong) ?? throw new CommandException($"the memory is not hexadecimal: {wrong!.Message}");
    }

    internal static string Hex(ulong value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);

    private static void ReportFault(Shell shell, BpfObject bpf, Fault fault)
    {
        ProgramSpec program = bpf.Programs[0];
        string line = ObjectPrinter.Lines(bpf, program).LastOrDefault(line => line.Slot <= fault.Insn).Text?.Trim() ?? "";
        string function = program.Functions.LastOrDefault(function => function.Start <= fault.Insn).Name ?? program.Name;
        var text = new StringBuilder($"instruction {fault.Insn} of {Escaper.Escape(program.Name)}");
        text.Append(function == program.Name ? "" : $" (in {Escaper.Escape(function)})");
        shell.Fail($"{text}: {fault.Message}", status: ExitStatus.Stopped);
        shell.Error.WriteLine($"  {Escaper.Escape(line)}");
        if (new SourceLines(bpf).At(program, fault.Insn) is { } source)
            shell.Error.WriteLine($"  {Escaper.Escape($"{source.Place}: {source.Text}")}");
        shell.Error.WriteLine(fault.Registers.IsEmpty
            ? "  --engine interp shows the registers, hachi debug the way there"
            : "  " + string.Join("  ", fault.Registers.Select((value, i) => $"r{i} {Hex(value)}")));
    }

    private static void WriteJson(Utf8JsonWriter to, string program, VmResult result, List<string> notes, string[] elements)
    {
        to.WriteStartObject();
        to.WriteString("program", program);
        if (result.Success)
            to.WriteString("r0", Hex(result.R0));
        to.WriteNumber("fuelUsed", result.FuelUsed);
        if (result.Fault is { } fault)
        {
            to.WriteStartObject("fault");
            to.WriteString("reason", fault.Reason.ToString());
            to.WriteNumber("insn", fault.Insn);
            to.WriteString("message", fault.Message);
            to.WriteStartArray("registers");
            foreach (ulong value in fault.Registers)
                to.WriteStringValue(Hex(value));
            to.WriteEndArray();
            to.WriteEndObject();
        }
        if (notes.Count > 0)
        {
            to.WriteStartArray("notes");
            foreach (string line in notes)
                to.WriteStringValue(line);
            to.WriteEndArray();
        }
        if (elements.Length > 0)
        {
            to.WriteStartArray("maps");
            foreach (string line in elements)
                to.WriteStringValue(line);
            to.WriteEndArray();
        }
        to.WriteEndObject();
    }
}
