using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Hachi.Object.Plan;

/// <summary>A plan as text, an item a line, and back.</summary>
public static class PlanText
{
    private const int DepthMax = 32, ItemsMax = 65_536;

    /// <summary>The lines of a plan.</summary>
    public static IReadOnlyList<string> Lines(RunPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var lines = new List<string>();
        lines.Add($"maps {plan.Ring} {plan.Lost} {plan.Stacks}");
        foreach ((string name, string value) in plan.Settings)
            lines.Add($"set {Quote(name)} {Quote(value)}");
        foreach (PlanMap map in plan.Maps)
            lines.Add($"map {map.Map} {Quote(map.Name)} {(map.IsPerCpu ? 1 : 0)} {(map.Key is null ? "-" : Print(map.Key))} {Print(map.Value)}");
        foreach (PlanEvent each in plan.Events)
            lines.Add($"event {each.Id} {each.Action} {each.SizeBytes} {each.Map} {Quote(each.Format)} {Quote(each.Place)}{string.Concat(each.Fields.Select(field => $" {field.Offset} {Print(field.Type)}"))}");
        foreach (PlanProbe probe in plan.Probes)
            lines.Add($"probe {probe.Program} {probe.Kind} {Quote(probe.Name)} {Quote(probe.Target)} {Quote(probe.Function)} {probe.Number} {probe.Length}");
        return lines;
    }

    /// <summary>A type as text.</summary>
    public static string Print(PlanType type)
    {
        ArgumentNullException.ThrowIfNull(type);
        var text = new StringBuilder();
        Append(text, type);
        return text.ToString();
    }

    private static void Append(StringBuilder text, PlanType type)
    {
        text.Append(CultureInfo.InvariantCulture, $"({type.Kind} {type.SizeBytes}{(type.IsSigned ? " signed" : "")}");
        if (type.Text.Length > 0)
            text.Append(" text ").Append(Quote(type.Text));
        foreach (long number in type.Numbers)
            text.Append(CultureInfo.InvariantCulture, $" number {number}");
        foreach ((string name, long value) in type.Values)
            text.Append(CultureInfo.InvariantCulture, $" value {Quote(name)} {value}");
        foreach (PlanMember member in type.Members)
        {
            text.Append(CultureInfo.InvariantCulture, $" member {Quote(member.Name)} {member.Offset} {member.Bits} {member.Shift} ");
            Append(text, member.Type);
        }
        text.Append(')');
    }

