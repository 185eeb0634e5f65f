using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Hachi.Lang.CSharp;

/// <summary>A method that a call names.</summary>
/// <param name="TypeName">The type that it belongs to.</param>
/// <param name="OwnerArguments">Type arguments of that type.</param>
/// <param name="Name">Its name.</param>
/// <param name="Signature">Its signature.</param>
/// <param name="TypeArguments">Its own type arguments.</param>
/// <param name="Definition">Where it is defined, if in the same assembly; otherwise nil.</param>
internal sealed record CalledMethod(string TypeName, ImmutableArray<ClrType> OwnerArguments, string Name, MethodSignature<ClrType> Signature, ImmutableArray<ClrType> TypeArguments, MethodDefinitionHandle Definition);

/// <summary>A compiled assembly, read from its bytes.</summary>
internal sealed class AssemblyImage(PEReader image)
{
    private readonly TypeProvider _types = new(image.GetMetadataReader());

    /// <summary>Its metadata.</summary>
    public MetadataReader Metadata { get; } = image.GetMetadataReader();

    /// <summary>The methods that carry one of two attributes.</summary>
    public IReadOnlyList<(MethodDefinitionHandle Method, string Attribute)> Programs()
    {
        var programs = new List<(MethodDefinitionHandle, string)>();
        foreach (MethodDefinitionHandle handle in Metadata.MethodDefinitions)
            foreach (CustomAttributeHandle each in Metadata.GetMethodDefinition(handle).GetCustomAttributes())
                if (AttributeName(each) is var name && name is CSharpNames.XdpAttribute or CSharpNames.SocketAttribute)
                    programs.Add((handle, name));
        return programs;
    }

    /// <summary>Name of an attribute's type.</summary>
    public string AttributeName(CustomAttributeHandle handle)
    {
        EntityHandle constructor = Metadata.GetCustomAttribute(handle).Constructor;
        return constructor.Kind == HandleKind.MemberReference
            ? _types.NameOf(Metadata.GetMemberReference((MemberReferenceHandle)constructor).Parent)
            : _types.NameOf(Metadata.GetMethodDefinition((MethodDefinitionHandle)constructor).GetDeclaringType());
    }

    /// <summary>Name of a method.</summary>
    public string NameOf(MethodDefinitionHandle method) => Metadata.GetString(Metadata.GetMethodDefinition(method).Name);

    /// <summary>Signature of a method without type arguments.</summary>
    public MethodSignature<ClrType> SignatureOf(MethodDefinitionHandle method) => Metadata.GetMethodDefinition(method).DecodeSignature(_types, ([], []));

    /// <summary>Whether a method can be overridden.</summary>
    public bool IsVirtual(MethodDefinitionHandle method) => (Metadata.GetMethodDefinition(method).Attributes & (MethodAttributes.Virtual | MethodAttributes.Final)) == MethodAttributes.Virtual;

    /// <summary>A method's code, the types of its locals, and whether it has try blocks.</summary>
    public (byte[] Code, ImmutableArray<ClrType> Locals, bool HasHandlers) BodyOf(MethodDefinitionHandle method, ImmutableArray<ClrType> typeArguments)
    {
        MethodDefinition definition = Metadata.GetMethodDefinition(method);
        if (definition.RelativeVirtualAddress == 0)
            throw new BadImageFormatException("a method without a body");
        MethodBodyBlock body = image.GetMethodBody(definition.RelativeVirtualAddress);
        ImmutableArray<ClrType> locals = body.LocalSignature.IsNil ? [] : Metadata.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(_types, ([], typeArguments));
        return (body.GetILBytes() ?? [], locals, !body.ExceptionRegions.IsEmpty);
    }

    /// <summary>Which arguments a method writes, and which it takes the address of.</summary>
    public (HashSet<int> Written, HashSet<int> Taken) ArgumentsTouched(MethodDefinitionHandle method)
    {
        Il il = Il.Decode(BodyOf(method, []).Code) ?? throw new BadImageFormatException();
        return ([.. il.Insns.Where(insn => insn.Code is ILOpCode.Starg or ILOpCode.Starg_s).Select(insn => (int)insn.Operand)],
            [.. il.Insns.Where(insn => insn.Code is ILOpCode.Ldarga or ILOpCode.Ldarga_s).Select(insn => (int)insn.Operand)]);
    }

    /// <summary>The type that a token names.</summary>
    public ClrType TypeOf(int token, ImmutableArray<ClrType> typeArguments)
    {
        EntityHandle handle = MetadataTokens.EntityHandle(token);
        return handle.Kind switch
        {
            HandleKind.TypeDefinition => _types.GetTypeFromDefinition(Metadata, (TypeDefinitionHandle)handle, 0),
            HandleKind.TypeReference => Primitive(_types.NameOf(handle)) ?? _types.GetTypeFromReference(Metadata, (TypeReferenceHandle)handle, (byte)SignatureTypeKind.ValueType),
            HandleKind.TypeSpecification => _types.GetTypeFromSpecification(Metadata, ([], typeArguments), (TypeSpecificationHandle)handle, 0),
            _ => throw new BadImageFormatException(),
        };
    }

