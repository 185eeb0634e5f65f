using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Hachi.Asm;
using Hachi.Captures;
using Hachi.Ir.Ebpf;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Prove;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi compile</c>: a capture filter to a program.</summary>
internal sealed class CompileVerb : IVerb
{
    private readonly Argument<string?> _expression = new("EXPR") { Description = "A capture filter as in pcap-filter(7); '' matches everything", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string> _link = new("--link") { Description = "Link type, by DLT name or number", DefaultValueFactory = _ => "EN10MB", HelpName = "L" };
    private readonly Option<int> _snaplen = new("--snaplen") { Description = "Bytes of a matching packet to keep: what the program returns", DefaultValueFactory = _ => 262144, HelpName = "N" };
    private readonly Option<string?> _netmask = new("--netmask") { Description = "IPv4 netmask of the network, for 'ip broadcast'", HelpName = "M" };
    private readonly Option<bool> _live = new("--live") { Description = "For a live capture on Linux: packet type, interface and stripped VLAN tags come from the kernel" };
    private readonly Option<bool> _plain = new("-O0") { Description = "Do not optimise" };
    private readonly Option<string> _to = new("--to") { Description = "Form of the program", DefaultValueFactory = _ => "d" };
    private readonly Option<string> _hook = new("--hook") { Description = "With --to elf: what the program is for", DefaultValueFactory = _ => "socket" };
    private readonly Option<string> _output = new("-o") { Description = "Where it goes; - is standard output", DefaultValueFactory = _ => "-", HelpName = "FILE" };
    private readonly Option<bool> _prove = new("--prove") { Description = "Prove that the program decides as the expression says; status 1 if it does not" };
    private readonly Option<bool> _batch = new("--batch") { Description = "Read requests from standard input, one JSON object a line; answer each with one" };

    public string Name => "compile";

    public string Summary => "Compile a capture filter to classic BPF or eBPF";

    public string Usage => """
        compile EXPR [--link L] [--snaplen N] [--netmask M] [--live] [-O0] [--to FORM] [-o FILE] [--prove]
        compile --batch
        """;

    public string Examples => """
        hachi compile 'tcp port 443'                     the program, as tcpdump -d lists it
        hachi compile 'tcp port 443' --to ddd            numbers, for iptables, nftables or a raw socket
        hachi compile 'icmp' --to tc                     eBPF for traffic control, with the guards that the kernel's verifier wants
        hachi compile 'host 10.0.0.1 or 10.0.0.2' --prove    and the proof that it does what it says
        """;

    public string About => """
        Forms: d, dd, ddd as tcpdump's options; asm (bpf_asm's syntax); ebpf (a socket filter with packet loads), tc and xdp (direct packet access), as
        text; json; elf (an eBPF object; --hook socket, tc or xdp). A tc program returns -1 (match) or 0; an xdp program passes what matches and drops
        the rest. A load outside the packet, or a division by zero, rejects the packet.
        """;

    public void Build(Command command, Shell shell)
    {
        _to.AcceptOnlyFromAmong("d", "dd", "ddd", "asm", "ebpf", "tc", "xdp", "json", "elf");
        _hook.AcceptOnlyFromAmong("socket", "tc", "xdp");
        command.Add(_expression);
        foreach (Option option in (Option[])[_link, _snaplen, _netmask, _live, _plain, _to, _hook, _output, _prove, _batch])
            command.Add(option);
        command.SetAction(parse => parse.GetValue(_batch) ? CompileBatch.Run(shell) : Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        string text = parse.GetValue(_expression) ?? throw new CommandException("an expression is needed", "quote it: hachi compile 'tcp port 443'; '' matches everything");
        LinkType link = ParseLink(parse.GetValue(_link)!);
        var options = new FilterOptions
        {
            SnapLength = parse.GetValue(_snaplen) is > 0 and var n ? n : throw new CommandException("--snaplen must be at least 1"),
            NetMask = parse.GetValue(_netmask) is { } mask ? ParseMask(mask) : FilterOptions.NetMaskUnknown,
            Live = parse.GetValue(_live),
            Optimise = !parse.GetValue(_plain),
            Lookup = new SystemNames(),
        };
        bool done = CaptureFilter.TryCompile(text, link, options, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> diagnostics);
        foreach (Diagnostic diagnostic in diagnostics)
            shell.Report(diagnostic, text);
        if (!done)
            return ExitStatus.BadInput;
        ProgramFile.Write(shell, parse.GetValue(_output)!, Render(filter!, parse.GetValue(_to)!, parse.GetValue(_hook)!));
        return parse.GetValue(_prove) ? Prove(shell, filter!) : ExitStatus.Done;
    }

    private static int Prove(Shell shell, CaptureFilter filter)
    {
        FilterProof proof = filter.Prove();
        shell.Out.Flush();
        switch (proof.Outcome)
        {
            case ProofOutcome.Proved:
                shell.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"proved: the program decides every packet as the expression does ({proof.Steps} steps)"));
                return ExitStatus.Done;
            case ProofOutcome.Counterexample:
                shell.Fail($"the program is wrong: it decides this packet otherwise: {Convert.ToHexString(proof.Packet!.Data)}", "please report this");
                return ExitStatus.No;
            default:
                shell.Fail($"undecided: {proof.Reason}");
                return ExitStatus.No;
        }
    }

    private static byte[] Render(CaptureFilter filter, string form, string hook)
    {
        ReadOnlySpan<ClassicInsn> insns = filter.Program.Insns;
        switch (form)
        {
            case "d" or "dd" or "ddd" or "asm":
                return ProgramFile.Classic(insns, form);
            case "json":
                return CompileBatch.Document(filter);
            case "elf":
                return ElfObjectWriter.Write(new BpfObject
                {
                    License = "GPL",
                    Programs = [new ProgramSpec("filter", SectionNames.Find(hook)?.Type ?? ProgramType.SocketFilter, [.. Translate(filter, hook)]) { Section = hook }],
                });
            default:
                return Encoding.ASCII.GetBytes(Printer.Print(Translate(filter, form == "ebpf" ? "socket" : form)));
        }
    }

    private static Insn[] Translate(CaptureFilter filter, string hook)
    {
        EbpfOptions options = hook switch { "tc" => EbpfOptions.Tc, "xdp" => EbpfOptions.Xdp, _ => EbpfOptions.Socket };
        return ClassicToEbpf.TryTranslate(filter.Program, options, out Insn[] insns, out string? reason)
            ? insns
            : throw new CommandException($"this filter has no eBPF form: {reason}");
    }

    /// <summary>A link type by name or number.</summary>
    internal static LinkType ParseLink(string name) =>
        LinkType.TryParse(name, out LinkType link) ? link : throw new CommandException($"there is no link type '{name}'", "use a DLT name or number: EN10MB, RAW, LINUX_SLL2, 127");

    private static uint ParseMask(string mask)
    {
        if (IPAddress.TryParse(mask, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork && mask.Contains('.'))
            return System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());
        string digits = mask.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? mask[2..] : mask;
        NumberStyles style = digits.Length == mask.Length ? NumberStyles.None : NumberStyles.AllowHexSpecifier;
        return uint.TryParse(digits, style, CultureInfo.InvariantCulture, out uint value)
            ? value
            : throw new CommandException($"'{mask}' is no netmask", "write 255.255.255.0 or 0xffffff00");
    }
}
