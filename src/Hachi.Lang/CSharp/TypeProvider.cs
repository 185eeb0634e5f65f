using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;

namespace Hachi.Lang.CSharp;

/// <summary>Decodes the types of signatures; the context is the arguments of the generic method and type that they stand in.</summary>
internal sealed class TypeProvider(MetadataReader reader) : ISignatureTypeProvider<ClrType, (ImmutableArray<ClrType> Type, ImmutableArray<ClrType> Method)>
{
    private const int DepthMax = 32;
    private static readonly ClrType s_void = new(ClrForm.Void, "void");
    private readonly Dictionary<TypeDefinitionHandle, ClrType> _known = [];
    private int _depth;

    public ClrType GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode switch
    {
        PrimitiveTypeCode.Void => s_void,
        PrimitiveTypeCode.Boolean => ClrType.Integer("bool", 1, false),
        PrimitiveTypeCode.Byte => ClrType.Integer("byte", 1, false),
        PrimitiveTypeCode.SByte => ClrType.Integer("sbyte", 1, true),
        PrimitiveTypeCode.Char => ClrType.Integer("char", 2, false),
        PrimitiveTypeCode.UInt16 => ClrType.Integer("ushort", 2, false),
        PrimitiveTypeCode.Int16 => ClrType.Integer("short", 2, true),
        PrimitiveTypeCode.UInt32 => ClrType.Integer("uint", 4, false),
        PrimitiveTypeCode.Int32 => ClrType.Integer("int", 4, true),
        PrimitiveTypeCode.UInt64 => ClrType.Integer("ulong", 8, false),
        PrimitiveTypeCode.Int64 => ClrType.Integer("long", 8, true),
        PrimitiveTypeCode.UIntPtr => ClrType.Integer("nuint", 8, false),
        PrimitiveTypeCode.IntPtr => ClrType.Integer("nint", 8, true),
        _ => new ClrType(ClrForm.Other, typeCode.ToString().ToLowerInvariant()),
    };

    public ClrType GetTypeFromDefinition(MetadataReader from, TypeDefinitionHandle handle, byte rawTypeKind)
    {
        if (_known.TryGetValue(handle, out ClrType? known))
            return known;
        TypeDefinition definition = reader.GetTypeDefinition(handle);
        string name = NameOf(definition.Namespace, definition.Name);
        string parent = definition.BaseType.IsNil ? "" : NameOf(definition.BaseType);
        ClrType type = new(ClrForm.Other, name) { Definition = handle };
        if (parent is "System.Enum" or "System.ValueType" && _depth < DepthMax)
        {
            _depth++;
            type = parent == "System.Enum" ? Enumeration(definition, name) : Structure(definition, name, handle);
            _depth--;
        }
        return _known[handle] = type;
    }

    public ClrType GetTypeFromReference(MetadataReader from, TypeReferenceHandle handle, byte rawTypeKind)
    {
        string name = NameOf(handle);
        return name switch
        {
            CSharpNames.Packet => new ClrType(ClrForm.Struct, name, 16, 8),
            CSharpNames.Xdp or CSharpNames.Socket => new ClrType(ClrForm.Struct, name, 0, 8),
            CSharpNames.Ref => new ClrType(ClrForm.Struct, name, 8, 8),
            _ when name.StartsWith("Hachi.Uapi.", StringComparison.Ordinal) && rawTypeKind == (byte)SignatureTypeKind.ValueType => ClrType.Integer(name, 4, true),
            _ => new ClrType(ClrForm.Other, name),
        };
    }

    public ClrType GetTypeFromSpecification(MetadataReader from, (ImmutableArray<ClrType> Type, ImmutableArray<ClrType> Method) genericContext, TypeSpecificationHandle handle, byte rawTypeKind) =>
        reader.GetTypeSpecification(handle).DecodeSignature(this, genericContext);

    public ClrType GetGenericInstantiation(ClrType genericType, ImmutableArray<ClrType> typeArguments) => genericType with { Arguments = typeArguments };

    public ClrType GetByReferenceType(ClrType elementType) => ClrType.PointerTo(elementType);