    /// <summary>The method that a token names.</summary>
    public CalledMethod MethodAt(int token, ImmutableArray<ClrType> typeArguments)
    {
        EntityHandle handle = MetadataTokens.EntityHandle(token);
        ImmutableArray<ClrType> own = [];
        if (handle.Kind == HandleKind.MethodSpecification)
        {
            MethodSpecification specification = Metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
            own = specification.DecodeSignature(_types, ([], typeArguments));
            handle = specification.Method;
        }
        if (handle.Kind == HandleKind.MethodDefinition)
        {
            MethodDefinition definition = Metadata.GetMethodDefinition((MethodDefinitionHandle)handle);
            return new CalledMethod(_types.NameOf(definition.GetDeclaringType()), [], Metadata.GetString(definition.Name), definition.DecodeSignature(_types, ([], own)), own, (MethodDefinitionHandle)handle);
        }
        if (handle.Kind != HandleKind.MemberReference)
            throw new BadImageFormatException();
        MemberReference member = Metadata.GetMemberReference((MemberReferenceHandle)handle);
        ImmutableArray<ClrType> owner = member.Parent.Kind == HandleKind.TypeSpecification
            ? _types.GetTypeFromSpecification(Metadata, ([], typeArguments), (TypeSpecificationHandle)member.Parent, 0).Arguments : [];
        return new CalledMethod(_types.NameOf(member.Parent), owner, Metadata.GetString(member.Name), member.DecodeMethodSignature(_types, (owner, own)), own, default);
    }

    /// <summary>The type and name of the field that a token names.</summary>
    public (string Type, string Name) FieldName(int token)
    {
        EntityHandle handle = MetadataTokens.EntityHandle(token);
        if (handle.Kind == HandleKind.MemberReference)
        {
            MemberReference member = Metadata.GetMemberReference((MemberReferenceHandle)handle);
            return (_types.NameOf(member.Parent), Metadata.GetString(member.Name));
        }
        if (handle.Kind != HandleKind.FieldDefinition)
            throw new BadImageFormatException();
        FieldDefinition field = Metadata.GetFieldDefinition((FieldDefinitionHandle)handle);
        return (_types.NameOf(field.GetDeclaringType()), Metadata.GetString(field.Name));
    }

    /// <summary>Offset and type of the field of a structure that a token names; null for a field of another assembly.</summary>
    public (int Offset, ClrType Type)? FieldAt(int token, ClrType? _)
    {
        EntityHandle handle = MetadataTokens.EntityHandle(token);
        if (handle.Kind != HandleKind.FieldDefinition)
            return null;
        var field = (FieldDefinitionHandle)handle;
        ClrType owner = _types.GetTypeFromDefinition(Metadata, Metadata.GetFieldDefinition(field).GetDeclaringType(), 0);
        return owner.Fields.TryGetValue(field, out (int Offset, ClrType Type) found) ? found : null;
    }

    /// <summary>The static field of this assembly that a token names, or null.</summary>
    public static FieldDefinitionHandle? StaticField(int token)
    {
        EntityHandle handle = MetadataTokens.EntityHandle(token);
        return handle.Kind == HandleKind.FieldDefinition ? (FieldDefinitionHandle)handle : null;
    }

    /// <summary>The type of a field.</summary>
    public ClrType TypeOf(FieldDefinitionHandle field) => Metadata.GetFieldDefinition(field).DecodeSignature(_types, ([], []));

    private ClrType? Primitive(string name) => name switch
    {
        "System.Boolean" => _types.GetPrimitiveType(PrimitiveTypeCode.Boolean),
        "System.Byte" => _types.GetPrimitiveType(PrimitiveTypeCode.Byte),
        "System.SByte" => _types.GetPrimitiveType(PrimitiveTypeCode.SByte),
        "System.Char" => _types.GetPrimitiveType(PrimitiveTypeCode.Char),
        "System.Int16" => _types.GetPrimitiveType(PrimitiveTypeCode.Int16),
        "System.UInt16" => _types.GetPrimitiveType(PrimitiveTypeCode.UInt16),
        "System.Int32" => _types.GetPrimitiveType(PrimitiveTypeCode.Int32),
        "System.UInt32" => _types.GetPrimitiveType(PrimitiveTypeCode.UInt32),
        "System.Int64" => _types.GetPrimitiveType(PrimitiveTypeCode.Int64),
        "System.UInt64" => _types.GetPrimitiveType(PrimitiveTypeCode.UInt64),
        "System.IntPtr" => _types.GetPrimitiveType(PrimitiveTypeCode.IntPtr),
        "System.UIntPtr" => _types.GetPrimitiveType(PrimitiveTypeCode.UIntPtr),
        _ => null,
    };
}
