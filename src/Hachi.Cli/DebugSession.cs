using System.Globalization;
using System.Text;
using Hachi.Asm;
using Hachi.Captures;
using Hachi.Captures.Print;
using Hachi.Isa;
using Hachi.Text;
using Hachi.Vm;
using Hachi.Vm.Debug;

namespace Hachi.Cli;

/// <summary>The dialogue of <c>hachi debug</c>: a command a line, the answer on standard output, the same from a terminal and from a pipe.</summary>
internal sealed class DebugSession(ClassicProgram program, IReadOnlyList<DebugPacket> packets, TextWriter output)
{
    private static readonly (string Name, string Form, string Help)[] s_commands =
    [
        ("step", "step [N]", "execute N instructions (1 if left out); a negative N goes back"),
        ("back", "back [N]", "take back N instructions"),
        ("run", "run [N|all]", "to the next breakpoint or the end of the packet; N: so many packets from here; all: every packet"),
        ("reverse", "reverse", "back to the breakpoint passed last, or to the start"),
        ("breakpoint", "breakpoint [N|reset]", "stop in front of instruction N, or no more if it stops already; alone lists them; reset removes all"),
        ("registers", "registers", "A, X, next instruction, verdict"),
        ("memory", "memory", "the scratch memory M[0] to M[15]"),
        ("dump", "dump", "the packet in hexadecimal, and which bytes the last instruction read"),
        ("packet", "packet", "the packet in one line"),
        ("meta", "meta [NAME=VALUE,...]", "show packet metadata, or set some and start over"),
        ("disassemble", "disassemble [N]", "the program, or instruction N"),
        ("select", "select N", "go to packet N (1 is the first)"),
        ("restart", "restart", "to the first instruction of this packet"),
        ("help", "help", "this list; every command may be shortened"),
        ("quit", "quit", "leave"),
    ];

    private int _packet;
    private ClassicDebugger _debugger = null!;
    private readonly SortedSet<int> _breakpoints = [];

    /// <summary>Whether a command was not understood.</summary>
    public bool HadError { get; private set; }