    public ClrType GetPointerType(ClrType elementType) => ClrType.PointerTo(elementType);

    public ClrType GetModifiedType(ClrType modifier, ClrType unmodifiedType, bool isRequired) => unmodifiedType;

    public ClrType GetPinnedType(ClrType elementType) => elementType;

    public ClrType GetGenericMethodParameter((ImmutableArray<ClrType> Type, ImmutableArray<ClrType> Method) genericContext, int index) => At(genericContext.Method, index);

    public ClrType GetGenericTypeParameter((ImmutableArray<ClrType> Type, ImmutableArray<ClrType> Method) genericContext, int index) => At(genericContext.Type, index);

    public ClrType GetArrayType(ClrType elementType, ArrayShape shape) => new(ClrForm.Other, elementType.Name + "[,]");

    public ClrType GetSZArrayType(ClrType elementType) => new(ClrForm.Other, elementType.Name + "[]");

    public ClrType GetFunctionPointerType(MethodSignature<ClrType> signature) => new(ClrForm.Other, "a function pointer");

    /// <summary>Full name of a type.</summary>
    public string NameOf(EntityHandle handle)
    {
        switch (handle.Kind)
        {
            case HandleKind.TypeReference:
                TypeReference reference = reader.GetTypeReference((TypeReferenceHandle)handle);
                return NameOf(reference.Namespace, reference.Name);
            case HandleKind.TypeDefinition:
                TypeDefinition definition = reader.GetTypeDefinition((TypeDefinitionHandle)handle);
                return NameOf(definition.Namespace, definition.Name);
            case HandleKind.TypeSpecification:
                return reader.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(this, ([], [])).Name;
            default:
                return "";
        }
    }

    private string NameOf(StringHandle space, StringHandle name)
    {
        string prefix = reader.GetString(space);
        return prefix.Length == 0 ? reader.GetString(name) : prefix + "." + reader.GetString(name);
    }

    private static ClrType At(ImmutableArray<ClrType> arguments, int index) =>
        index < arguments.Length ? arguments[index] : new ClrType(ClrForm.Other, $"type parameter {index}");

    private ClrType Enumeration(TypeDefinition definition, string name)
    {
        foreach (FieldDefinitionHandle field in definition.GetFields())
            if ((reader.GetFieldDefinition(field).Attributes & FieldAttributes.Static) == 0)
                return reader.GetFieldDefinition(field).DecodeSignature(this, ([], [])) with { Name = name };
        return new ClrType(ClrForm.Other, name);
    }

    // Fields as the runtime places those of a structure without references: in order, each at its alignment, or where it says.
    private ClrType Structure(TypeDefinition definition, string name, TypeDefinitionHandle handle)
    {
        TypeLayout layout = definition.GetLayout();
        bool isExplicit = (definition.Attributes & TypeAttributes.LayoutMask) == TypeAttributes.ExplicitLayout;
        int pack = layout.PackingSize == 0 ? 8 : layout.PackingSize, size = 0, align = 1;
        var fields = ImmutableDictionary.CreateBuilder<FieldDefinitionHandle, (int, ClrType)>();
        foreach (FieldDefinitionHandle each in definition.GetFields())
        {
            FieldDefinition field = reader.GetFieldDefinition(each);
            if ((field.Attributes & FieldAttributes.Static) != 0)
                continue;
            ClrType type = field.DecodeSignature(this, ([], []));
            if (type.Form is ClrForm.Other or ClrForm.Void)
                return new ClrType(ClrForm.Other, name) { Definition = handle };
            int step = Math.Min(type.AlignBytes, pack), offset = isExplicit ? field.GetOffset() : (size + step - 1) / step * step;
            fields[each] = (offset, type);
            size = Math.Max(size, offset + type.SizeBytes);
            align = Math.Max(align, step);
        }
        size = Math.Max((size + align - 1) / align * align, Math.Max(1, layout.Size));
        return new ClrType(ClrForm.Struct, name, size, align) { Definition = handle, Fields = fields.ToImmutable() };
    }
}
