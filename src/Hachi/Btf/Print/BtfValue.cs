using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Hachi.Btf.Print;

/// <summary>
/// Bytes as the value of a type: <c>{ .pid = 17, .comm = "bash", .slots = [0, 3] }</c>, or as JSON. What the types say may be wrong: nothing is read outside of the bytes, and the
/// walk is bounded in depth and in the number of values.
/// </summary>
public static class BtfValue
{
    internal const int DepthMax = 32, ValuesMax = 65_536;

    /// <summary>As text, on one line. Names and strings are as they lie in the bytes: what goes to a terminal goes through <see cref="Text.Escaper"/>.</summary>
    /// <param name="types">The types.</param>
    /// <param name="id">The value's type; a data section prints its variables.</param>
    /// <param name="bytes">The value, little-endian; what is missing at the end is told as <c>?</c>.</param>
    public static string Print(BtfTypes types, uint id, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(types);
        var text = new StringBuilder();
        new Walk(types, new TextSink(text)).Value(id, bytes, 0);
        return text.ToString();
    }

    /// <summary>As a JSON value: objects, arrays, numbers, strings; names of enumerators as strings.</summary>
    /// <param name="json">Where it goes.</param>
    /// <param name="types">The types.</param>
    /// <param name="id">The value's type.</param>
    /// <param name="bytes">The value, little-endian; what is missing at the end is null.</param>
    public static void Write(Utf8JsonWriter json, BtfTypes types, uint id, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(types);
        new Walk(types, new JsonSink(json)).Value(id, bytes, 0);
    }

    /// <summary>Whether it is <c>char</c>, whose arrays are strings.</summary>
    internal static bool IsChar(BtfTypes types, uint id)
    {
        id = types.Resolve(id);
        return types[id] is { Kind: BtfKind.Int, SizeOrType: 1 } && (types.IntOf(id).IsChar || types.NameOf(id) == "char");
    }

    /// <summary>What members and variables are, by name, place and size, whichever of the two the type has.</summary>
    internal static IReadOnlyList<BtfMember> PartsOf(BtfTypes types, uint id) =>
        types[id].Kind == BtfKind.Datasec ? [.. types.VariablesOf(id).Select(each => new BtfMember(types.NameOf(each.Var), each.Var, each.Offset * 8, 0))] : types.MembersOf(id);

    private abstract class Sink
    {
        public abstract void Begin(bool isArray);

        public abstract void Name(string name);

        public abstract void End(bool isArray);

        public abstract void Number(ulong value, bool isSigned);

        public abstract void Float(double value);

        public abstract void Truth(bool value);

        public abstract void Word(string name);

        public abstract void String(string text);

        public abstract void Missing();
    }

    private sealed class Walk(BtfTypes types, Sink sink)
    {
        private int _left = ValuesMax;

        public void Value(uint id, ReadOnlySpan<byte> bytes, int depth)
        {
            id = types.Resolve(id);
            BtfType type = types[id];
            if (type.Kind == BtfKind.Var)
                type = types[id = types.Resolve(type.SizeOrType)];
            if (depth > DepthMax || _left-- <= 0 || types.SizeOf(id) is not { } size || size > (uint)bytes.Length)
            {
                sink.Missing();
                return;
            }
            bytes = bytes[..(int)size];
            switch (type.Kind)
            {
                case BtfKind.Struct or BtfKind.Union or BtfKind.Datasec:
                    sink.Begin(isArray: false);
                    Parts(id, bytes, depth);
                    sink.End(isArray: false);
                    break;
                case BtfKind.Array:
                    Array(types.ArrayOf(id), bytes, depth);
                    break;
                default:
                    Scalar(id, type, bytes);
                    break;
            }
        }

        // Members of an anonymous structure or union stand among those of the one around it, as C sees them.
        private void Parts(uint id, ReadOnlySpan<byte> bytes, int depth)
        {
            foreach (BtfMember member in PartsOf(types, id))
            {
                if (_left <= 0 || depth > DepthMax)
                    return;
                uint target = types.Resolve(member.Type);
                if (member.Name.Length == 0 && types[target].IsComposite)
                {
                    _left--;
                    Parts(target, From(bytes, member.BitOffset / 8), depth + 1);
                    continue;
                }
                if (member.Name.Length == 0) // bits that nobody reads
                    continue;
                sink.Name(member.Name);
                if (member.BitSize is > 0 and <= 64)
                    Bits(target, member, bytes);
                else
                    Value(target, From(bytes, member.BitOffset / 8), depth + 1);
            }
        }

        private void Array(in BtfArray array, ReadOnlySpan<byte> bytes, int depth)
        {
            if (IsChar(types, array.Element) && TextOf(bytes) is { } text)
            {
                sink.String(text);
                return;
            }
            int size = (int)Math.Min(types.SizeOf(array.Element) ?? 0, int.MaxValue);
            sink.Begin(isArray: true);
            for (int i = 0; i < array.Count && _left > 0; i++)
                Value(array.Element, bytes[(int)Math.Min(bytes.Length, (long)i * size)..], depth + 1);
            sink.End(isArray: true);
        }

