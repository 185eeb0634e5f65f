using System.Collections.Immutable;
using Hachi.Asm;
using Hachi.Btf;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Object;

// Maps, bytes and externs.
internal sealed partial class ObjectParserRun
{
    // What `.bytes`, `.inner` and `.slot` say more of.
    private enum Target : byte
    {
        None,
        Map,
        Btf,
        Extern,
    }

    private const int BytesMax = 64 << 20;

    private readonly List<(ExternSpec Spec, List<(int Program, int Slot)> Uses)> _externs = [];
    private readonly List<byte> _bytes = [];
    private readonly Dictionary<int, List<(uint Index, string Name)>> _slots = [];
    private ImmutableArray<byte> _btf = [];
    private Target _target, _bytesTarget;

    // `.map NAME TYPE key N value N entries N …`
    private bool ReadMap()
    {
        if (_cursor.Name(out TextSpan span) is not { } name)
            return _cursor.Expected("name of the map");
        // It is known even when the rest of the line is wrong, so that what uses it is not blamed.
        bool isNew = _mapIndex.TryAdd(name, _maps.Count);
        _maps.Add(new MapSpec(name, MapType.Unspec, 0, 0, 0));
        if (!isNew)
            return _cursor.Report(DiagnosticTable.TextDuplicate, span, null, "map", Cursor.Quote(name));
        if (_maps.Count > ItemsMax)
            return _cursor.Report(DiagnosticTable.TextTooLarge, span, null, ItemsMax, "maps");
        if (ReadMapSpec(name) is not { } map)
            return false;
        _maps[^1] = map;
        _target = Target.Map;
        return true;
    }

    private bool ReadInner(TextSpan directive)
    {
        if (_target != Target.Map)
            return Misplaced(directive);
        if (_cursor.Name(out _) is not { } name)
            return _cursor.Expected("name of the inner map");
        if (ReadMapSpec(name) is not { } inner)
            return false;
        _maps[^1] = _maps[^1] with { Inner = inner };
        return true;
    }

    private MapSpec? ReadMapSpec(string name)
    {
        if (!ReadKind(MapTypeNames.TryParse, MapTypeNames.All, "kind of map", out MapType type))
            return null;
        var map = new MapSpec(name, type, 0, 0, 0);
        while (!_cursor.AtEnd)
        {
            TextSpan word = _cursor.Word();
            string attribute = _cursor.Of(word).ToString();
            ulong number = 0;
            string pin = name;
            bool isRead = attribute switch
            {
                "frozen" => true,
                "pin" => _cursor.Peek() != '"' || ReadText("name of the pin", ref pin),
                "extra" => ReadUnsigned64(attribute, out number),
                "key" or "value" or "entries" or "flags" or "numa" or "key_type" or "value_type" => ReadUnsigned(attribute, out uint small) && (number = small) == small,
                _ => UnknownAttribute(word, "key", "value", "entries", "flags", "extra", "numa", "key_type", "value_type", "pin", "frozen"),
            };
            if (!isRead)
                return null;
            map = attribute switch
            {
                "key" => map with { KeySize = (uint)number },
                "value" => map with { ValueSize = (uint)number },
                "entries" => map with { MaxEntries = (uint)number },
                "flags" => map with { Flags = (uint)number },
                "numa" => map with { NumaNode = (uint)number },
                "key_type" => map with { KeyType = (uint)number },
                "value_type" => map with { ValueType = (uint)number },
                "extra" => map with { Extra = number },
                "pin" => map with { Pin = pin },
                _ => map with { IsFrozen = true },
            };
        }
        return map;
    }

    private bool ReadSlot(TextSpan directive)
    {
        if (_target != Target.Map)
            return Misplaced(directive);
        if (!ReadUnsigned("slot", out uint index))
            return false;
        if (_cursor.Name(out _) is not { } name)
            return _cursor.Expected("name of a map or program");
        if (!_slots.TryGetValue(_maps.Count - 1, out List<(uint, string)>? slots))
            _slots[_maps.Count - 1] = slots = [];
        slots.Add((index, name));
        return true;
    }

    private bool StartBtf()
    {
        _target = Target.Btf;
        return true;
    }

