using Hachi.Lang.Trace.Syntax;
using Hachi.Object.Plan;

namespace Hachi.Lang.Trace.Types;

/// <summary>Types by name: those of the language, of the script, of the kernel, in this order.</summary>
internal sealed class TypeResolver
{
    private const int DepthMax = 32;

    private readonly Dictionary<string, CType> _defined = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CMember> _aliases = new(StringComparer.Ordinal);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly Dictionary<CType, StructType> _layouts = [];
    private readonly Dictionary<string, (EnumType Enum, long Value)> _constants = new(StringComparer.Ordinal);
    private readonly Lazy<KernelTypes?> _kernel;

    public TypeResolver(Script script, IKernelFacts facts, Func<Expr, long?> constant)
    {
        // Most scripts name no type of the kernel; reading them would be most of the start.
        _kernel = new Lazy<KernelTypes?>(() => facts.Types is null ? null : new KernelTypes(facts.Types), isThreadSafe: false);
        foreach (Item item in script.Items)
            if (item is TypeItem type)
                Define(type.Type, constant, 0);
            else if (item is TypedefItem other)
                foreach (CMember name in other.Names)
                {
                    if (name.Inline is not null)
                        Define(name.Inline, constant, 0);
                    _aliases[name.Name] = name;
                }
    }

    /// <summary>The kernel's types, read when somebody asks; null when it gives none.</summary>
    public KernelTypes? Kernel => _kernel.Value;

    /// <summary>An enumerator of the script or the kernel.</summary>
    public (EnumType Enum, long Value)? Constant(string name) => _constants.TryGetValue(name, out (EnumType, long) own) ? own : Kernel?.Enumerator(name);

    /// <summary>The type that a name of a type stands for; null when there is none of that name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="typeOf">Type of an expression, for <c>typeof</c>.</param>
    public TraceType? Resolve(TypeName name, Func<Expr, TraceType>? typeOf = null)
    {
        TraceType? type = name.Of is not null ? typeOf?.Invoke(name.Of) : name.OfType is not null ? Resolve(name.OfType, typeOf) : Named(name.Name);
        if (type is null)
            return null;
        if (name.Name is "string" or "buffer" or "inet" && name.Suffixes is [>= 0 and var bytes, .. var rest])
            return Suffixed(name.Name == "buffer" ? TraceType.Buffer((int)bytes) : name.Name == "inet" ? type : TraceType.String((int)bytes), rest);
        return Suffixed(type, name.Suffixes);
    }

    private static TraceType? Suffixed(TraceType type, IEnumerable<long> suffixes)
    {
        foreach (long suffix in suffixes)
        {
            if (suffix == TypeName.Pointer)
                type = TraceType.PointerTo(type);
            else if (suffix == TypeName.OpenArray)
                type = new TraceType(TypeKind.Array, 0) { Element = type };
            else if (suffix * type.SizeBytes > 1 << 24)
                return null;
            else
                type = TraceType.ArrayOf(type, (int)suffix);
        }
        return type;
    }

    /// <summary>A type without suffixes by its name in C or in the language.</summary>
    public TraceType? Named(string name) => Number(name) ?? Alias(name) ?? (_defined.TryGetValue(name, out CType? own) ? Of(own) : name switch
    {
        "void" => TraceType.Void,
        "bool" or "_Bool" => TraceType.Bool,
        "string" => TraceType.String(0),
        "buffer" => TraceType.Buffer(0),
        "inet" => new TraceType(TypeKind.Address, 20),
        "ksym_t" or "ksym" => new TraceType(TypeKind.KernelSymbol, 8),
        "usym_t" or "usym" => new TraceType(TypeKind.UserSymbol, 16),
        "kstack_t" or "kstack" => new TraceType(TypeKind.KernelStack, 8),
        "ustack_t" or "ustack" => new TraceType(TypeKind.UserStack, 8),
        "username" => new TraceType(TypeKind.UserName, 8),
        "macaddr_t" => new TraceType(TypeKind.Mac, 6),
        "timestamp" => new TraceType(TypeKind.Time, 16),
        _ => Kernel?.Find(name),
    });

