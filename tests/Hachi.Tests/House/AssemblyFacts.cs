using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Hachi.Tests.House;

/// <summary>One use of a type or member by a type of ours.</summary>
/// <param name="User">Full name of the outermost type that uses it.</param>
/// <param name="Namespace">That type's namespace.</param>
/// <param name="Target">Full name of the type used; with <c>::Member</c> when a member is used.</param>
internal readonly record struct Use(string User, string Namespace, string Target);

/// <summary>One method with a body: where it stands and how many lines it has (from the debug information).</summary>
internal readonly record struct MethodSize(string Name, string File, int Lines);

/// <summary>What a built assembly says about itself: who uses what, who calls native code, how long its methods are.</summary>
internal sealed class AssemblyFacts : IDisposable
{
    private static readonly Dictionary<ushort, OperandType> s_operands = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(op => (ushort)op.Value, op => op.OperandType);

    private readonly MetadataReader _reader;
    private readonly PEReader _image;
    private readonly HashSet<Use> _uses = [];

    private AssemblyFacts(string name)
    {
        string path = Path.Combine(AppContext.BaseDirectory, name + ".dll");
        _image = new PEReader(File.OpenRead(path));
        _reader = _image.GetMetadataReader();
        Name = name;
        foreach (TypeDefinitionHandle handle in _reader.TypeDefinitions)
            Walk(handle);
        Methods = ReadMethods(path);
    }

    /// <summary>The assemblies of src.</summary>
    public static IReadOnlyList<AssemblyFacts> All { get; } = [new("Hachi"), new("Hachi.Lang"), new("Hachi.Linux"), new("Hachi.Hosting"), new("Hachi.Cli")];

    /// <summary>The assembly of that name.</summary>
    public static AssemblyFacts Of(string name) => All.Single(facts => facts.Name == name);

    /// <summary>Simple name.</summary>
    public string Name { get; }

    /// <summary>Every use of a type or member by code, signatures, fields, base types and attributes.</summary>
    public IReadOnlyCollection<Use> Uses => _uses;

    /// <summary>Types that have P/Invoke methods.</summary>
    public SortedSet<string> NativeCallers { get; } = new(StringComparer.Ordinal);

    /// <summary>Names of the assemblies that this one references.</summary>
    public IReadOnlyList<string> References =>
        [.. _reader.AssemblyReferences.Select(handle => _reader.GetString(_reader.GetAssemblyReference(handle).Name))];

    /// <summary>Methods with bodies; constructors, whose lines include those of field initialisers, are left out.</summary>
    public IReadOnlyList<MethodSize> Methods { get; }

    /// <inheritdoc/>
    public void Dispose() => _image.Dispose();

    private void Walk(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _reader.GetTypeDefinition(handle);
        (string space, string user) = Outermost(handle);
        if (space.Length == 0)
            return;
        var names = new SignatureNames(_reader, target => _uses.Add(new Use(user, space, target)));
        names.Touch(type.BaseType);
        foreach (InterfaceImplementationHandle each in type.GetInterfaceImplementations())
            names.Touch(_reader.GetInterfaceImplementation(each).Interface);
        foreach (CustomAttributeHandle each in type.GetCustomAttributes())
            names.Touch(_reader.GetCustomAttribute(each).Constructor);
        foreach (FieldDefinitionHandle each in type.GetFields())
            _reader.GetFieldDefinition(each).DecodeSignature(names, null);
        foreach (MethodDefinitionHandle each in type.GetMethods())
        {
            MethodDefinition method = _reader.GetMethodDefinition(each);
            method.DecodeSignature(names, null);
            if ((method.Attributes & MethodAttributes.PinvokeImpl) != 0)
                NativeCallers.Add(user);
            if (method.RelativeVirtualAddress != 0)
                WalkBody(_image.GetMethodBody(method.RelativeVirtualAddress), names);
        }
    }

    private void WalkBody(MethodBodyBlock body, SignatureNames names)
    {
        if (!body.LocalSignature.IsNil)
            _reader.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(names, null);
        BlobReader il = body.GetILReader();
        while (il.RemainingBytes > 0)
        {
            int code = il.ReadByte();
            if (code == 0xFE)
                code = 0xFE00 | il.ReadByte();
            switch (s_operands[(ushort)code])
            {
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                    il.ReadByte();
                    break;
                case OperandType.InlineVar:
                    il.ReadInt16();
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    il.ReadInt64();
                    break;
                case OperandType.InlineSwitch:
                    int targets = il.ReadInt32();
                    il.Offset += targets * 4;
                    break;
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType or OperandType.InlineSig:
                    names.Touch(MetadataTokens.EntityHandle(il.ReadInt32()));
                    break;
                default:
                    il.ReadInt32();
                    break;
            }
        }
    }

    private (string Namespace, string Name) Outermost(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _reader.GetTypeDefinition(handle);
        while (!type.GetDeclaringType().IsNil)
            type = _reader.GetTypeDefinition(type.GetDeclaringType());
        string space = _reader.GetString(type.Namespace);
        return (space, space + "." + _reader.GetString(type.Name));
    }

