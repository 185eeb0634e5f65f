using System.Globalization;
using System.Text;
using Hachi.Captures.Print;
using Hachi.Cli.Verbs;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Vm.Debug;

namespace Hachi.Cli.Ebpf;

/// <summary>The dialogue of <c>hachi debug</c> on an eBPF program: a command a line, the answer on standard output, the same from a terminal and from a pipe.</summary>
/// <param name="bpf">The object; its first program is debugged.</param>
/// <param name="open">Begins on a packet, or on the memory (null).</param>
/// <param name="packets">The packets; none for memory.</param>
/// <param name="output">Where answers go.</param>
internal sealed class EbpfDebugSession(BpfObject bpf, Func<DebugPacket?, EbpfDebugger> open, IReadOnlyList<DebugPacket> packets, TextWriter output)
{
    private const int BytesPerLine = 16;

    private static readonly (string Name, string Form, string Help)[] s_commands =
    [
        ("step", "step [N]", "execute N instructions (1 if left out); a negative N goes back"),
        ("back", "back [N]", "take back N instructions"),
        ("run", "run [N|all]", "to the next breakpoint or the end; N: so many packets from here; all: every packet"),
        ("reverse", "reverse", "back to the breakpoint passed last, or to the start"),
        ("breakpoint", "breakpoint [SLOT|FUNCTION|reset]", "stop there, or no more if it stops already; alone lists them"),
        ("registers", "registers", "r0 to r10, the next instruction"),
        ("stack", "stack", "the words of the innermost function's stack that are not zero"),
        ("memory", "memory", "the memory (or packet) in hexadecimal"),
        ("packet", "packet", "the packet in one line"),
        ("select", "select N", "go to packet N (1 is the first); maps begin anew"),
        ("maps", "maps", "the elements of the maps; of arrays those that are not zero"),
        ("disassemble", "disassemble", "the program; > is the next instruction, * a breakpoint"),
        ("restart", "restart", "to the first instruction"),
        ("help", "help", "this list; every command may be shortened"),
        ("quit", "quit", "leave"),
    ];

    private readonly SourceLines _sources = new(bpf);
    private readonly ulong[] _before = new ulong[Limits.Registers];
    private readonly SortedSet<int> _breakpoints = [];
    private EbpfDebugger _debugger = null!;
    private int _packet;

    /// <summary>Whether a command was not understood.</summary>
    public bool HadError { get; private set; }

