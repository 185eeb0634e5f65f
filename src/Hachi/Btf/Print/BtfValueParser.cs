using System.Globalization;
using System.Text;

namespace Hachi.Btf.Print;

/// <summary>
/// Reads the value of a type as <see cref="BtfValue.Print"/> writes it, and as JSON: numbers (also <c>0x…</c> and names of enumerators), <c>"strings"</c> for arrays of <c>char</c>,
/// <c>{ .member = value, … }</c> or <c>{ "member": value }</c>, <c>[value, …]</c>.
/// </summary>
public static class BtfValueParser
{
    /// <summary>Reads one into bytes; members and elements that it does not name stay as they are there.</summary>
    /// <param name="text">The value.</param>
    /// <param name="types">The types.</param>
    /// <param name="id">The value's type.</param>
    /// <param name="bytes">As many as the type has.</param>
    /// <param name="problem">What is wrong; empty when nothing is.</param>
    public static bool TryParse(string text, BtfTypes types, uint id, Span<byte> bytes, out string problem)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(types);
        var reader = new Reader(text, types);
        reader.Value(id, bytes, 0);
        reader.End();
        problem = reader.Problem;
        return problem.Length == 0;
    }

    private ref struct Reader(string text, BtfTypes types)
    {
        private int _at;

        public string Problem { get; private set; } = "";

        public void Value(uint id, Span<byte> bytes, int depth)
        {
            id = types.Resolve(id);
            if (types[id].Kind == BtfKind.Var)
                id = types.Resolve(types[id].SizeOrType);
            if (depth > BtfValue.DepthMax || types.SizeOf(id) is not { } size || size > (uint)bytes.Length)
            {
                Fail("the type has no such place");
                return;
            }
            bytes = bytes[..(int)size];
            BtfType type = types[id];
            switch (type.Kind)
            {
                case BtfKind.Struct or BtfKind.Union or BtfKind.Datasec:
                    Members(id, bytes, depth);
                    break;
                case BtfKind.Array when BtfValue.IsChar(types, types.ArrayOf(id).Element) && Peek() == '"':
                    if (Quoted() is { } said)
                        Characters(said, bytes);
                    break;
                case BtfKind.Array:
                    Elements(types.ArrayOf(id), bytes, depth);
                    break;
                case BtfKind.Float when size is 4 or 8:
                    Float(bytes);
                    break;
                case BtfKind.Int or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Ptr when size <= 8:
                    Scalar(id, bytes, 0, (int)size * 8);
                    break;
                default:
                    Fail("values of this type are given as bytes");
                    break;
            }
        }

        public void End()
        {
            if (Problem.Length == 0 && Peek() != '\0')
                Fail($"nothing was expected at '{Rest()}'");
        }

        private void Members(uint id, Span<byte> bytes, int depth)
        {
            if (!Take('{'))
            {
                Fail($"expected {{ .member = value, … }}, found '{Rest()}'");
                return;
            }
            while (Problem.Length == 0 && !Take('}'))
            {
                _ = Take('.');
                string name = Peek() == '"' ? Quoted() ?? "" : Name();
                if (!Take('=') && !Take(':'))
                    Fail($"expected = behind '{name}'");
                else if (Find(id, name) is { } member)
                    Member(member, bytes, depth);
                else
                    Fail($"there is no member '{name}'; there are: {string.Join(", ", BtfValue.PartsOf(types, id).Where(each => each.Name.Length > 0).Take(20).Select(each => each.Name))}");
                if (Problem.Length == 0 && !Take(',') && Peek() != '}')
                    Fail($"expected , or }} at '{Rest()}'");
            }
        }

        private readonly BtfMember? Find(uint id, string name) =>
            types[id].Kind != BtfKind.Datasec ? types.TryFindMember(id, name, out BtfMember member) ? member : null
            : BtfValue.PartsOf(types, id).Cast<BtfMember?>().FirstOrDefault(each => each!.Value.Name == name);

        private void Member(in BtfMember member, Span<byte> bytes, int depth)
        {
            if (member.BitSize is > 0 and <= 64)
                Scalar(types.Resolve(member.Type), bytes, member.BitOffset, (int)member.BitSize);
            else if (member.BitOffset / 8 <= (uint)bytes.Length)
                Value(member.Type, bytes[(int)(member.BitOffset / 8)..], depth + 1);
            else
                Fail("the type has no such place");
        }

        private void Elements(in BtfArray array, Span<byte> bytes, int depth)
        {
            if (!Take('['))
            {
                Fail($"expected [value, …], found '{Rest()}'");
                return;
            }
            int size = (int)Math.Min(types.SizeOf(array.Element) ?? 0, int.MaxValue);
            for (long i = 0; Problem.Length == 0 && !Take(']'); i++)
            {
                if (i >= array.Count)
                    Fail($"more than {array.Count} elements");
                else
                    Value(array.Element, bytes[(int)Math.Min(bytes.Length, i * size)..], depth + 1);
                if (Problem.Length == 0 && !Take(',') && Peek() != ']')
                    Fail($"expected , or ] at '{Rest()}'");
            }
        }

        private void Characters(string said, Span<byte> bytes)
        {
            if (Encoding.UTF8.GetByteCount(said) > bytes.Length)
            {
                Fail($"the string is longer than {bytes.Length} bytes");
                return;
            }
            bytes.Clear();
            Encoding.UTF8.GetBytes(said, bytes);
        }

        private void Float(Span<byte> bytes)
        {
            string word = Name();
            if (!double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
                Fail($"'{word}' is no number");
            else if (bytes.Length == 4)
                System.Buffers.Binary.BinaryPrimitives.WriteSingleLittleEndian(bytes, (float)value);
            else
                System.Buffers.Binary.BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        }

        private void Scalar(uint id, Span<byte> bytes, uint offset, int bits)
        {
            string word = Peek() == '"' ? Quoted() ?? "" : Name();
            if (Number(id, word) is not { } value)
                Fail(word.Length == 0 ? $"expected a value, found '{Rest()}'" : $"'{word}' is no number{(types[id].IsEnum ? $" and no name of {types.NameOf(id)}" : "")}");
            else if (bits < 64 && (value >> bits) is not 0 && (long)value >> (bits - 1) != -1)
                Fail($"{word} does not fit {bits} bits");
            else if (!BtfValueBits.TryWrite(bytes, offset, bits, value))
                Fail("the type has no such place");
        }

        private readonly ulong? Number(uint id, string word)
        {
            foreach (BtfEnumerator each in types.ValuesOf(id))
                if (each.Name == word)
                    return (ulong)each.Value;
            if (word is "true" or "false")
                return word == "true" ? 1ul : 0;
            if (word.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
                return ulong.TryParse(word.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong hex) ? hex : null;
            if (word.StartsWith('-'))
                return long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long negative) ? (ulong)negative : null;
            return ulong.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? number : null;
        }

        private string Name()
        {
            _ = Peek();
            int start = _at;
            while (_at < text.Length && (char.IsLetterOrDigit(text[_at]) || text[_at] is '_' or '-' or '+' or '.'))
                _at++;
            return text[start.._at];
        }

        private string? Quoted()
        {
            var said = new StringBuilder();
            for (_at++; _at < text.Length && text[_at] != '"'; _at++)
                said.Append(text[_at] == '\\' && _at + 1 < text.Length ? Escaped() : text[_at]);
            if (_at++ < text.Length)
                return said.ToString();
            Fail("a string does not end");
            return null;
        }

        // As JSON has them (RFC 8259, section 7); the place stays on the last character.
        private char Escaped()
        {
            char kind = text[++_at];
            if (kind != 'u' || _at + 4 >= text.Length || !ushort.TryParse(text.AsSpan(_at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort code))
                return kind switch { 'n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', _ => kind };
            _at += 4;
            return (char)code;
        }

        private bool Take(char wanted)
        {
            if (Peek() != wanted)
                return false;
            _at++;
            return true;
        }

        private char Peek()
        {
            while (_at < text.Length && char.IsWhiteSpace(text[_at]))
                _at++;
            return _at < text.Length ? text[_at] : '\0';
        }

        private readonly string Rest() => text[Math.Min(_at, text.Length)..Math.Min(text.Length, _at + 20)];

        private void Fail(string problem)
        {
            if (Problem.Length == 0)
                Problem = problem;
        }
    }
}
