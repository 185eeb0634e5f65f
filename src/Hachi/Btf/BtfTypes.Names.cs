using System.Numerics;
using System.Text;

namespace Hachi.Btf;

// Types by name, values of enumerations by name: each a hash table of numbers that is made when it is first asked.
public sealed partial class BtfTypes
{
    private NameTable? _typeNames, _valueNames;

    /// <summary>Chains of entries whose names share a hash. Names are hashed without their flavour, so that one table finds types by name and by what they are the flavours of.</summary>
    private sealed class NameTable
    {
        private readonly int[] _heads, _next;

        public NameTable(BtfTypes types, int count, Func<int, uint> nameOffset)
        {
            _heads = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(count, 1))];
            _next = new int[count];
            // From the last to the first: chains run in the order of the file.
            for (int i = count - 1; i >= 0; i--)
            {
                uint name = nameOffset(i);
                if (name == 0)
                    continue;
                ref int head = ref Head(types.BytesAt(name));
                _next[i] = head;
                head = i + 1;
            }
        }

        /// <summary>The first entry of a chain, or -1.</summary>
        public int First(ReadOnlySpan<byte> name) => Head(name) - 1;

        /// <summary>The next, or -1.</summary>
        public int After(int entry) => _next[entry] - 1;

        private ref int Head(ReadOnlySpan<byte> name)
        {
            uint hash = 2166136261;
            foreach (byte b in WithoutFlavour(name))
                hash = (hash ^ b) * 16777619;
            return ref _heads[(hash ^ hash >> 15) & (uint)(_heads.Length - 1)];
        }
    }

    /// <summary>The first type of a kind and name; 0 when there is none.</summary>
    public uint Find(BtfKind kind, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        byte[] wanted = Encoding.UTF8.GetBytes(name);
        return wanted.Length == 0 ? 0 : Find(kind, wanted);
    }

    private uint Find(BtfKind kind, byte[] name)
    {
        if (Base?.Find(kind, name) is > 0 and uint earlier)
            return earlier;
        NameTable table = TypeNames();
        for (int entry = table.First(name); entry >= 0; entry = table.After(entry))
            if (this[_first + (uint)entry] is var type && type.Kind == kind && BytesAt(type.NameOffset).SequenceEqual(name))
                return _first + (uint)entry;
        return 0;
    }

    /// <summary>All types of a name, of any kind, by id.</summary>
    public IReadOnlyList<uint> FindAll(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var found = new List<uint>();
        byte[] wanted = Encoding.UTF8.GetBytes(name);
        FindAll(wanted, found, (types, offset) => types.BytesAt(offset).SequenceEqual(wanted));
        return found;
    }

    /// <summary>All types whose name without its flavour (<c>___suffix</c>) is that name without its flavour, by id.</summary>
    internal List<uint> FindFlavours(ReadOnlySpan<byte> name)
    {
        var found = new List<uint>();
        byte[] wanted = WithoutFlavour(name).ToArray();
        FindAll(wanted, found, (types, offset) => WithoutFlavour(types.BytesAt(offset)).SequenceEqual(wanted));
        return found;
    }

    private void FindAll(byte[] name, List<uint> found, Func<BtfTypes, uint, bool> isIt)
    {
        Base?.FindAll(name, found, isIt);
        NameTable table = TypeNames();
        for (int entry = name.Length == 0 ? -1 : table.First(name); entry >= 0; entry = table.After(entry))
            if (isIt(this, this[_first + (uint)entry].NameOffset))
                found.Add(_first + (uint)entry);
    }

    /// <summary>The first enumeration that has a value of that name, whatever the enumeration is called.</summary>
    /// <param name="name">Name of the value.</param>
    /// <param name="type">The enumeration; 0 when there is none.</param>
    /// <param name="value">The value.</param>
    public bool TryFindEnumerator(string name, out uint type, out long value)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (Base is not null && Base.TryFindEnumerator(name, out type, out value))
            return true;
        byte[] wanted = Encoding.UTF8.GetBytes(name);
        (NameTable table, uint[] places) = ValueNames();
        for (int entry = wanted.Length == 0 ? -1 : table.First(wanted); entry >= 0; entry = table.After(entry))
        {
            int at = (int)places[entry];
            if (!BytesAt(Word(at)).SequenceEqual(wanted))
                continue;
            int found = Array.BinarySearch(_offsets, (uint)at);
            type = _first + (uint)(~found - 1);
            BtfType holder = this[type];
            value = RawValue(type, holder, (at - holder.Tail) / (holder.Kind == BtfKind.Enum64 ? 12 : 8)).Value;
            return true;
        }
        (type, value) = (0, 0);
        return false;
    }

    private uint[] _valuePlaces = [];

    private NameTable TypeNames() => Volatile.Read(ref _typeNames) ?? MakeTypeNames();

    private NameTable MakeTypeNames()
    {
        var table = new NameTable(this, _offsets.Length, i => Word((int)_offsets[i]));
        Volatile.Write(ref _typeNames, table);
        return table;
    }

    private (NameTable, uint[]) ValueNames()
    {
        if (Volatile.Read(ref _valueNames) is { } made)
            return (made, _valuePlaces);
        var places = new List<uint>();
        for (uint id = _first; id < Count; id++)
        {
            BtfType type = this[id];
            if (type.IsEnum)
                for (int i = 0, each = type.Kind == BtfKind.Enum64 ? 12 : 8; i < type.Count; i++)
                    places.Add((uint)(type.Tail + i * each));
        }
        uint[] all = [.. places];
        // Every maker makes the same, so whichever stays is right.
        _valuePlaces = all;
        var table = new NameTable(this, all.Length, i => Word((int)all[i]));
        Volatile.Write(ref _valueNames, table);
        return (table, all);
    }

    /// <summary>A name without its flavour: what stands in front of the last three underscores that neither begin nor end it.</summary>
    internal static ReadOnlySpan<byte> WithoutFlavour(ReadOnlySpan<byte> name)
    {
        for (int i = name.Length - 5; i >= 0; i--)
            if (name[i] != '_' && name[i + 1] == '_' && name[i + 2] == '_' && name[i + 3] == '_' && name[i + 4] != '_')
                return name[..(i + 1)];
        return name;
    }
}