    private List<MethodSize> ReadMethods(string path)
    {
        using var debug = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(Path.ChangeExtension(path, ".pdb")));
        MetadataReader pdb = debug.GetMetadataReader();
        var all = new List<MethodSize>();
        foreach (MethodDefinitionHandle handle in _reader.MethodDefinitions)
        {
            MethodDefinition method = _reader.GetMethodDefinition(handle);
            string name = _reader.GetString(method.Name);
            MethodDebugInformation info = pdb.GetMethodDebugInformation(handle.ToDebugInformationHandle());
            var lines = info.GetSequencePoints().Where(point => !point.IsHidden).ToList();
            if (name is ".ctor" or ".cctor" || lines.Count == 0 || info.Document.IsNil)
                continue;
            string file = pdb.GetString(pdb.GetDocument(info.Document).Name);
            all.Add(new MethodSize(Outermost(method.GetDeclaringType()).Name + "." + name, file, lines.Max(point => point.EndLine) - lines.Min(point => point.StartLine) + 1));
        }
        return all;
    }

    /// <summary>Reports the names of all types that a signature or a token names.</summary>
    private sealed class SignatureNames(MetadataReader reader, Action<string> report) : ISignatureTypeProvider<int, object?>
    {
        public void Touch(EntityHandle handle)
        {
            if (handle.IsNil)
                return;
            switch (handle.Kind)
            {
                case HandleKind.TypeReference:
                    GetTypeFromReference(reader, (TypeReferenceHandle)handle, 0);
                    break;
                case HandleKind.TypeDefinition:
                    GetTypeFromDefinition(reader, (TypeDefinitionHandle)handle, 0);
                    break;
                case HandleKind.TypeSpecification:
                    reader.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(this, null);
                    break;
                case HandleKind.MethodSpecification:
                    MethodSpecification spec = reader.GetMethodSpecification((MethodSpecificationHandle)handle);
                    spec.DecodeSignature(this, null);
                    Touch(spec.Method);
                    break;
                case HandleKind.MethodDefinition:
                    Touch(reader.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.FieldDefinition:
                    Touch(reader.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.MemberReference:
                    TouchMember(reader.GetMemberReference((MemberReferenceHandle)handle));
                    break;
            }
        }

        private void TouchMember(MemberReference member)
        {
            Touch(member.Parent);
            if (member.Parent.Kind == HandleKind.TypeReference)
                report(NameOf((TypeReferenceHandle)member.Parent) + "::" + reader.GetString(member.Name) + Arity(member));
            if (member.GetKind() == MemberReferenceKind.Method)
                member.DecodeMethodSignature(this, null);
            else
                member.DecodeFieldSignature(this, null);
        }

        // Only where it tells apart: new Random() has no seed, new Random(1) has one.
        private string Arity(MemberReference member) =>
            reader.GetString(member.Name) == ".ctor" ? "/" + member.DecodeMethodSignature(this, null).ParameterTypes.Length : "";

        private string NameOf(TypeReferenceHandle handle)
        {
            TypeReference type = reader.GetTypeReference(handle);
            return type.ResolutionScope.Kind == HandleKind.TypeReference
                ? NameOf((TypeReferenceHandle)type.ResolutionScope)
                : reader.GetString(type.Namespace) + "." + reader.GetString(type.Name);
        }

        public int GetTypeFromReference(MetadataReader _, TypeReferenceHandle handle, byte rawTypeKind)
        {
            report(NameOf(handle));
            return 0;
        }

        public int GetTypeFromDefinition(MetadataReader _, TypeDefinitionHandle handle, byte rawTypeKind)
        {
            TypeDefinition type = reader.GetTypeDefinition(handle);
            while (!type.GetDeclaringType().IsNil)
                type = reader.GetTypeDefinition(type.GetDeclaringType());
            report(reader.GetString(type.Namespace) + "." + reader.GetString(type.Name));
            return 0;
        }

        public int GetTypeFromSpecification(MetadataReader _, object? context, TypeSpecificationHandle handle, byte rawTypeKind)
        {
            Touch(handle);
            return 0;
        }

        public int GetArrayType(int elementType, ArrayShape shape) => 0;

        public int GetByReferenceType(int elementType) => 0;

        public int GetFunctionPointerType(MethodSignature<int> signature) => 0;

        public int GetGenericInstantiation(int genericType, ImmutableArray<int> typeArguments) => 0;

        public int GetGenericMethodParameter(object? context, int index) => 0;

        public int GetGenericTypeParameter(object? context, int index) => 0;

        public int GetModifiedType(int modifier, int unmodifiedType, bool isRequired) => 0;

        public int GetPinnedType(int elementType) => 0;

        public int GetPointerType(int elementType) => 0;

        public int GetPrimitiveType(PrimitiveTypeCode typeCode) => 0;

        public int GetSZArrayType(int elementType) => 0;
    }
}
