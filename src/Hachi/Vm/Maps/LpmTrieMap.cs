using System.Numerics;
using Hachi.Object;

namespace Hachi.Vm.Maps;

/// <summary>
/// Longest-prefix match (kernel/bpf/lpm_trie.c): a key is a prefix length in bits and data, most significant bit first; a look-up finds the longest stored prefix of the data asked for. A binary
/// trie without chains: a node stands where a prefix ends or where two part.
/// </summary>
/// <remarks>Readers take no lock, as with <see cref="HashHeader"/>: an even version that stays proves the walk.</remarks>
internal sealed unsafe class LpmTrieMap : VmMap
{
    // A node: prefix length, number of its value (0: it only parts two others), two children, the data.
    private const int ValueOffset = 4, ChildOffset = 8, DataOffset = 16;

    private readonly Lock _lock = new();
    private readonly uint _bitsMax, _nodeBytes;
    private byte* _nodes;
    private uint _version, _count;
    private uint _freeNode, _unusedNode = 1, _freeValue, _unusedValue = 1, _spareValue;

    // A free value's successor stands here and not in its own memory, which programs may still write.
    private uint* _valueLinks;

    public LpmTrieMap(MapSpec spec, MapSettings settings)
        : base(spec, settings)
    {
        _bitsMax = 8 * (spec.KeySize - 4);
        _nodeBytes = DataOffset + RoundUp(spec.KeySize - 4);
    }

    internal override int Build()
    {
        _nodes = Allocate((2L * Spec.MaxEntries + 1) * _nodeBytes);
        _valueLinks = (uint*)Allocate((Spec.MaxEntries + 2L) * 4);
        if (_nodes == null || _valueLinks == null || !AllocateValues((Spec.MaxEntries + 2L) * ValueStride))
            return -KernelError.Nomem;
        _spareValue = Spec.MaxEntries + 1;
        return 0;
    }

    internal override long FindOffset(byte* key, int cpu)
    {
        for (int attempt = 0; attempt < 64; attempt++)
        {
            uint version = Volatile.Read(ref _version);
            if ((version & 1) == 0)
            {
                uint value = Longest(key);
                Volatile.ReadBarrier();
                if (version == _version)
                    return OffsetOf(value);
            }
            Thread.SpinWait(1 << Math.Min(attempt, 6));
        }
        lock (_lock)
            return OffsetOf(Longest(key));
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu)
    {
        uint length = *(uint*)key;
        if (flags > MapUpdate.Exist || length > _bitsMax)
            return -KernelError.Inval;
        lock (_lock)
        {
            uint* slot = Descend(key, out uint matched);
            uint node = *slot;
            bool isExact = node != 0 && LengthOf(node) == matched && matched == length;
            if (isExact && ValueOf(node) != 0)
            {
                if (flags == MapUpdate.NoExist)
                    return -KernelError.Exist;
                CopyValue(value, Memory + OffsetOf(_spareValue));
                Interlocked.Increment(ref _version);
                (_spareValue, uint number) = (ValueOf(node), _spareValue);
                Insert(slot, node, key, matched, number, isExact);
                Interlocked.Increment(ref _version);
                return 0;
            }
            if (flags == MapUpdate.Exist)
                return -KernelError.Noent;
            if (_count == Spec.MaxEntries)
                return -KernelError.Nospc;
            _count++;
            uint taken = TakeValue();
            CopyValue(value, Memory + OffsetOf(taken));
            Interlocked.Increment(ref _version);
            Insert(slot, node, key, matched, taken, isExact);
            Interlocked.Increment(ref _version);
            return 0;
        }
    }

    internal override int DeleteElement(byte* key)
    {
        if (*(uint*)key > _bitsMax)
            return -KernelError.Inval;
        lock (_lock)
        {
            uint* path = stackalloc uint[(int)_bitsMax + 2];
            int depth = Path(key, path);
            if (depth < 0)
                return -KernelError.Noent;
            uint node = path[depth];
            Interlocked.Increment(ref _version);
            FreeValue(ValueOf(node));
            *(uint*)(Node(node) + ValueOffset) = 0;
            uint left = *Child(node, 0), right = *Child(node, 1);
            if (left == 0 || right == 0)
            {
                Replace(path, depth, left | right);
                // A node that only parted two others has one left: that one takes its place.
                if ((left | right) == 0 && depth > 0 && ValueOf(path[depth - 1]) == 0)
                    Replace(path, depth - 1, *Child(path[depth - 1], 0) | *Child(path[depth - 1], 1));
            }
            _count--;
            Interlocked.Increment(ref _version);
            return 0;
        }
    }

    /// <summary>Longer prefixes come before the shorter ones that contain them (the kernel's order).</summary>
    internal override int NextElementKey(byte* key, byte* next)
    {
        lock (_lock)
        {
            if (_count == 0)
                return -KernelError.Noent;
            uint* path = stackalloc uint[(int)_bitsMax + 2];
            int depth = key == null || *(uint*)key > _bitsMax ? -1 : Path(key, path);
            if (depth < 0)
                return Give(First(*RootSlot()), next);
            for (uint node = path[depth]; depth > 0; node = path[--depth])
            {
                uint parent = path[depth - 1], right = *Child(parent, 1);
                if (*Child(parent, 0) == node && right != 0)
                    return Give(First(right), next);
                if (ValueOf(parent) != 0)
                    return Give(parent, next);
            }
            return -KernelError.Noent;
        }
    }

    internal override bool NextElement(ref long cursor, byte* key, out long offset, int cpu)
    {
        // The kernel's for_each does not take tries, either.
        offset = -1;
        return false;
    }

