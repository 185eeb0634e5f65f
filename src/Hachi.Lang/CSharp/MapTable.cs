using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Reflection.Metadata;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Lang.CSharp;

/// <summary>The maps of an object, one for each static field that a program uses.</summary>
internal sealed class MapTable
{
    private const int NameBytesMax = 15; // the kernel's, without the zero behind it
    private readonly List<(FieldDefinitionHandle Field, ClrType Type, MapSpec Spec)> _maps = [];

    /// <summary>The maps.</summary>
    public ImmutableArray<MapSpec> Specs => [.. _maps.Select(map => map.Spec)];

    /// <summary>The type of a map's field.</summary>
    public ClrType TypeOf(int map) => _maps[map].Type;

    /// <summary>The map that a field is, or -1 when it is none.</summary>
    public int IndexOf(AssemblyImage image, FieldDefinitionHandle field)
    {
        int known = _maps.FindIndex(map => map.Field == field);
        if (known >= 0)
            return known;
        ClrType type = image.TypeOf(field);
        if (type.Name is not (CSharpNames.HashMap or CSharpNames.ArrayMap) || type.Arguments.IsDefaultOrEmpty)
            return -1;
        bool isHash = type.Name == CSharpNames.HashMap;
        int key = isHash ? type.Arguments[0].SizeBytes : 4, value = type.Arguments[^1].SizeBytes;
        if (key == 0 || value == 0)
            return -1;
        string name = NameOf(image.Metadata.GetString(image.Metadata.GetFieldDefinition(field).Name));
        _maps.Add((field, type, new MapSpec(name, isHash ? MapType.Hash : MapType.Array, (uint)key, (uint)value, EntriesOf(image, field))));
        return _maps.Count - 1;
    }

    // A name that the kernel takes and that no other map has.
    private string NameOf(string field)
    {
        string name = string.Concat(field.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
        name = name[..Math.Min(name.Length, NameBytesMax)];
        for (int i = 2; _maps.Exists(map => map.Spec.Name == name); i++)
            name = name[..Math.Min(name.Length, NameBytesMax - 3)] + i.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return name;
    }

    // [Map(MaxEntries = n)]: the blob is read directly (ECMA-335, II.23.3), so that no type need be loaded.
    private static uint EntriesOf(AssemblyImage image, FieldDefinitionHandle field)
    {
        foreach (CustomAttributeHandle each in image.Metadata.GetFieldDefinition(field).GetCustomAttributes())
        {
            if (image.AttributeName(each) != CSharpNames.MapAttribute)
                continue;
            BlobReader blob = image.Metadata.GetBlobReader(image.Metadata.GetCustomAttribute(each).Value);
            if (blob.Length < 4 || blob.ReadUInt16() != 1)
                continue;
            int count = blob.ReadUInt16();
            const byte property = 0x54, int32 = 0x08;
            for (int i = 0; i < count; i++)
                if (blob.ReadByte() == property && blob.ReadByte() == int32 && blob.ReadSerializedString() == nameof(MapAttribute.MaxEntries))
                    return (uint)Math.Max(1, blob.ReadInt32());
        }
        return 1024;
    }
}