        private void Scalar(uint id, in BtfType type, ReadOnlySpan<byte> bytes)
        {
            switch (type.Kind)
            {
                case BtfKind.Float when bytes.Length is 4 or 8:
                    sink.Float(bytes.Length == 4 ? BinaryPrimitives.ReadSingleLittleEndian(bytes) : BinaryPrimitives.ReadDoubleLittleEndian(bytes));
                    break;
                case BtfKind.Int or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Ptr when bytes.Length <= 8:
                    Number(id, type, BtfValueBits.Read(bytes), bytes.Length * 8);
                    break;
                default: // 128 bits, 80-bit floats: as they lie
                    sink.Word("0x" + Convert.ToHexStringLower([.. bytes.ToArray().Reverse()]));
                    break;
            }
        }

        private void Bits(uint id, in BtfMember member, ReadOnlySpan<byte> bytes)
        {
            if (BtfValueBits.TryRead(bytes, member.BitOffset, (int)member.BitSize, out ulong value))
                Number(id, types[id], value, (int)member.BitSize);
            else
                sink.Missing();
        }

        private void Number(uint id, in BtfType type, ulong value, int bits)
        {
            bool isSigned = type.Kind == BtfKind.Int ? types.IntOf(id).IsSigned : type.IsEnum && type.Flag;
            if (isSigned && bits < 64)
                value = (ulong)((long)(value << (64 - bits)) >> (64 - bits));
            if (type.IsEnum)
                foreach (BtfEnumerator each in types.ValuesOf(id))
                    if ((ulong)each.Value == value)
                    {
                        sink.Word(each.Name);
                        return;
                    }
            if (type.Kind == BtfKind.Int && types.IntOf(id).IsBool && value <= 1)
                sink.Truth(value == 1);
            else if (type.Kind == BtfKind.Ptr)
                sink.Word("0x" + value.ToString("x", CultureInfo.InvariantCulture));
            else
                sink.Number(value, isSigned);
        }

        private static ReadOnlySpan<byte> From(ReadOnlySpan<byte> bytes, uint at) => at <= (uint)bytes.Length ? bytes[(int)at..] : [];

        // What C would print of it; null for bytes that are no text.
        private static string? TextOf(ReadOnlySpan<byte> bytes)
        {
            int end = bytes.IndexOf((byte)0);
            ReadOnlySpan<byte> text = end < 0 ? bytes : bytes[..end];
            return System.Text.Unicode.Utf8.IsValid(text) && !text.ContainsAnyInRange((byte)0, (byte)31) ? Encoding.UTF8.GetString(text) : null;
        }
    }

    private sealed class TextSink(StringBuilder text) : Sink
    {
        private bool _isFirst = true, _hasName;

        public override void Begin(bool isArray)
        {
            Separate();
            text.Append(isArray ? "[" : "{ ");
            _isFirst = true;
        }

        public override void Name(string name)
        {
            Separate();
            text.Append('.').Append(name).Append(" = ");
            _hasName = true;
        }

        public override void End(bool isArray)
        {
            if (!isArray && _isFirst)
                text.Length--;
            text.Append(isArray ? "]" : _isFirst ? "}" : " }");
            _isFirst = false;
        }

        public override void Number(ulong value, bool isSigned)
        {
            Separate();
            _ = isSigned ? text.Append(CultureInfo.InvariantCulture, $"{(long)value}") : text.Append(CultureInfo.InvariantCulture, $"{value}");
        }

        public override void Float(double value)
        {
            Separate();
            text.Append(value.ToString("R", CultureInfo.InvariantCulture));
        }

        public override void Truth(bool value) => Word(value ? "true" : "false");

        public override void Word(string name)
        {
            Separate();
            text.Append(name);
        }

        public override void String(string value) => Word($"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"");

        public override void Missing() => Word("?");

        private void Separate()
        {
            if (!_isFirst && !_hasName)
                text.Append(", ");
            (_isFirst, _hasName) = (false, false);
        }
    }

    private sealed class JsonSink(Utf8JsonWriter json) : Sink
    {
        public override void Begin(bool isArray)
        {
            if (isArray)
                json.WriteStartArray();
            else
                json.WriteStartObject();
        }

        public override void Name(string name) => json.WritePropertyName(name);

        public override void End(bool isArray)
        {
            if (isArray)
                json.WriteEndArray();
            else
                json.WriteEndObject();
        }

        public override void Number(ulong value, bool isSigned)
        {
            if (isSigned)
                json.WriteNumberValue((long)value);
            else
                json.WriteNumberValue(value);
        }

        // JSON has no infinity and nothing that is no number.
        public override void Float(double value)
        {
            if (double.IsFinite(value))
                json.WriteNumberValue(value);
            else
                json.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
        }

        public override void Truth(bool value) => json.WriteBooleanValue(value);

        public override void Word(string name) => json.WriteStringValue(name);

        public override void String(string text) => json.WriteStringValue(text);

        public override void Missing() => json.WriteNullValue();
    }
}