    /// <summary>Reads commands until quit or the end of the input.</summary>
    /// <param name="input">The commands.</param>
    /// <param name="prompt">Written before each command, or empty.</param>
    public void Run(TextReader input, string prompt)
    {
        Select(0);
        Where();
        while (true)
        {
            output.Write(prompt);
            output.Flush();
            if (input.ReadLine() is not { } line)
                return;
            foreach (string part in line.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
                if (!Execute(part))
                    return;
        }
    }

    private bool Execute(string line)
    {
        if (line.StartsWith('#'))
            return true;
        string[] words = line.Split((char[])[' ', '\t'], 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string argument = words.Length > 1 ? words[1] : "";
        // A shortened word means the first command in the list that it begins.
        string name = s_commands.Select(c => c.Name).FirstOrDefault(n => n == words[0]) ??
            s_commands.Select(c => c.Name).FirstOrDefault(n => n.StartsWith(words[0], StringComparison.Ordinal)) ?? "";
        switch (name)
        {
            case "step": Step(Number(argument, 1)); break;
            case "back": Step(-Number(argument, 1)); break;
            case "run": RunOn(argument); break;
            case "reverse": Say(_debugger.ContinueBack() ? "breakpoint" : "start of the packet"); Where(); break;
            case "breakpoint": Breakpoint(argument); break;
            case "registers": Registers(); break;
            case "memory": Memory(); break;
            case "dump": Dump(); break;
            case "packet": ShowPacket(); break;
            case "meta": Metadata(argument); break;
            case "disassemble": Disassemble(argument); break;
            case "select": SelectPacket(argument); break;
            case "restart": _debugger.Reset(); Where(); break;
            case "help": Help(); break;
            case "quit": return false;
            default: Wrong($"'{Escaper.Escape(words[0])}' is no command; help lists them"); break;
        }
        return true;
    }

    private void Say(string text) => output.WriteLine(text);

    private void Wrong(string text)
    {
        HadError = true;
        output.WriteLine(text);
    }

    private static long Number(string text, long otherwise) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : otherwise;

    private void Select(int packet)
    {
        _packet = packet;
        DebugPacket p = packets[packet];
        _debugger = new ClassicDebugger(program, p.Data, p.WireLength, p.Metadata);
        _debugger.Breakpoints.UnionWith(_breakpoints);
    }

    private void SelectPacket(string argument)
    {
        long number = Number(argument, 0);
        if (number < 1 || number > packets.Count)
        {
            Wrong($"packets 1 to {packets.Count} can be selected");
            return;
        }
        Select((int)number - 1);
        ShowPacket();
        Where();
    }

    private void Step(long count)
    {
        if (count < 0 && _debugger.Steps == 0)
            Wrong("at the start of the packet: there is nothing to take back");
        else if (count > 0 && _debugger.Outcome != ClassicOutcome.Running)
            Wrong("the program has ended; back takes an instruction back, select goes to another packet");
        else
            _debugger.GoTo(Math.Clamp(_debugger.Steps + count, 0, long.MaxValue / 2));
        Where();
    }

    private void RunOn(string argument)
    {
        if (argument.Length == 0)
        {
            if (_debugger.Outcome != ClassicOutcome.Running)
                Wrong("the program has ended; restart, or select another packet");
            else if (_debugger.Continue())
                Say("breakpoint");
            Where();
            return;
        }
        long left = argument == "all" ? packets.Count : Number(argument, 0);
        int from = argument == "all" ? 0 : _packet, passed = 0, failed = 0;
        if (left < 1)
        {
            Wrong("run takes a number of packets, or all");
            return;
        }
        for (int p = from; p < packets.Count && left > 0; p++, left--)
        {
            Select(p);
            if (_debugger.Continue())
            {
                Say($"breakpoint, packet {p + 1}");
                Where();
                break;
            }
            if (_debugger.Verdict != 0)
                passed++;
            else
                failed++;
        }
        Say($"{passed} packets passed, {failed} failed");
    }

    private void Breakpoint(string argument)
    {
        if (argument == "reset")
        {
            _breakpoints.Clear();
        }
        else if (argument.Length > 0)
        {
            if (!int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out int at) || at >= program.Length)
            {
                Wrong($"breakpoints stand at instructions 0 to {program.Length - 1}");
                return;
            }
            if (!_breakpoints.Remove(at))
                _breakpoints.Add(at);
        }
        _debugger.Breakpoints.Clear();
        _debugger.Breakpoints.UnionWith(_breakpoints);
        Say(_breakpoints.Count == 0 ? "no breakpoints" : "breakpoints: " + string.Join(' ', _breakpoints));
    }

    /// <summary>Where the program stands: what the last instruction left behind, and the next one.</summary>
    private void Where()
    {
        Registers();
        if (_debugger.Outcome == ClassicOutcome.Running)
            Say("next: " + Line(_debugger.Pc));
    }

    private string Line(int pc) => pc < program.Length ? ClassicPrinter.ListingLine(program[pc], pc).TrimEnd() : $"({pc:000}) past the end";

    private void Registers()
    {
        ClassicDebugger d = _debugger;
        Say(string.Create(CultureInfo.InvariantCulture, $"packet {_packet + 1}  step {d.Steps}  A 0x{d.A:x8} {d.A}  X 0x{d.X:x8} {d.X}"));
        string? end = d.Outcome switch
        {
            ClassicOutcome.Running => null,
            ClassicOutcome.Returned when d.Verdict == 0 => "rejected: ret 0 at instruction " + d.LastPc,
            ClassicOutcome.Returned => $"accepted: ret {d.Verdict} at instruction {d.LastPc}",
            ClassicOutcome.LoadOutside => $"rejected: instruction {d.LastPc} reads outside the {d.Packet.Length} captured bytes",
            ClassicOutcome.DivisionByZero => $"rejected: instruction {d.LastPc} divides by zero",
            ClassicOutcome.OutOfFuel => "rejected: too many backward jumps",
            _ => $"rejected: instruction {d.LastPc} is malformed",
        };
        if (end is not null)
            Say(end);
    }

    private void Memory()
    {
        var text = new StringBuilder();
        for (int i = 0; i < _debugger.Memory.Length; i++)
            text.Append(CultureInfo.InvariantCulture, $"M[{i}] 0x{_debugger.Memory[i]:x8}{(i % 4 == 3 ? "\n" : "  ")}");
        output.Write(text);
    }

    private void Dump()
    {
        ReadOnlySpan<byte> packet = _debugger.Packet;
        for (int at = 0; at < packet.Length; at += 16)
        {
            ReadOnlySpan<byte> row = packet.Slice(at, Math.Min(16, packet.Length - at));
            var text = new StringBuilder();
            text.Append(CultureInfo.InvariantCulture, $"0x{at:x4}: ");
            for (int i = 0; i < row.Length; i++)
                text.Append(i % 2 == 0 ? " " : "").Append(CultureInfo.InvariantCulture, $"{row[i]:x2}");
            text.Append(' ', 51 - text.Length);
            foreach (byte b in row)
                text.Append(b is >= 0x20 and < 0x7f ? (char)b : '.');
            Say(text.ToString());
        }
        if (LastRead() is { } read)
            Say($"instruction {_debugger.LastPc} reads {(read.Bytes == 1 ? "byte" : "bytes")} {read.At}{(read.Bytes == 1 ? "" : $" to {read.At + read.Bytes - 1}")}");
    }

    /// <summary>Which bytes the last instruction read: loads leave X, which they count from, as it was.</summary>
    private (long At, int Bytes)? LastRead()
    {
        if (_debugger.LastPc < 0 || ClassicTable.Find(program[_debugger.LastPc].Code) is not { } form)
            return null;
        ClassicInsn insn = program[_debugger.LastPc];
        int bytes = (insn.Code & ClassicOpcode.SizeMask) switch { ClassicOpcode.W => 4, ClassicOpcode.H => 2, _ => 1 };
        return form.Shape switch
        {
            ClassicShape.Absolute when insn.K < Extension.LinkLayerOff => (insn.K, bytes),
            ClassicShape.Indirect => ((long)_debugger.X + insn.K, bytes),
            ClassicShape.HeaderLength => (insn.K, 1),
            _ => null,
        };
    }

    private void ShowPacket()
    {
        DebugPacket p = packets[_packet];
        Say($"packet {_packet + 1} of {packets.Count}: {PacketLine.Format(p.LinkType, p.Data, p.WireLength, p.Timestamp)}");
    }

    private void Metadata(string argument)
    {
        if (argument.Length > 0)
        {
            if (MetadataSettings.Parse(argument, out Diagnostic? wrong) is not { } settings)
            {
                Wrong(wrong!.Message);
                return;
            }
            PacketMetadata metadata = _debugger.Metadata;
            settings.Apply(ref metadata);
            _debugger.Metadata = metadata;
            Where();
        }
        PacketMetadata m = _debugger.Metadata;
        Say($"proto 0x{m.Protocol:x4} type {m.PacketType} ifidx {m.InterfaceIndex} mark {m.Mark} queue {m.Queue} hatype {m.HardwareType} rxhash 0x{m.RxHash:x} cpu {m.Cpu}");
        Say($"vlan_tci {m.VlanTci} vlan_avail {m.VlanPresent} vlan_tpid 0x{m.VlanTpid:x4} rand {m.Random}");
    }

    private void Disassemble(string argument)
    {
        long one = Number(argument, -1);
        for (int pc = 0; pc < program.Length; pc++)
            if (one < 0 || one == pc)
                Say((pc == _debugger.Pc && _debugger.Outcome == ClassicOutcome.Running ? "> " : _breakpoints.Contains(pc) ? "* " : "  ") + Line(pc));
    }

    private void Help()
    {
        foreach ((_, string form, string help) in s_commands)
            Say($"  {form,-24}{help}");
    }
}

/// <summary>A packet to debug a filter with.</summary>
internal sealed record DebugPacket(byte[] Data, uint WireLength, long Timestamp, LinkType LinkType, PacketMetadata Metadata);
