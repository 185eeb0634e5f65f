using System.Buffers.Binary;
using System.Globalization;
using Hachi.Asm;
using Hachi.Text;
using Hachi.Uapi;
using Hachi.Vm;
using Hachi.Vm.Maps;
using Hachi.Vm.Maps.Rings;

namespace Hachi.Cli.Ebpf;

/// <summary>
/// Elements of maps as text: <c>KEY = VALUE</c> a line (of queues and stacks <c>VALUE</c>). Both are numbers (decimal or 0x…), laid out little-endian over the size that the
/// map has, or bytes as <c>hex:00ff…</c>.
/// </summary>
internal static class MapText
{
    /// <summary>Fills maps from <c>NAME=FILE</c> settings; what is wrong ends the verb.</summary>
    public static void Fill(Shell shell, VmObject vm, IEnumerable<string> settings)
    {
        foreach (string setting in settings)
        {
            int equals = setting.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
                throw new CommandException($"'{setting}' is not NAME=FILE");
            string name = setting[..equals], path = setting[(equals + 1)..];
            VmMap map = vm.FindMap(name) ?? throw new CommandException($"there is no map '{name}'",
                vm.Maps.Count == 0 ? "the object has none" : $"there are: {string.Join(", ", vm.Maps.Select(each => each.Spec.Name))}");
            int number = 0;
            foreach (string line in shell.ReadText(path).Split('\n'))
            {
                number++;
                string text = line.Split('#')[0].Trim();
                if (text.Length > 0)
                    Put(map, text, $"{path}:{number}");
            }
        }
    }

    /// <summary>What a program put into perf event buffers, a line a record.</summary>
    public static IEnumerable<string> Events(IEnumerable<PerfBuffer> buffers)
    {
        foreach (PerfBuffer buffer in buffers)
            while (buffer.TryRead(out byte[] record))
                yield return $"perf event: {Number(record)}";
    }

    /// <summary>The elements of a map, a line each; of arrays those that are not all zero; of a ring buffer its records, which are taken out.</summary>
    public static IEnumerable<string> Lines(VmMap map)
    {
        if (map is RingBufferMap ring)
        {
            var records = new List<string>();
            ring.Consume(record => records.Add($"{Escaper.Escape(map.Spec.Name)}: {Number(record)}"));
            foreach (string record in records)
                yield return record;
        }
        if (map.KeySize == 0)
            yield break;
        byte[] value = new byte[map.UserValueSize];
        bool isArray = map.Type is MapType.Array or MapType.PercpuArray;
        foreach (byte[] key in map.Keys())
        {
            Array.Clear(value);
            if (!map.TryGet(key, value) || isArray && !value.AsSpan().ContainsAnyExcept((byte)0))
                continue;
            yield return $"{Escaper.Escape(map.Spec.Name)}[{Number(key)}] = {Values(value, map.ValueSize, map.UserValueSize != map.ValueSize)}";
        }
    }

    /// <summary>A value; of a per-CPU map the values of all processors, each padded to 8 bytes.</summary>
    public static string Values(byte[] value, int size, bool isPerCpu)
    {
        int stride = isPerCpu ? (size + 7) / 8 * 8 : Math.Max(1, size);
        return string.Join(", ", Enumerable.Range(0, value.Length / stride).Select(i => Number(value.AsSpan(i * stride, size))));
    }

    /// <summary>A key or value: a number of its width, or bytes.</summary>
    public static string Number(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        1 => bytes[0].ToString(CultureInfo.InvariantCulture),
        2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes).ToString(CultureInfo.InvariantCulture),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(bytes).ToString(CultureInfo.InvariantCulture),
        8 => BinaryPrimitives.ReadUInt64LittleEndian(bytes).ToString(CultureInfo.InvariantCulture),
        _ => "hex:" + Convert.ToHexStringLower(bytes),
    };

    private static void Put(VmMap map, string text, string place)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0 != (map.KeySize == 0))
            throw new CommandException($"{place}: {(map.KeySize == 0 ? "this map has no keys: VALUE" : "expected KEY = VALUE")}");
        byte[] key = equals < 0 ? [] : Bytes(text[..equals].Trim(), map.KeySize, "key", place);
        byte[] one = Bytes(text[(equals + 1)..].Trim(), map.ValueSize, "value", place);
        byte[] value = one;
        if (map.UserValueSize != map.ValueSize)
        {
            value = new byte[map.UserValueSize];
            for (int at = 0; at < value.Length; at += (map.ValueSize + 7) / 8 * 8)
                one.CopyTo(value, at);
        }
        int error = map.Update(key, value);
        if (error != 0)
            throw new CommandException($"{place}: map '{map.Spec.Name}' refuses it: {(ErrorNumber)(-error)}");
    }

    /// <summary>Reads a key or value; what is wrong with it ends the verb.</summary>
    public static byte[] Bytes(string text, int size, string what, string place)
    {
        if (text.StartsWith("hex:", StringComparison.Ordinal))
        {
            byte[]? bytes = HexBytes.Parse(text[4..], out _);
            return bytes?.Length == size ? bytes : throw new CommandException($"{place}: the {what} '{text}' is not {size} bytes");
        }
        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase), isNegative = text.StartsWith('-');
        bool isNumber = isHex
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong number)
            : ulong.TryParse(isNegative ? text.AsSpan(1) : text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
        bool fits = isNumber && (size >= 8 || number < 1ul << (size * 8)) && !(isHex && isNegative);
        if (!fits)
            throw new CommandException($"{place}: the {what} '{text}' is no number of {size} bytes", "bytes are written as hex:00ff...");
        byte[] result = new byte[size];
        Span<byte> wide = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(wide, isNegative ? 0 - number : number);
        wide[..Math.Min(size, 8)].CopyTo(result);
        if (isNegative)
            result.AsSpan(Math.Min(size, 8)).Fill(0xff);
        return result;
    }
}