    private byte* Node(uint number) => _nodes + (ulong)number * _nodeBytes;

    private uint LengthOf(uint node) => *(uint*)Node(node);

    private uint ValueOf(uint node) => *(uint*)(Node(node) + ValueOffset);

    private uint* Child(uint node, int side) => (uint*)(Node(node) + ChildOffset + 4 * side);

    /// <summary>Node 0 is none; its first child is the root.</summary>
    private uint* RootSlot() => Child(0, 0);

    private long OffsetOf(uint value) => value == 0 ? -1 : (long)value * ValueStride;

    private static int Bit(byte* data, uint index) => data[index >> 3] >> (int)(7 - (index & 7)) & 1;

    /// <summary>Bits, counted from the front, in which a node and a key agree, as far as both go.</summary>
    private uint Common(uint node, byte* key)
    {
        uint limit = Math.Min(LengthOf(node), *(uint*)key);
        byte* left = Node(node) + DataOffset, right = key + 4;
        for (uint bits = 0; bits < limit; bits += 8)
        {
            uint differ = (uint)(left[bits >> 3] ^ right[bits >> 3]);
            if (differ != 0)
                return Math.Min(limit, bits + (uint)BitOperations.LeadingZeroCount(differ) - 24);
        }
        return limit;
    }

    private uint Longest(byte* key)
    {
        uint found = 0;
        if (*(uint*)key > _bitsMax)
            return 0;
        uint node = Volatile.Read(ref *RootSlot());
        for (uint steps = 0; node != 0 && steps <= _bitsMax; steps++)
        {
            uint length = LengthOf(node);
            if (length > _bitsMax || Common(node, key) < length)
                break;
            found = ValueOf(node) is var value and not 0 ? value : found;
            if (length == _bitsMax)
                break;
            node = Volatile.Read(ref *Child(node, Bit(key + 4, length)));
        }
        return found;
    }

    /// <summary>The slot where a key's node stands or would have to be put, and how far what stands there agrees with the key.</summary>
    private uint* Descend(byte* key, out uint matched)
    {
        uint length = *(uint*)key;
        uint* slot = RootSlot();
        matched = 0;
        while (*slot != 0)
        {
            matched = Common(*slot, key);
            uint own = LengthOf(*slot);
            if (matched != own || own == length)
                break;
            slot = Child(*slot, Bit(key + 4, own));
        }
        return slot;
    }

    /// <summary>The nodes from the root to the one with exactly this key: their last index, -1 when there is none.</summary>
    private int Path(byte* key, uint* path)
    {
        uint length = *(uint*)key;
        int depth = -1;
        for (uint node = *RootSlot(); node != 0;)
        {
            path[++depth] = node;
            uint own = LengthOf(node);
            if (Common(node, key) != own)
                return -1;
            if (own == length)
                return ValueOf(node) != 0 ? depth : -1;
            node = *Child(node, Bit(key + 4, own));
        }
        return -1;
    }

    private void Insert(uint* slot, uint node, byte* key, uint matched, uint value, bool isExact)
    {
        uint length = *(uint*)key;
        if (isExact)
        {
            // The bits behind the prefix are the newest key's, as a walk over the keys shows.
            *(uint*)(Node(node) + ValueOffset) = value;
            Buffer.MemoryCopy(key + 4, Node(node) + DataOffset, Spec.KeySize - 4, Spec.KeySize - 4);
            return;
        }
        uint leaf = TakeNode(key, length, value);
        if (node == 0)
        {
            *slot = leaf;
        }
        else if (matched == length)
        {
            *Child(leaf, Bit(Node(node) + DataOffset, matched)) = node;
            *slot = leaf;
        }
        else
        {
            uint fork = TakeNode(key, matched, 0);
            int side = Bit(key + 4, matched);
            *Child(fork, side) = leaf;
            *Child(fork, 1 - side) = node;
            *slot = fork;
        }
    }

    private void Replace(uint* path, int depth, uint by)
    {
        uint* slot = depth == 0 ? RootSlot() : Child(path[depth - 1], *Child(path[depth - 1], 0) == path[depth] ? 0 : 1);
        *slot = by;
        *Child(path[depth], 0) = _freeNode;
        _freeNode = path[depth];
    }

    private uint First(uint node)
    {
        uint last = node;
        for (; node != 0; node = *Child(node, 0) is var left and not 0 ? left : *Child(node, 1))
            last = node;
        return last;
    }

    private int Give(uint node, byte* key)
    {
        *(uint*)key = LengthOf(node);
        Buffer.MemoryCopy(Node(node) + DataOffset, key + 4, Spec.KeySize - 4, Spec.KeySize - 4);
        return 0;
    }

    private uint TakeNode(byte* key, uint length, uint value)
    {
        uint number = _freeNode;
        if (number != 0)
            _freeNode = *Child(number, 0);
        else
            number = _unusedNode++;
        byte* node = Node(number);
        *(uint*)node = length;
        *(uint*)(node + ValueOffset) = value;
        *(ulong*)(node + ChildOffset) = 0;
        Buffer.MemoryCopy(key + 4, node + DataOffset, Spec.KeySize - 4, Spec.KeySize - 4);
        return number;
    }

    private uint TakeValue()
    {
        uint number = _freeValue;
        if (number == 0)
            return _unusedValue++;
        _freeValue = _valueLinks[number];
        return number;
    }

    private void FreeValue(uint number)
    {
        _valueLinks[number] = _freeValue;
        _freeValue = number;
    }
}
