using System.CommandLine;
using System.Text;
using Hachi.Asm;
using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Cli.Ebpf;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Object;
using Hachi.Text;
using Hachi.Vm;
using Hachi.Vm.Contexts;
using Hachi.Vm.Debug;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi debug</c>: step a filter through packets, forwards and backwards.</summary>
internal sealed class DebugVerb : IVerb
{
    private const int PacketsMax = 100_000;

    private readonly Argument<string> _program = new("EXPR|PROG") { Description = "A capture filter; a file with a classic program (bpf_asm text, or the numbers of tcpdump -ddd); or one with an eBPF program (ELF, assembly text)" };
    private readonly Argument<string?> _file = new("FILE") { Description = "The capture", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<bool> _sample = new("--sample") { Description = "Use the built-in sample capture" };
    private readonly Option<bool> _plain = new("-O0") { Description = "Debug the expression as written, without optimisation" };
    private readonly Option<string?> _meta = new("--meta") { Description = "Packet metadata: mark=7,vlan_tci=100,...", HelpName = "NAME=VALUE,..." };

    private readonly Option<string?> _section = new("--section") { Description = "eBPF: which program of the object, by name or section", HelpName = "S" };
    private readonly Option<string?> _memory = new("--mem") { Description = "eBPF: the memory that r1 points to, as hexadecimal digits", HelpName = "HEX" };

    private readonly Option<string[]> _map = new("--map") { Description = "eBPF: fill a map before the run: lines KEY = VALUE (may be repeated)", HelpName = "NAME=FILE" };

    public string Name => "debug";

    public string Summary => "Step a filter or an eBPF program, forwards and backwards";

    public string Usage => """
        debug EXPR|PROG FILE|--sample [-O0] [--meta NAME=VALUE,...]
        debug PROG [FILE|--sample] [--section S] [--mem HEX] [--map NAME=FILE]...
        """;

    public string Examples => """
        hachi debug 'tcp port 443' --sample               a dialogue; help lists its commands
        hachi debug prog.o --section xdp --sample         an eBPF program, packet by packet
        hachi debug prog.o --mem 00ff                     one that runs over memory
        echo 'break 5; run all; back 2' | hachi debug 'udp' trace.pcap
                                                          the same from a script
        """;

    public string About => """
        Commands stand one a line or between semicolons: step, back, run, reverse, breakpoint, registers, memory, dump, packet, meta, disassemble, select,
        restart, help, quit; for eBPF also stack and maps (and what is of the classic machine alone not). The status is 2 when one of them was not understood.
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_program);
        command.Add(_file);
        foreach (Option option in (Option[])[_sample, _plain, _meta, _section, _memory, _map])
            command.Add(option);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        string text = parse.GetValue(_program)!;
        if (File.Exists(text) && ReadEbpf(text, isAlone: parse.GetValue(_file) is null && !parse.GetValue(_sample), shell) is { } bpf)
            return RunEbpf(parse, bpf, shell);
        if (ReadPackets(parse, shell) is not { } packets)
            return ExitStatus.BadInput;
        if ((File.Exists(text) ? FromFile(text, shell) : FromExpression(text, packets[0].LinkType, parse.GetValue(_plain), shell)) is not { } program)
            return ExitStatus.BadInput;
        var session = new DebugSession(program, packets, shell.Out);
        using var input = new StreamReader(shell.OpenInput("-"));
        session.Run(input, shell.IsTerminal && !Console.IsInputRedirected ? "> " : "");
        return session.HadError ? ExitStatus.BadInput : ExitStatus.Done;
    }

    // An ELF object, or text that is eBPF; where there are packets, text may be a classic program as well, which is asked first.
    private static BpfObject? ReadEbpf(string path, bool isAlone, Shell shell)
    {
        byte[] content = ProgramFile.Read(shell, path);
        if (isAlone || ElfObjectReader.IsElf(content) || !ObjectFile.IsText(content))
            return ObjectFile.Read(shell, path, content);
        string text = Encoding.UTF8.GetString(content);
        return IsNumbers(text) || ClassicAssembler.Assemble(text).Program is not null || ObjectParser.Parse(text).Object is null ? null : ObjectFile.Read(shell, path, content);
    }

    private List<DebugPacket>? ReadPackets(ParseResult parse, Shell shell)
    {
        MetadataSettings? settings = null;
        if (parse.GetValue(_meta) is { } meta && (settings = MetadataSettings.Parse(meta, out Diagnostic? wrong)) is null)
        {
            shell.Report(wrong!, meta);
            return null;
        }
        string path = parse.GetValue(_file) ?? "";
        if (path.Length == 0 != parse.GetValue(_sample))
            throw new CommandException("one capture is needed", "name a file, or write --sample");
        if (path == "-")
            throw new CommandException("the capture cannot be standard input: the commands come from there");
        var packets = new List<DebugPacket>();
        using (Stream stream = parse.GetValue(_sample) ? new MemoryStream(SampleCapture.BuiltIn()) : shell.OpenInput(path))
            return ReadPackets(stream, path, packets, settings, shell) ? packets : null;
    }

    private int RunEbpf(ParseResult parse, BpfObject bpf, Shell shell)
    {
        bpf = RunVerb.Single(bpf, ObjectFile.Choose(bpf, parse.GetValue(_section)));
        List<DebugPacket>? packets = null;
        if (parse.GetValue(_file) is not null || parse.GetValue(_sample))
        {
            if (parse.GetValue(_memory) is not null)
                throw new CommandException("a program is debugged over memory or on packets, not both");
            if ((packets = ReadPackets(parse, shell)) is null)
                return ExitStatus.BadInput;
        }
        RunVerb.Load(shell, bpf, new VmOptions { Engine = VmEngine.Interpreter }).Dispose();
        byte[] memory = RunVerb.ParseMemory(parse.GetValue(_memory));
        var session = new EbpfDebugSession(bpf, Open, packets ?? [], shell.Out);
        using var input = new StreamReader(shell.OpenInput("-"));
        session.Run(input, shell.IsTerminal && !Console.IsInputRedirected ? "> " : "");
        return session.HadError ? ExitStatus.BadInput : ExitStatus.Done;

        EbpfDebugger Open(DebugPacket? packet)
        {
            Func<VmContext>? context = packet is not null && PacketRun.MakeContext(bpf.Programs[0].Type, packet) is not null ? () => PacketRun.MakeContext(bpf.Programs[0].Type, packet)! : null;
            return EbpfDebugger.Open(bpf, 0, packet?.Data ?? memory, out _, context: context, prepare: vm => MapText.Fill(shell, vm, parse.GetValue(_map) ?? []))!;
        }
    }

    /// <summary>Reads the packets of a capture that share the first one's link type; says what is wrong.</summary>
    internal static bool ReadPackets(Stream stream, string path, List<DebugPacket> packets, MetadataSettings? settings, Shell shell)
    {
        using CaptureReader? reader = CaptureReader.Open(stream, out Diagnostic? diagnostic);
        while (reader is not null && packets.Count < PacketsMax && reader.TryReadBatch(out CaptureBatch batch))
            foreach (ref readonly PacketRecord record in batch.Records)
            {
                if (packets.Count == PacketsMax || (packets.Count > 0 && batch.LinkType != packets[0].LinkType))
                    break;
                reader.ReadMetadata(batch, record, out PacketMetadata metadata);
                settings?.Apply(ref metadata);
                packets.Add(new DebugPacket(batch.Data(record).ToArray(), record.OriginalLength, reader.TimestampOf(batch, record), batch.LinkType, metadata));
            }
        if ((diagnostic ?? reader?.Diagnostic) is { } damage)
            shell.Fail($"{Escaper.Escape(path)}: {damage.Message} [{damage.Id}]");
        else if (packets.Count == 0)
            shell.Fail($"{Escaper.Escape(path)}: no packets");
        return packets.Count > 0;
    }

    private static ClassicProgram? FromExpression(string text, LinkType link, bool plain, Shell shell)
    {
        var options = new FilterOptions { Lookup = new SystemNames(), Optimise = !plain };
        _ = CaptureFilter.TryCompile(text, link, options, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> diagnostics);
        foreach (Diagnostic diagnostic in diagnostics)
            shell.Report(diagnostic, text);
        return filter?.Program;
    }

    private static ClassicProgram? FromFile(string path, Shell shell)
    {
        string text = shell.ReadText(path);
        ClassicAssembled assembled = IsNumbers(text) ? ClassicNumbers.Parse(text) : ClassicAssembler.Assemble(text);
        foreach (Diagnostic diagnostic in assembled.Diagnostics)
            shell.Report(diagnostic, text);
        return assembled.Program;
    }

    // As tcpdump -ddd or -dd prints them.
    private static bool IsNumbers(string text) => text.AsSpan().Trim() is [var first, ..] && (char.IsAsciiDigit(first) || first == '{');
}