    // What the script gave another name to; while that is looked at, the name means what it means elsewhere.
    private TraceType? Alias(string name)
    {
        if (!_aliases.TryGetValue(name, out CMember? member) || _asked.Count >= DepthMax || !_asked.Add(name))
            return null;
        TraceType type = MemberType(member);
        _asked.Remove(name);
        return type;
    }

    private static TraceType? Number(string name) => name switch
    {
        "int8" or "int8_t" or "s8" or "__s8" => TraceType.Int(1, true),
        "uint8" or "uint8_t" or "u8" or "__u8" => TraceType.Int(1, false),
        "int16" or "int16_t" or "s16" or "__s16" => TraceType.Int(2, true),
        "uint16" or "uint16_t" or "u16" or "__u16" or "__be16" or "__le16" or "umode_t" => TraceType.Int(2, false),
        "int32" or "int32_t" or "s32" or "__s32" or "pid_t" => TraceType.Int32,
        "uint32" or "uint32_t" or "u32" or "__u32" or "__be32" or "__le32" or "uid_t" or "gid_t" or "dev_t" or "gfp_t" or "mode_t" => TraceType.UInt32,
        "int64" or "int64_t" or "s64" or "__s64" or "ssize_t" or "intptr_t" or "off_t" or "loff_t" or "time_t" or "ktime_t" => TraceType.Int64,
        "uint64" or "uint64_t" or "u64" or "__u64" or "__be64" or "__le64" or "size_t" or "uintptr_t" or "sector_t" => TraceType.UInt64,
        "float" => TraceType.UInt32,
        "double" => TraceType.UInt64,
        _ => OfC(name),
    };

    // The integers of C, whose words stand in any order: unsigned long int, long unsigned int.
    private static TraceType? OfC(string name)
    {
        int bytes = 4;
        bool isSigned = true;
        foreach (string word in name.Split(' '))
            switch (word)
            {
                case "char": bytes = 1; break;
                case "short": bytes = 2; break;
                case "long": bytes = 8; break;
                case "unsigned": isSigned = false; break;
                case "int" or "signed": break;
                default: return null;
            }
        return TraceType.Int(bytes, isSigned);
    }

    private void Define(CType type, Func<Expr, long?> constant, int depth)
    {
        if (type.Name.Length > 0)
            _defined[$"{type.Kind} {type.Name}"] = type;
        if (type.Kind == "enum")
            Enumerate(type, constant);
        if (depth < DepthMax)
            foreach (CMember member in type.Members)
                if (member.Inline is not null)
                    Define(member.Inline, constant, depth + 1);
    }

    private void Enumerate(CType type, Func<Expr, long?> constant)
    {
        var values = new List<(string Name, long Value)>();
        long next = 0;
        foreach ((string name, Expr? value) in type.Enumerators)
        {
            long? given = value is null ? next : value is NameExpr before && values.FirstOrDefault(row => row.Name == before.Name) is { Name: not null } row ? row.Value : constant(value);
            values.Add((name, given ?? next));
            next = unchecked((given ?? next) + 1);
        }
        bool isSigned = values.Exists(row => row.Value < 0), isWide = values.Exists(row => row.Value is < int.MinValue or > uint.MaxValue);
        var made = new EnumType(type.Name, isWide ? 8 : 4, isSigned, values);
        foreach ((string name, long value) in values)
            _constants[name] = (made, value);
        _enums[type] = made;
    }

    private readonly Dictionary<CType, EnumType> _enums = [];

    private TraceType Of(CType type)
    {
        if (type.Kind == "enum")
            return _enums.TryGetValue(type, out EnumType? values) ? TraceType.Int(values.SizeBytes, values.IsSigned) with { Enum = values } : TraceType.UInt32;
        if (!_layouts.TryGetValue(type, out StructType? layout))
        {
            string name = type.Name.Length > 0 ? $"{type.Kind} {type.Name}" : $"{type.Kind} @{type.Span.Start}";
            _layouts[type] = new StructType(name, 0, 1, () => []); // while its members are looked at, it is empty: a struct cannot hold itself
            (List<StructField> fields, int size, int align) = Layout(type);
            _layouts[type] = layout = new StructType(name, size, align, () => fields);
        }
        return layout.Type;
    }

