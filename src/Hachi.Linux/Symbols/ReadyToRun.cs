using System.Buffers.Binary;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Hachi.Linux.Symbols;

/// <summary>
/// Methods in the machine code of a .NET assembly (dotnet/runtime, docs/design/coreclr/botr/readytorun-format.md): which runtime function is the entry of which
/// method. Instances of generic methods have no entry here and stay without a name, as do parts of a method that were moved away from its entry.
/// </summary>
internal static class ReadyToRun
{
    private const uint Signature = 0x00525452;
    private const int SectionRuntimeFunctions = 102, SectionMethodEntryPoints = 103, FunctionBytesX64 = 12, FunctionBytesArm64 = 8, SectionsMax = 64;

    /// <summary>Names by relative virtual address; null when the assembly holds no machine code.</summary>
    public static SymbolTable? Read(PEReader image)
    {
        if (!image.HasMetadata || image.PEHeaders.CorHeader is not { } header || header.ManagedNativeHeaderDirectory.Size == 0)
            return null;
        PEMemoryBlock head = image.GetSectionData(header.ManagedNativeHeaderDirectory.RelativeVirtualAddress);
        ReadOnlySpan<byte> native = Span(head);
        if (native.Length < 16 || BinaryPrimitives.ReadUInt32LittleEndian(native) != Signature)
            return null;
        int count = BinaryPrimitives.ReadInt32LittleEndian(native[12..]);
        byte[]? functions = null, entries = null;
        for (int i = 0; i < Math.Min(count, SectionsMax) && native.Length >= 16 + (i + 1) * 12; i++)
        {
            ReadOnlySpan<byte> row = native[(16 + i * 12)..];
            int type = BinaryPrimitives.ReadInt32LittleEndian(row), address = BinaryPrimitives.ReadInt32LittleEndian(row[4..]), size = BinaryPrimitives.ReadInt32LittleEndian(row[8..]);
            if (type is SectionRuntimeFunctions or SectionMethodEntryPoints && size > 0)
            {
                ReadOnlySpan<byte> section = Span(image.GetSectionData(address));
                byte[] bytes = section[..Math.Min(size, section.Length)].ToArray();
                (functions, entries) = type == SectionRuntimeFunctions ? (bytes, entries) : (functions, bytes);
            }
        }
        return functions is null || entries is null ? null : new SymbolTable(Methods(image.GetMetadataReader(), functions, entries, image.PEHeaders.CoffHeader.Machine));
    }

    // Of x86-64 a function tells its beginning and end, of arm64 its beginning only: it goes up to the next.
    private static IEnumerable<(ulong, ulong, string)> Methods(MetadataReader metadata, byte[] functions, byte[] entries, Machine machine)
    {
        // The machine is disguised by the operating system: xor with Linux's number.
        bool isArm = (ushort)machine is 0xaa64 or (0xaa64 ^ 0x7b79);
        int stride = isArm ? FunctionBytesArm64 : FunctionBytesX64, total = functions.Length / stride;
        var array = new NativeArray(entries);
        for (int i = 0; i < Math.Min(array.Count, metadata.MethodDefinitions.Count); i++)
        {
            if (array.Find(i) is not { } offset || array.Unsigned(offset, out uint id) < 0)
                continue;
            uint function = (id & 1) != 0 ? id >> 2 : id >> 1;
            if (function >= total)
                continue;
            uint begin = BinaryPrimitives.ReadUInt32LittleEndian(functions.AsSpan((int)function * stride));
            uint end = !isArm ? BinaryPrimitives.ReadUInt32LittleEndian(functions.AsSpan((int)function * stride + 4))
                : function + 1 < total ? BinaryPrimitives.ReadUInt32LittleEndian(functions.AsSpan((int)(function + 1) * stride)) : begin + 1;
            yield return (begin, end > begin ? end - begin : 1, Name(metadata, MetadataTokens.MethodDefinitionHandle(i + 1)));
        }
    }

    private static string Name(MetadataReader metadata, MethodDefinitionHandle handle)
    {
        MethodDefinition method = metadata.GetMethodDefinition(handle);
        string name = metadata.GetString(method.Name);
        TypeDefinitionHandle type = method.GetDeclaringType();
        string owner = "";
        for (int depth = 0; !type.IsNil && depth < 32; depth++)
        {
            TypeDefinition definition = metadata.GetTypeDefinition(type);
            string space = metadata.GetString(definition.Namespace), own = metadata.GetString(definition.Name);
            owner = (space.Length > 0 ? space + "." : "") + own + (owner.Length > 0 ? "+" + owner : "");
            type = definition.GetDeclaringType();
        }
        return $"{owner}::{name}";
    }

    private static unsafe ReadOnlySpan<byte> Span(PEMemoryBlock block) => new(block.Pointer, block.Length);

    /// <summary>A sparse array in blocks of 16 whose tree of halves says where each element is.</summary>
    private sealed class NativeArray
    {
        private const int Block = 16;
        private readonly byte[] _bytes;
        private readonly int _start, _indexSize;

        public NativeArray(byte[] bytes)
        {
            _bytes = bytes;
            _start = Math.Max(0, Unsigned(0, out uint header));
            Count = (int)Math.Min(header >> 2, 1u << 24);
            _indexSize = (int)(header & 3);
        }

        public int Count { get; }

        /// <summary>Where an element is; null when there is none.</summary>
        public int? Find(int index)
        {
            int block = index / Block, place = _start + (block << Math.Min(_indexSize, 2));
            long offset = _start + (_indexSize switch { 0 => At(place), 1 => At(place) | At(place + 1) << 8, _ => (long)(uint)(At(place) | At(place + 1) << 8 | At(place + 2) << 16 | At(place + 3) << 24) });
            for (int bit = Block / 2; bit > 0; bit /= 2)
            {
                int next = Unsigned(offset, out uint value);
                if (next < 0)
                    return null;
                if ((index & bit) != 0 && (value & 2) != 0)
                {
                    offset += value >> 2;
                    continue;
                }
                if ((index & bit) == 0 && (value & 1) != 0)
                {
                    offset = next;
                    continue;
                }
                return (value & 3) == 0 && value >> 2 == (uint)(index & (Block - 1)) ? next : null;
            }
            return offset < _bytes.Length ? (int)offset : null;
        }

        /// <summary>A number of one to five bytes; the place behind it, or -1.</summary>
        public int Unsigned(long at, out uint value)
        {
            value = 0;
            if (at < 0 || at >= _bytes.Length)
                return -1;
            int i = (int)at, first = _bytes[i];
            int length = (first & 1) == 0 ? 1 : (first & 2) == 0 ? 2 : (first & 4) == 0 ? 3 : (first & 8) == 0 ? 4 : 5;
            if (i + length > _bytes.Length)
                return -1;
            if (length == 5)
            {
                value = BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(i + 1));
                return i + length;
            }
            uint raw = 0;
            for (int k = 0; k < length; k++)
                raw |= (uint)_bytes[i + k] << (8 * k);
            value = raw >> length;
            return i + length;
        }

        private int At(int place) => (uint)place < (uint)_bytes.Length ? _bytes[place] : 0;
    }
}
