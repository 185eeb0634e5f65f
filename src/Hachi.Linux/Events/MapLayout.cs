using Hachi.Btf;
using Hachi.Linux.Load;

namespace Hachi.Linux.Events;

/// <summary>A field of a C# type that is laid out as a program's.</summary>
/// <param name="Name">Its name in the program.</param>
/// <param name="Offset">Bytes in front of it.</param>
/// <param name="Bytes">Its size.</param>
public readonly record struct MapField(string Name, int Offset, int Bytes);

/// <summary>
/// What a key or a value may say of itself, so that <see cref="TypedMap{TKey, TValue}"/> can hold its fields against the types that the program was built with:
/// a field that moved or grew is then an error with its name, where the sizes alone would not tell. Said by the type, since nothing here reflects.
/// </summary>
public interface IMapLayout
{
    /// <summary>The fields that are to be compared.</summary>
    IReadOnlyList<MapField> Fields { get; }
}

/// <summary>Compares C# types with the types of a map.</summary>
internal static unsafe class MapLayout
{
    /// <exception cref="ArgumentException">They differ.</exception>
    public static void Check<T>(Map map, bool isKey)
        where T : unmanaged
    {
        int bytes = isKey ? map.KeySize : map.ValueSize;
        string what = $"the {(isKey ? "key" : "value")} of map {map.Name}";
        var declared = default(T) as IMapLayout;
        if (bytes == sizeof(T) && declared is null)
            return;
        BtfTypes? types = map.ReadTypes();
        uint type = types?.Resolve(isKey ? map.KeyType : map.ValueType) ?? 0;
        if (type != 0 && declared is not null && Difference(types!, type, declared.Fields) is { } difference)
            throw new ArgumentException($"{what}: {difference} in {typeof(T).Name}", nameof(map));
        if (bytes != sizeof(T))
            throw new ArgumentException($"{what} has {bytes} bytes{(type == 0 ? "" : $" ({Description(types!, type)})")}, {typeof(T).Name} has {sizeof(T)}", nameof(map));
    }

    /// <summary>The first field that differs, in words that end before the C# type's name; null for none.</summary>
    internal static string? Difference(BtfTypes types, uint type, IReadOnlyList<MapField> fields)
    {
        foreach (MapField field in fields)
        {
            if (!types.TryFindMember(type, field.Name, out BtfMember member))
                return $"{Name(types, type)} has no field '{field.Name}', which stands at offset {field.Offset}";
            uint offset = member.BitOffset / 8, size = types.SizeOf(member.Type) ?? 0;
            if (offset != field.Offset || size != field.Bytes)
                return $"field '{field.Name}' of {Name(types, type)} ({Name(types, member.Type)}) stands at offset {offset} with {size} bytes, but at {field.Offset} with {field.Bytes}";
        }
        return null;
    }

    private static string Description(BtfTypes types, uint type) =>
        types[type].Kind is BtfKind.Struct or BtfKind.Union && types.MembersOf(type) is { Count: > 0 } members
            ? $"{Name(types, type)} {{ {string.Join(", ", members.Select(member => $"{member.Name} at {member.BitOffset / 8}"))} }}"
            : Name(types, type);

    private static string Name(BtfTypes types, uint type)
    {
        BtfType each = types[type];
        string name = types.NameOf(type);
        return each.Kind switch
        {
            BtfKind.Struct => name.Length > 0 ? $"struct {name}" : "a structure without a name",
            BtfKind.Union => name.Length > 0 ? $"union {name}" : "a union without a name",
            BtfKind.Enum or BtfKind.Enum64 => $"enum {name}",
            BtfKind.Array => $"{Name(types, types.ArrayOf(type).Element)}[{types.ArrayOf(type).Count}]",
            BtfKind.Ptr => "a pointer",
            _ => name.Length > 0 ? name : Name(types, types.Resolve(type)),
        };
    }
}
