using Hachi.Uapi;
using Hachi.Vm.Maps;

namespace Hachi.Tests.Vm.Maps;

/// <summary>A map of the kernel and one of ours that are treated alike.</summary>
internal sealed class MapPair
{
    private const int KeyDomain = 12;

    private readonly KernelMap _theirs;
    private readonly VmMap _ours;
    private readonly Random _random;
    private readonly byte[][] _keys;
    private readonly List<string> _log = [];
    private readonly HashSet<string> _pushed = [];

    public MapPair(KernelMap theirs, VmMap ours, Random random)
    {
        (_theirs, _ours, _random) = (theirs, ours, random);
        _keys = [.. Enumerable.Range(0, KeyDomain).Select(MakeKey)];
    }

    private bool IsIndexed => _ours.Type is MapType.Array or MapType.PercpuArray or MapType.ProgArray or MapType.PerfEventArray or MapType.ArrayOfMaps or MapType.StackTrace;

    private bool HasHandles => _ours.Type is MapType.ProgArray or MapType.PerfEventArray or MapType.ArrayOfMaps or MapType.HashOfMaps;

    /// <summary>One random operation on both.</summary>
    public void Step()
    {
        byte[] key = _keys[_random.Next(_keys.Length)];
        byte[] value = MakeValue();
        byte[] theirs = [.. value], ours = [.. value];
        ulong flags = _random.Next(3) == 0 ? (ulong)_random.Next(1, 4) : _random.Next(40) == 0 ? 1ul << _random.Next(64) : 0;
        switch (_random.Next(8))
        {
            case 0 or 1 or 2:
                int updated = _theirs.Update(key, value, flags);
                if (updated == 0)
                    _pushed.Add(Hex(value));
                Same($"update {Hex(key)} = {Hex(value)} flags {flags}", updated, _ours.Update(key, value, flags));
                break;
            case 3 or 4:
                int got = _theirs.Get(key, theirs);
                Same($"get {Hex(key)}", got, _ours.Get(key, ours), theirs, ours);
                break;
            case 5:
                Same($"delete {Hex(key)}", _theirs.Delete(key), _ours.Delete(key));
                break;
            case 6:
                Same($"take {Hex(key)}", _theirs.Take(key, theirs), _ours.Take(key, ours), theirs, ours);
                break;
            default:
                byte[] next = new byte[key.Length], ourNext = new byte[key.Length];
                bool fromStart = key.Length > 0 && _random.Next(3) == 0;
                Same($"next {(fromStart ? "" : Hex(key))}", _theirs.NextKey(fromStart ? [] : key, next), NextOurs(fromStart ? [] : key, ourNext), IsOrdered ? next : [], IsOrdered ? ourNext : []);
                break;
        }
    }

    /// <summary>Both hold the same elements.</summary>
    public void CompareContents()
    {
        if (_ours.KeySize == 0)
            return;
        var theirs = Contents(_theirs.NextKey, _theirs.Get);
        var ours = Contents((key, next) => _ours.NextKey(key, next), (key, value) => _ours.Get(key, value));
        Assert.True(theirs.Order(StringComparer.Ordinal).SequenceEqual(ours.Order(StringComparer.Ordinal)), Describe($"contents {string.Join(' ', theirs)} / {string.Join(' ', ours)}"));
    }

    // Hash tables have their own order: whether there is a next key depends on which key comes last.
    private bool IsOrdered => _ours.Type is not (MapType.Hash or MapType.PercpuHash or MapType.LruHash or MapType.LruPercpuHash or MapType.HashOfMaps);

    private int NextOurs(byte[] key, byte[] next)
    {
        int result = _ours.NextKey(key, next);
        if (IsOrdered || result != -(int)ErrorNumber.ENOENT)
            return result;
        // The last one here may be any one there.
        return _theirs.NextKey(key, new byte[key.Length == 0 ? next.Length : key.Length]);
    }

    private void Same(string what, int theirs, int ours, byte[]? theirValue = null, byte[]? ourValue = null)
    {
        if (_ours.Type == MapType.BloomFilter && what.StartsWith("get", StringComparison.Ordinal) && !_pushed.Contains(Hex(ourValue!)))
            return; // either may err on its own values
        if (!IsOrdered && what.StartsWith("next", StringComparison.Ordinal) && theirs == -(int)ErrorNumber.ENOENT)
            ours = ours == 0 ? theirs : ours;
        _log.Add($"{what} -> {theirs} {(theirValue is null ? "" : Hex(theirValue))}");
        Assert.True(theirs == ours, Describe($"{what}: kernel {theirs}, here {ours}"));
        if (theirValue is not null && theirs == 0)
            Assert.True(Visible(theirValue).SequenceEqual(Visible(ourValue!)), Describe($"{what}: kernel {Hex(theirValue)}, here {Hex(ourValue!)}"));
    }

    // The padding of per-CPU values is the kernel's own business.
    private IEnumerable<byte> Visible(byte[] value)
    {
        if (value.Length == 0 || _ours.UserValueSize == _ours.ValueSize || value.Length != _ours.UserValueSize)
            return value;
        int stride = (_ours.ValueSize + 7) & ~7;
        return value.Where((_, i) => i % stride < _ours.ValueSize);
    }

    private List<string> Contents(Func<byte[], byte[], int> nextKey, Func<byte[], byte[], int> get)
    {
        var all = new List<string>();
        byte[] key = [], next = new byte[_ours.KeySize];
        while (all.Count < 5000 && nextKey(key, next) == 0)
        {
            byte[] value = new byte[_ours.UserValueSize];
            int got = get(next, value);
            all.Add($"{Hex(next)}={got}:{(HasHandles ? "" : Hex([.. Visible(value)]))}");
            key = [.. next];
        }
        return all;
    }

    private byte[] MakeKey(int index)
    {
        byte[] key = new byte[_ours.KeySize];
        if (key.Length == 0)
            return key;
        if (IsIndexed)
        {
            BitConverter.TryWriteBytes(key, index < 10 ? (uint)index : (uint)_random.NextInt64(1L << 32));
            return key;
        }
        _random.NextBytes(key);
        if (_ours.Type == MapType.LpmTrie)
        {
            // Prefixes of few trees, so that they contain each other.
            for (int i = 4; i < key.Length; i++)
                key[i] = (byte)(_random.Next(3) == 0 ? 0xff << _random.Next(8) : 0);
            BitConverter.TryWriteBytes(key, (uint)_random.Next(0, 8 * (key.Length - 4) + 2));
        }
        return key;
    }

    private byte[] MakeValue()
    {
        byte[] value = new byte[_ours.UserValueSize];
        _random.NextBytes(value);
        if (_ours.Type == MapType.BloomFilter)
            value.AsSpan(1).Clear();
        if (HasHandles)
            BitConverter.TryWriteBytes(value, -1);
        return value;
    }

    private string Describe(string problem) => $"{_ours.Spec}\n{string.Join('\n', _log)}\n{problem}\n{Volume.Note}";

    private static string Hex(byte[] bytes) => Convert.ToHexString(bytes);
}