    // `.line SLOT LINE COLUMN file N text N`: behind a program; texts are offsets among the strings of the types.
    private bool ReadLine(TextSpan directive)
    {
        if (_programs.Count == 0)
            return Misplaced(directive);
        if (!ReadUnsigned("slot", out uint slot) || !ReadUnsigned("line", out uint line) || !ReadUnsigned("column", out uint column)
            || !ReadWordAndNumber("file", out uint file) || !ReadWordAndNumber("text", out uint lineText))
            return false;
        _programs[^1].Lines.Add(new LineInfo((int)slot, file, lineText, (int)line, (int)column));
        return true;
    }

    // `.core SLOT KIND type N access N`: the same.
    private bool ReadCore(TextSpan directive)
    {
        if (_programs.Count == 0)
            return Misplaced(directive);
        if (!ReadUnsigned("slot", out uint slot) || !ReadKind(CoreNames.TryParse, CoreNames.All, "kind of relocation", out CoreRelocationKind kind)
            || !ReadWordAndNumber("type", out uint type) || !ReadWordAndNumber("access", out uint access))
            return false;
        _programs[^1].Relocations.Add(new CoreRelocation((int)slot, kind, type, access));
        return true;
    }

    private bool ReadWordAndNumber(string word, out uint number)
    {
        number = 0;
        return _cursor.AcceptWord(word) ? ReadUnsigned(word, out number) : _cursor.Expected($"`{word}`");
    }

    private bool ReadBytes(TextSpan directive)
    {
        if (_target is Target.None or Target.Extern)
            return Misplaced(directive);
        _bytesTarget = _target;
        while (!_cursor.AtEnd)
        {
            TextSpan digits = _cursor.FoundSpan();
            ReadOnlySpan<char> pairs = _cursor.Of(digits);
            if (pairs.Length % 2 != 0 || !IsHex(pairs))
                return _cursor.Report(DiagnosticTable.AsmBadHex, digits, null, Cursor.Quote(pairs));
            if (_bytes.Count + pairs.Length / 2 > BytesMax)
                return _cursor.Report(DiagnosticTable.TextTooLarge, digits, null, BytesMax, "bytes");
            _bytes.AddRange(Convert.FromHexString(pairs));
            _cursor.Position = digits.End;
        }
        return true;

        static bool IsHex(ReadOnlySpan<char> digits)
        {
            foreach (char c in digits)
                if (!char.IsAsciiHexDigit(c))
                    return false;
            return true;
        }
    }

    // Bytes gather over several lines; now they are whole.
    private void EndBytes()
    {
        if (_bytes.Count > 0)
        {
            ImmutableArray<byte> bytes = [.. _bytes];
            _bytes.Clear();
            if (_bytesTarget == Target.Map)
                _maps[^1] = _maps[^1] with { Data = bytes };
            else
                _btf = bytes;
        }
    }

    // `.extern NAME kfunc|ksym|kconfig [weak] [type N]`
    private bool ReadExtern()
    {
        if (_cursor.Name(out _) is not { } name)
            return _cursor.Expected("name of the extern");
        TextSpan kind = _cursor.Word();
        ExternSpec? spec = _cursor.Of(kind) switch
        {
            "kfunc" => new(name, ExternKind.Kfunc),
            "ksym" => new(name, ExternKind.Ksym),
            "kconfig" => new(name, ExternKind.Kconfig),
            _ => null,
        };
        if (spec is null)
            return UnknownAttribute(kind, "kfunc", "ksym", "kconfig");
        spec = spec with { IsWeak = _cursor.AcceptWord("weak") };
        if (_cursor.AcceptWord("type"))
        {
            if (!ReadUnsigned("type", out uint type))
                return false;
            spec = spec with { BtfType = type };
        }
        _externs.Add((spec, []));
        _target = Target.Extern;
        return true;
    }

    private bool ReadUse(TextSpan directive)
    {
        if (_target != Target.Extern)
            return Misplaced(directive);
        if (_cursor.Name(out TextSpan span) is not { } name)
            return _cursor.Expected("name of a program");
        if (!ReadUnsigned("slot", out uint slot))
            return false;
        if (!_programIndex.TryGetValue(name, out int program))
            return _cursor.Report(DiagnosticTable.TextUnknownName, span, null, "program", Cursor.Quote(name));
        _externs[^1].Uses.Add((program, (int)slot));
        return true;
    }

    private bool Misplaced(TextSpan directive) => _cursor.Report(DiagnosticTable.TextMisplaced, directive, null, Cursor.Quote(_cursor.Of(directive)));
}