    /// <summary>Reads commands until quit or the end of the input.</summary>
    /// <param name="input">The commands.</param>
    /// <param name="prompt">Written before each command, or empty.</param>
    public void Run(TextReader input, string prompt)
    {
        Select(0);
        try
        {
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
        finally
        {
            _debugger.Dispose();
        }
    }

    private void Select(int packet)
    {
        _packet = packet;
        _debugger?.Dispose();
        _debugger = open(packets.Count == 0 ? null : packets[packet]);
        _debugger.Breakpoints.UnionWith(_breakpoints);
    }

    private bool Execute(string line)
    {
        if (line.StartsWith('#'))
            return true;
        string[] words = line.Split((char[])[' ', '\t'], 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string argument = words.Length > 1 ? words[1] : "";
        string name = s_commands.Select(c => c.Name).FirstOrDefault(n => n == words[0]) ??
            s_commands.Select(c => c.Name).FirstOrDefault(n => n.StartsWith(words[0], StringComparison.Ordinal)) ?? "";
        _debugger.Registers.CopyTo(_before);
        switch (name)
        {
            case "step": Step(Number(argument)); break;
            case "back": Step(-Number(argument)); break;
            case "run": RunOn(argument); break;
            case "reverse": Say(_debugger.ContinueBack() ? "breakpoint" : "start"); Where(); break;
            case "breakpoint": Breakpoint(argument); break;
            case "registers": Registers(all: true); break;
            case "stack": Stack(); break;
            case "memory": Memory(); break;
            case "packet": ShowPacket(); break;
            case "select": SelectPacket(argument); break;
            case "maps": Maps(); break;
            case "disassemble": Disassemble(); break;
            case "restart": _debugger.GoTo(0); Where(); break;
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

    private static long Number(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : 1;

    private void Step(long count)
    {
        if (count < 0 && _debugger.Steps == 0)
            Wrong("at the start: there is nothing to take back");
        else if (count > 0 && _debugger.Result is not null)
            Wrong("the program has ended; back takes an instruction back, restart goes to the start");
        else
            _debugger.GoTo(Math.Max(0, _debugger.Steps + count));
        Where();
    }

    private void RunOn(string argument)
    {
        if (argument.Length > 0)
            RunPackets(argument);
        else if (_debugger.Result is not null)
            Wrong("the program has ended; restart goes to the start");
        else if (_debugger.Continue())
            Say("breakpoint");
        if (argument.Length == 0)
            Where();
    }

    // What each packet came to, counted; a breakpoint or a fault ends it there.
    private void RunPackets(string argument)
    {
        long left = argument == "all" ? packets.Count : long.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : 0;
        if (left < 1)
        {
            Wrong(packets.Count == 0 ? "there are no packets: name a capture, or write --sample" : "run takes a number of packets, or all");
            return;
        }
        var results = new SortedDictionary<ulong, int>();
        for (int p = argument == "all" ? 0 : _packet; p < packets.Count && left > 0; p++, left--)
        {
            Select(p);
            if (_debugger.Continue() || _debugger.Result is not { Fault: null } result)
            {
                Say($"{(_debugger.Result is null ? "breakpoint" : "stopped")}, packet {p + 1}");
                Where();
                break;
            }
            results[result.R0] = results.GetValueOrDefault(result.R0) + 1;
        }
        foreach ((ulong value, int count) in results)
            Say(string.Create(CultureInfo.InvariantCulture, $"r0 {RunVerb.Hex(value)}: {count} {(count == 1 ? "packet" : "packets")}"));
    }

    private void ShowPacket()
    {
        if (packets.Count == 0)
        {
            Wrong("there are no packets: name a capture, or write --sample");
            return;
        }
        DebugPacket p = packets[_packet];
        Say($"packet {_packet + 1} of {packets.Count}: {PacketLine.Format(p.LinkType, p.Data, p.WireLength, p.Timestamp)}");
    }

    private void SelectPacket(string argument)
    {
        if (!int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 1 || number > packets.Count)
        {
            Wrong(packets.Count == 0 ? "there are no packets: name a capture, or write --sample" : $"packets 1 to {packets.Count} can be selected");
            return;
        }
        Select(number - 1);
        _debugger.Registers.CopyTo(_before);
        ShowPacket();
        Where();
    }

    private void Breakpoint(string argument)
    {
        if (argument == "reset")
            _breakpoints.Clear();
        else if (argument.Length > 0)
        {
            int slot = int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                ? number
                : _debugger.Program.Functions.Where(function => function.Name == argument).Select(function => function.Start).FirstOrDefault(-1);
            if (slot < 0 || slot >= _debugger.Program.Insns.Length)
            {
                Wrong($"breakpoints stand at slots 0 to {_debugger.Program.Insns.Length - 1}, or at functions of the program");
                return;
            }
            if (!_breakpoints.Remove(slot))
                _breakpoints.Add(slot);
        }
        _debugger.Breakpoints.Clear();
        _debugger.Breakpoints.UnionWith(_breakpoints);
        Say(_breakpoints.Count == 0 ? "no breakpoints" : "breakpoints: " + string.Join(' ', _breakpoints));
    }

    // What the last command changed, and the next instruction or the end.
    private void Where()
    {
        Registers(all: false);
        if (_debugger.Result is { Fault: { } fault })
            Say($"stopped at {fault.Insn}: {Escaper.Escape(fault.Message)}");
        else if (_debugger.Result is { } result)
            Say("ended: r0 " + RunVerb.Hex(result.R0));
        else
            SayNext();
    }

    private void SayNext()
    {
        if (_sources.At(_debugger.Program, _debugger.Slot) is { } source)
            Say(Escaper.Escape($"{source.Place}: {source.Text}"));
        Say($"next: {Line(_debugger.Slot)}");
    }

    private void Registers(bool all)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{(packets.Count > 0 ? $"packet {_packet + 1}  " : "")}step {_debugger.Steps}");
        if (_debugger.Depth > 1)
            text.Append(CultureInfo.InvariantCulture, $"  frame {_debugger.Depth}");
        for (int i = 0; i < Limits.Registers; i++)
            if (all || _debugger.Registers[i] != _before[i])
                text.Append(CultureInfo.InvariantCulture, $"  r{i} {RunVerb.Hex(_debugger.Registers[i])}");
        Say(text.ToString());
        if (all && _debugger.Result is null)
            SayNext();
    }

    private string Line(int slot)
    {
        string text = ObjectPrinter.Lines(bpf, _debugger.Program).Where(line => line.Slot == slot).Select(line => line.Text.Trim()).FirstOrDefault("past the end");
        return string.Create(CultureInfo.InvariantCulture, $"{slot}: {Escaper.Escape(text)}");
    }

    private void Stack()
    {
        ReadOnlySpan<byte> stack = _debugger.Stack;
        bool isEmpty = true;
        for (int at = 0; at < stack.Length; at += 8)
        {
            ulong word = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(stack[at..]);
            if (word == 0)
                continue;
            isEmpty = false;
            Say(string.Create(CultureInfo.InvariantCulture, $"r10 - {stack.Length - at,3}  {Convert.ToHexStringLower(stack.Slice(at, 8))}  {RunVerb.Hex(word)}"));
        }
        if (isEmpty)
            Say("all zero");
    }

    private void Memory()
    {
        ReadOnlySpan<byte> memory = _debugger.Memory;
        for (int at = 0; at < memory.Length; at += BytesPerLine)
            Say(string.Create(CultureInfo.InvariantCulture, $"0x{at:x4}:  {Convert.ToHexStringLower(memory.Slice(at, Math.Min(BytesPerLine, memory.Length - at)))}"));
        if (memory.IsEmpty)
            Say("no memory");
    }

    private void Maps()
    {
        bool isEmpty = true;
        foreach (string line in _debugger.Object.Maps.SelectMany(MapText.Lines))
        {
            Say(line);
            isEmpty = false;
        }
        if (isEmpty)
            Say("no elements");
        _debugger.GoTo(_debugger.Steps); // records of ring buffers were taken out
    }

    private void Disassemble()
    {
        foreach ((int slot, string text) in ObjectPrinter.Lines(bpf, _debugger.Program))
        {
            if (_debugger.Program.FunctionAt(slot) is { } function && _debugger.Program.Functions.Length > 1)
                Say($"{Escaper.Escape(function.Name)}:");
            char mark = slot == _debugger.Slot && _debugger.Result is null ? '>' : _debugger.Breakpoints.Contains(slot) ? '*' : ' ';
            Say(string.Create(CultureInfo.InvariantCulture, $"{mark}{slot,5}  {Escaper.Escape(text)}"));
        }
    }

    private void Help()
    {
        foreach ((_, string form, string help) in s_commands)
            Say($"  {form,-34}{help}");
    }
}
