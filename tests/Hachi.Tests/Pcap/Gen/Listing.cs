using System.Globalization;
using System.Text.RegularExpressions;
using Hachi.Captures;

namespace Hachi.Tests.Pcap.Gen;

/// <summary>One line of a listing as libpcap prints programs.</summary>
internal sealed record ListingLine(string Op, string Arg, int Jt, int Jf)
{
    public uint Number { get; } = Regex.Match(Arg, "0x[0-9a-f]+|[0-9]+") is { Success: true } m
        ? m.Value.StartsWith("0x", StringComparison.Ordinal) ? uint.Parse(m.Value.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) : uint.Parse(m.Value, CultureInfo.InvariantCulture)
        : 0;

    /// <summary>First character of the operand: <c>#</c> number, <c>x</c> register, <c>[</c> packet, <c>M</c> memory.</summary>
    public char Kind => Arg.Length == 0 ? ' ' : Arg[0];
}

/// <summary>Where a value of a running listing came from: bytes of the packet, perhaps masked. Enough to find a packet that takes the other branch.</summary>
internal readonly record struct Origin(int Offset, int Size, uint Mask);

/// <summary>A branch that was taken: what was compared with what.</summary>
internal readonly record struct Taken(int Line, bool IsTrue, string Op, uint Value, Origin? From);

/// <summary>Reads and runs libpcap's listings. A witness of its own: nothing of the product is in it.</summary>
internal sealed partial class Listing
{
    private readonly ListingLine[] _lines;

    public Listing(string text)
    {
        var lines = new List<ListingLine>();
        foreach (Match m in LineForm().Matches(text))
        {
            string arg = m.Groups[2].Value.Trim();
            Match jumps = Jumps().Match(arg);
            lines.Add(jumps.Success
                ? new ListingLine(m.Groups[1].Value, arg[..jumps.Index].Trim(), Int(jumps.Groups[1].Value), Int(jumps.Groups[2].Value))
                : new ListingLine(m.Groups[1].Value, arg, 0, 0));
        }

        _lines = [.. lines];
        Assert.NotEmpty(_lines);
    }

    /// <summary>Number of conditional jumps.</summary>
    public int Branches => _lines.Count(line => line.Jt != line.Jf);

    /// <summary>Whether the last run ended in a load outside the packet or a division by zero.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Whether a test always comes out the same: what libpcap 1.10 makes of a term that is fixed on a link type.</summary>
    public bool HasFixedTest => _lines.Zip(_lines.Skip(1)).Any(pair => pair.First is { Op: "ld", Kind: '#', Arg: not "#pktlen" } && pair.Second is { Op: "jeq", Kind: '#' });

    /// <summary>What the program returns for a packet; 0 when a load fails.</summary>
    public uint Run(ReadOnlySpan<byte> packet, uint length, in PacketMetadata metadata, List<Taken>? trace = null)
    {
        HasFailed = false;
        uint a = 0, x = 0;
        Origin? from = null;
        Span<uint> memory = stackalloc uint[16];
        memory.Clear();
        var memoryFrom = new Origin?[16];
        int pc = 0;
        for (int fuel = 200_000; fuel > 0; fuel--)
        {
            ListingLine line = _lines[pc++];
            uint k = line.Number, operand = line.Kind == 'x' ? x : k;
            switch (line.Op)
            {
                case "ret":
                    return k;
                case "ld" when line.Arg == "#pktlen":
                    (a, from) = (length, null);
                    break;
                case "ld" when line.Kind == '#':
                    (a, from) = (k, null);
                    break;
                case "ld" when line.Kind == 'M':
                    (a, from) = (memory[(int)k], memoryFrom[k]);
                    break;
                case "ld" or "ldh" or "ldb" when char.IsLetter(line.Arg[1]) && !line.Arg.StartsWith("[x", StringComparison.Ordinal):
                    (a, from) = (Extension(line.Arg, metadata), null);
                    break;
                case "ld" or "ldh" or "ldb":
                    int size = line.Op == "ld" ? 4 : line.Op == "ldh" ? 2 : 1;
                    ulong at = k + (line.Arg.StartsWith("[x", StringComparison.Ordinal) ? (ulong)x : 0);
                    if (at + (uint)size > (uint)packet.Length)
                        return Fail();
                    a = 0;
                    for (int i = 0; i < size; i++)
                        a = (a << 8) | packet[(int)at + i];
                    from = new Origin((int)at, size, 0xffffffff);
                    break;
                case "ldxb":
                    k = uint.Parse(line.Arg.AsSpan()[(line.Arg.IndexOf('[') + 1)..line.Arg.IndexOf(']')], CultureInfo.InvariantCulture);
                    if (k >= packet.Length)
                        return Fail();
                    x = (uint)(packet[(int)k] & 0xf) * 4;
                    break;
                case "ldx":
                    x = line.Kind == 'M' ? memory[(int)k] : k;
                    break;
                case "st":
                    (memory[(int)k], memoryFrom[k]) = (a, from);
                    break;
                case "stx":
                    (memory[(int)k], memoryFrom[k]) = (x, null);
                    break;
                case "tax":
                    x = a;
                    break;
                case "txa":
                    (a, from) = (x, null);
                    break;
                case "ja":
                    pc = (int)k;
                    break;
                case "jeq" or "jgt" or "jge" or "jset":
                    bool taken = line.Op switch { "jeq" => a == operand, "jgt" => a > operand, "jge" => a >= operand, _ => (a & operand) != 0 };
                    trace?.Add(new Taken(pc - 1, taken, line.Op, operand, from));
                    pc = taken ? line.Jt : line.Jf;
                    break;
                default:
                    if (!Compute(line.Op, ref a, operand))
                        return Fail();
                    from = line.Op == "and" && from is { } origin ? origin with { Mask = origin.Mask & operand } : line.Op == "add" && operand == 0 ? from : null;
                    break;
            }
        }

        return 0;
    }

    private uint Fail()
    {
        HasFailed = true;
        return 0;
    }

    private static bool Compute(string op, ref uint a, uint b)
    {
        switch (op)
        {
            case "add": a += b; return true;
            case "sub": a -= b; return true;
            case "mul": a *= b; return true;
            case "and": a &= b; return true;
            case "or": a |= b; return true;
            case "xor": a ^= b; return true;
            case "lsh": a = b < 32 ? a << (int)b : 0; return true;
            case "rsh": a = b < 32 ? a >> (int)b : 0; return true;
            case "div" when b != 0: a /= b; return true;
            case "mod" when b != 0: a %= b; return true;
            default: return false;
        }
    }

    private static uint Extension(string name, in PacketMetadata metadata) => name switch
    {
        "[vlanp]" => metadata.VlanPresent,
        "[vlan_tci]" => metadata.VlanTci,
        "[type]" => metadata.PacketType,
        "[ifidx]" => metadata.InterfaceIndex,
        _ => throw new InvalidDataException(name),
    };

    private static int Int(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\(\d+\) (\w+)[ \t]*(.*)$", RegexOptions.Multiline)]
    private static partial Regex LineForm();

    [GeneratedRegex(@"jt (\d+)\s+jf (\d+)$")]
    private static partial Regex Jumps();
}