    private static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
            if (c is '"' or '\\' or < ' ' or > '~')
                quoted.Append(CultureInfo.InvariantCulture, $"\\{(int)c:x4}");
            else
                quoted.Append(c);
        return quoted.Append('"').ToString();
    }

    /// <summary>Adds what a line says to a plan; null when it says nothing that can be understood.</summary>
    public static RunPlan? Add(RunPlan plan, string line)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(line);
        var reader = new Reader(line);
        RunPlan? read = reader.Word() switch
        {
            "maps" => plan with { Ring = reader.Int(), Lost = reader.Int(), Stacks = reader.Int() },
            "set" => plan with { Settings = plan.Settings.Add((reader.Text(), reader.Text())) },
            "map" => plan with { Maps = plan.Maps.Add(Map(reader)) },
            "event" => plan with { Events = plan.Events.Add(Event(reader)) },
            "probe" => plan with { Probes = plan.Probes.Add(Probe(reader)) },
            _ => null,
        };
        return reader.IsGood && reader.AtEnd ? read : null;
    }

    private static PlanMap Map(Reader reader)
    {
        int map = reader.Int();
        string name = reader.Text();
        bool isPerCpu = reader.Int() != 0;
        return new PlanMap(map, name, reader.TryTake('-') ? null : reader.Type(0), reader.Type(0), isPerCpu);
    }

    private static PlanEvent Event(Reader reader)
    {
        int id = reader.Int();
        PlanAction action = reader.Name<PlanAction>();
        int size = reader.Int(), map = reader.Int();
        string format = reader.Text(), place = reader.Text();
        var fields = ImmutableArray.CreateBuilder<PlanField>();
        while (reader.IsGood && !reader.AtEnd && fields.Count < ItemsMax)
            fields.Add(new PlanField(reader.Int(), reader.Type(0)));
        return new PlanEvent(id, action, format, size, fields.ToImmutable()) { Map = map, Place = place };
    }

    private static PlanProbe Probe(Reader reader)
    {
        int program = reader.Int();
        ProbeKind kind = reader.Name<ProbeKind>();
        return new PlanProbe(program, kind, reader.Text(), reader.Text(), reader.Text(), reader.Unsigned()) { Length = reader.Int() };
    }

    /// <summary>Reads words; the first that is wrong ends it.</summary>
    private sealed class Reader(string line)
    {
        private int _at;

        public bool IsGood { get; private set; } = true;

        public bool AtEnd
        {
            get
            {
                Skip();
                return _at >= line.Length;
            }
        }

        public string Word()
        {
            Skip();
            int start = _at;
            while (_at < line.Length && line[_at] is not (' ' or '(' or ')' or '"'))
                _at++;
            IsGood &= _at > start;
            return line[start.._at];
        }

        public int Int() => int.TryParse(Word(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value : (int)Fail();

        public ulong Unsigned() => ulong.TryParse(Word(), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : (ulong)Fail();

        public long Long() => long.TryParse(Word(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : Fail();

        public T Name<T>()
            where T : struct, Enum => Word() is var word && word.Length > 0 && !char.IsAsciiDigit(word[0]) && Enum.TryParse(word, out T value) ? value : (T)(object)(int)Fail();

        public bool TryTake(char c)
        {
            Skip();
            bool taken = _at < line.Length && line[_at] == c;
            _at += taken ? 1 : 0;
            return taken;
        }

        public string Text()
        {
            if (!TryTake('"'))
            {
                Fail();
                return "";
            }
            var text = new StringBuilder();
            while (_at < line.Length && line[_at] != '"')
            {
                if (line[_at] != '\\')
                    text.Append(line[_at++]);
                else if (_at + 5 <= line.Length && ushort.TryParse(line.AsSpan(_at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit))
                {
                    text.Append((char)unit);
                    _at += 5;
                }
                else
                {
                    Fail();
                    return "";
                }
            }
            if (!TryTake('"'))
                Fail();
            return text.ToString();
        }

        public PlanType Type(int depth)
        {
            var none = new PlanType(PlanKind.None, 0);
            if (depth > DepthMax || !TryTake('('))
            {
                Fail();
                return none;
            }
            PlanKind kind = Name<PlanKind>();
            int size = Int();
            bool isSigned = false;
            string text = "";
            var numbers = ImmutableArray.CreateBuilder<long>();
            var values = ImmutableArray.CreateBuilder<(string, long)>();
            var members = ImmutableArray.CreateBuilder<PlanMember>();
            while (IsGood && !TryTake(')'))
            {
                switch (Word())
                {
                    case "signed": isSigned = true; break;
                    case "text": text = Text(); break;
                    case "number": numbers.Add(Long()); break;
                    case "value": values.Add((Text(), Long())); break;
                    case "member":
                        string name = Text();
                        int offset = Int(), bits = Int(), shift = Int();
                        members.Add(new PlanMember(name, offset, Type(depth + 1)) { Bits = bits, Shift = shift });
                        break;
                    default: Fail(); break;
                }
            }
            return IsGood ? new PlanType(kind, size) { IsSigned = isSigned, Text = text, Numbers = numbers.ToImmutable(), Values = values.ToImmutable(), Members = members.ToImmutable() } : none;
        }

        private long Fail()
        {
            IsGood = false;
            _at = line.Length;
            return 0;
        }

        private void Skip()
        {
            while (_at < line.Length && line[_at] == ' ')
                _at++;
        }
    }
}