    private (List<StructField> Fields, int Size, int Align) Layout(CType type)
    {
        var fields = new List<StructField>();
        long bits = 0, size = 0;
        int align = 1;
        bool isUnion = type.Kind == "union";
        foreach (CMember member in type.Members)
        {
            TraceType of = MemberType(member);
            int own = type.IsPacked ? 1 : TupleLayout.AlignOf(of);
            bits = isUnion ? 0 : bits;
            if (member.Bits is int width)
            {
                int word = Math.Max(1, of.SizeBytes) * 8;
                if (width == 0 || (bits % word) + width > word)
                    bits = (bits + word - 1) / word * word;
                if (member.Name.Length > 0)
                    fields.Add(new StructField(member.Name, of, (int)(bits / word * (word / 8))) { Bits = width, Shift = (int)(bits % word) });
                bits += width;
            }
            else
            {
                bits = (bits + (own * 8) - 1) / (own * 8) * (own * 8);
                Place(fields, member, of, (int)(bits / 8));
                bits += (long)of.SizeBytes * 8;
            }
            align = Math.Max(align, own);
            size = Math.Min(Math.Max(size, (bits + 7) / 8), 1 << 24);
            bits = Math.Min(bits, 1L << 27);
        }
        return (fields, TupleLayout.Up((int)size, align), align);
    }

    private static void Place(List<StructField> fields, CMember member, TraceType of, int offset)
    {
        if (member.Name.Length > 0)
            fields.Add(new StructField(member.Name, of.AsString(), offset));
        else if (of.Struct is not null)
            foreach (StructField inner in of.Struct.Fields)
                fields.Add(inner with { Offset = inner.Offset + offset });
    }

    private TraceType MemberType(CMember member)
    {
        TraceType? type = member.Inline is not null ? Of(member.Inline) : null;
        if (type is null)
            // What a pointer points to may be unknown as long as nobody follows it, and may be the struct itself.
            return member.Type.Suffixes.Contains(TypeName.Pointer) && !_defined.ContainsKey(member.Type.Name) && Number(member.Type.Name) is null
                ? Suffixed(Named(member.Type.Name) ?? Opaque(member.Type.Name), member.Type.Suffixes) ?? TraceType.Void
                : Deferred(member) ?? Resolve(member.Type) ?? TraceType.Void;
        return Suffixed(type, member.Type.Suffixes) ?? TraceType.Void;
    }

    private static TraceType Opaque(string name) => name.StartsWith("struct ", StringComparison.Ordinal) || name.StartsWith("union ", StringComparison.Ordinal) ? new StructType(name, 0, 1, () => []).Type : TraceType.Void;

    // A pointer to a struct of the script: its layout may be under way, so only its name is taken; Follow finds the rest.
    private TraceType? Deferred(CMember member) => member.Type.Suffixes.Contains(TypeName.Pointer) && _defined.ContainsKey(member.Type.Name) && !member.Type.Name.StartsWith("enum ", StringComparison.Ordinal)
        ? Suffixed(Opaque(member.Type.Name), member.Type.Suffixes) : null;

    /// <summary>The struct with its members, where only its name was taken.</summary>
    public TraceType Complete(TraceType type) => type.Struct is not null && (type.Struct.Fields.Count == 0 || _defined.ContainsKey(type.Struct.Name)) ? Named(type.Struct.Name) ?? type : type;

    /// <summary>Members that have a type which nobody defines, by value.</summary>
    public CMember? UndefinedMember(CType type)
    {
        foreach (CMember member in type.Members)
            if (UndefinedMember(member) is CMember undefined)
                return undefined;
        return null;
    }

    /// <summary>A member, or a member of its own, whose type nobody defines, where it is there by value.</summary>
    public CMember? UndefinedMember(CMember member) => member.Inline is not null ? UndefinedMember(member.Inline)
        : !member.Type.Suffixes.Contains(TypeName.Pointer) && (Named(member.Type.Name) is null or { Kind: TypeKind.Void }) && member.Type.Name != "void" ? member : null;
}
