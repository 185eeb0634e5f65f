using System.Globalization;

namespace Hachi.Lang.Trace.Types;

/// <summary>What a value of a script is.</summary>
internal enum TypeKind : byte
{
    /// <summary>Not known (yet).</summary>
    None,
    Void, Bool, Integer, String, Buffer, Pointer, Array, Struct, Tuple, KernelStack, UserStack,
    KernelSymbol, UserSymbol, UserName, Address, Mac, Time, CgroupPath, Error, Signal, Probe,
    Count, Sum, Average, Min, Max, Stats, Histogram, LinearHistogram, TimeSeries,
}

/// <summary>Where a pointer points, as far as reading through it must know.</summary>
internal enum AddressSpace : byte
{
    Unknown,
    Kernel,
    User,

    /// <summary>The context of the program: read directly.</summary>
    Context,

    /// <summary>Memory of the program itself: a variable, a map's value.</summary>
    Own,
}

/// <summary>The type of a value. Equal by content; structs are equal by name.</summary>
internal sealed record TraceType(TypeKind Kind, int SizeBytes)
{
    public static readonly TraceType None = new(TypeKind.None, 0), Void = new(TypeKind.Void, 0), Bool = new(TypeKind.Bool, 1),
        Int64 = Int(8, true), UInt64 = Int(8, false), Int32 = Int(4, true), UInt32 = Int(4, false);

    public bool IsSigned { get; init; }

    /// <summary>What a pointer points to; an array's element.</summary>
    public TraceType? Element { get; init; }

    /// <summary>Elements of an array.</summary>
    public int Count { get; init; }

    /// <summary>A struct's layout.</summary>
    public StructType? Struct { get; init; }

    /// <summary>Parts of a tuple; with names it is a record.</summary>
    public TupleLayout? Tuple { get; init; }

    /// <summary>The enum that an integer is of.</summary>
    public EnumType? Enum { get; init; }

    /// <summary>Mode of a stack, format of a time.</summary>
    public string Text { get; init; } = "";

    /// <summary>Frames of a stack; a histogram's bits; least, greatest, step.</summary>
    public NumberList Numbers { get; init; } = NumberList.Empty;

    /// <summary>Where an address leads. It says nothing of the type.</summary>
    public AddressSpace Space { get; init; }

    /// <summary>Whether memory of this type may be read without a helper, being typed by the kernel's BTF.</summary>
    public bool IsTrusted { get; init; }

    public static TraceType Int(int size, bool isSigned) => new(TypeKind.Integer, size) { IsSigned = isSigned };

    public static TraceType String(int size) => new(TypeKind.String, size);

    public static TraceType Buffer(int size) => new(TypeKind.Buffer, size);

    public static TraceType PointerTo(TraceType element, AddressSpace space = AddressSpace.Unknown) => new(TypeKind.Pointer, 8) { Element = element, Space = space };

    public static TraceType ArrayOf(TraceType element, int count) => new(TypeKind.Array, checked(element.SizeBytes * count)) { Element = element, Count = count };

    public bool IsInteger => Kind == TypeKind.Integer;

    public bool IsNumeric => Kind is TypeKind.Integer or TypeKind.Bool;

    public bool IsPointer => Kind == TypeKind.Pointer;

    /// <summary>Whether it is one word that a register holds.</summary>
    public bool IsScalar => Kind is TypeKind.Integer or TypeKind.Bool or TypeKind.Pointer or TypeKind.KernelStack or TypeKind.UserStack or TypeKind.KernelSymbol or TypeKind.UserName or TypeKind.Error or TypeKind.Signal or TypeKind.Probe;

    /// <summary>Whether it is made by adding up in a map.</summary>
    public bool IsAggregate => Kind >= TypeKind.Count;

    /// <summary>Whether an aggregate can be read as a number.</summary>
    public bool IsSummable => Kind is TypeKind.Count or TypeKind.Sum or TypeKind.Average or TypeKind.Min or TypeKind.Max or TypeKind.Stats;

    /// <summary>An array of characters as the string that it holds; other types as they are.</summary>
    public TraceType AsString() => Kind == TypeKind.Array && Element is { Kind: TypeKind.Integer, SizeBytes: 1, IsSigned: true } && Count > 0 ? String(Count) : this;

    /// <summary>The type as a map keeps it: numbers take whole words, so that equal keys are equal bytes.</summary>
    public TraceType Stored() => Kind switch
    {
        TypeKind.Integer => this with { SizeBytes = 8 },
        TypeKind.Tuple => TupleLayout.Of(Tuple!.Items.Select(item => item.Type.Stored()), Tuple.IsRecord ? [.. Tuple.Items.Select(item => item.Name)] : null),
        _ => this,
    };

    public bool Equals(TraceType? other) => other is not null && (Kind, SizeBytes, IsSigned, Count, Text) == (other.Kind, other.SizeBytes, other.IsSigned, other.Count, other.Text)
        && Equals(Element, other.Element) && Struct?.Name == other.Struct?.Name && Equals(Tuple, other.Tuple) && Enum?.Name == other.Enum?.Name && Numbers.Equals(other.Numbers);

    public override int GetHashCode() => HashCode.Combine(Kind, SizeBytes, IsSigned, Count);

    /// <summary>The type as messages say it.</summary>
    public override string ToString() => Kind switch
    {
        TypeKind.Integer when Enum is not null => $"enum {Enum.Name}",
        TypeKind.Integer => string.Create(CultureInfo.InvariantCulture, $"{(IsSigned ? "" : "u")}int{SizeBytes * 8}"),
        TypeKind.String => SizeBytes > 0 ? string.Create(CultureInfo.InvariantCulture, $"string[{SizeBytes}]") : "string",
        TypeKind.Buffer => string.Create(CultureInfo.InvariantCulture, $"buffer[{SizeBytes}]"),
        TypeKind.Pointer => $"{Element} *",
        TypeKind.Array => string.Create(CultureInfo.InvariantCulture, $"{Element}[{Count}]"),
        TypeKind.Struct => Struct!.Name,
        TypeKind.Tuple => $"({string.Join(',', Tuple!.Items.Select(item => item.Name.Length > 0 ? $"{item.Name}={item.Type}" : item.Type.ToString()))})",
        TypeKind.Address => "inet",
        TypeKind.KernelStack => "kstack",
        TypeKind.UserStack => "ustack",
        TypeKind.KernelSymbol => "ksym_t",
        TypeKind.UserSymbol => "usym_t",
        TypeKind.UserName => "username",
        TypeKind.Mac => "macaddr_t",
        TypeKind.Time => "timestamp",
        TypeKind.CgroupPath => "cgroup_path",
        TypeKind.Average => "avg_t",
        TypeKind.Histogram => "hist_t",
        TypeKind.LinearHistogram => "lhist_t",
        TypeKind.TimeSeries => "tseries_t",
        TypeKind.Count or TypeKind.Sum or TypeKind.Min or TypeKind.Max or TypeKind.Stats => Kind.ToString().ToLowerInvariant() + "_t",
        _ => Kind.ToString().ToLowerInvariant(),
    };
}

/// <summary>Numbers, compared by content.</summary>
internal sealed class NumberList(params long[] values) : IEquatable<NumberList>
{
    public static readonly NumberList Empty = new();

    public long this[int index] => index < values.Length ? values[index] : 0;

    public ReadOnlySpan<long> All => values;

    public bool Equals(NumberList? other) => other is not null && All.SequenceEqual(other.All);

    public override bool Equals(object? obj) => Equals(obj as NumberList);

    public override int GetHashCode() => values.Length == 0 ? 0 : values[0].GetHashCode();
}

/// <summary>An enum and its values.</summary>
internal sealed record EnumType(string Name, int SizeBytes, bool IsSigned, IReadOnlyList<(string Name, long Value)> Values)
{
    public bool Equals(EnumType? other) => other?.Name == Name;

    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);
}

/// <summary>A part of a tuple.</summary>
internal readonly record struct TupleItem(string Name, TraceType Type, int Offset);

/// <summary>Parts of a tuple, laid out as C lays out a struct.</summary>
internal sealed class TupleLayout : IEquatable<TupleLayout>
{
    public TupleLayout(IEnumerable<TraceType> types, IReadOnlyList<string>? names)
    {
        var items = new List<TupleItem>();
        int offset = 0, align = 1;
        foreach (TraceType type in types)
        {
            int own = AlignOf(type);
            align = Math.Max(align, own);
            offset = Up(offset, own);
            items.Add(new TupleItem(names is null ? "" : names[items.Count], type, offset));
            offset += type.SizeBytes;
        }
        Items = items;
        SizeBytes = Up(offset, align);
        AlignBytes = align;
    }

    public IReadOnlyList<TupleItem> Items { get; }

    public int SizeBytes { get; }

    public int AlignBytes { get; }

    public TraceType Type => new(TypeKind.Tuple, SizeBytes) { Tuple = this };

    public bool IsRecord => Items.Count > 0 && Items[0].Name.Length > 0;

    public static TraceType Of(IEnumerable<TraceType> types, IReadOnlyList<string>? names = null) => new TupleLayout(types, names).Type;

    /// <summary>What an address of a value is a multiple of.</summary>
    public static int AlignOf(TraceType type) => type.Kind switch
    {
        TypeKind.Array => AlignOf(type.Element!),
        TypeKind.Tuple => type.Tuple!.AlignBytes,
        TypeKind.Struct => type.Struct!.AlignBytes,
        TypeKind.String or TypeKind.Buffer or TypeKind.Mac => 1,
        TypeKind.Address => 4,
        _ => Math.Clamp(type.SizeBytes, 1, 8),
    };

    public static int Up(int offset, int align) => (offset + align - 1) / align * align;

    public bool Equals(TupleLayout? other) => other is not null && Items.SequenceEqual(other.Items);

    public override bool Equals(object? obj) => Equals(obj as TupleLayout);

    public override int GetHashCode() => Items.Count;
}

/// <summary>A member of a struct.</summary>
internal sealed record StructField(string Name, TraceType Type, int Offset)
{
    /// <summary>Bits of a bit-field, 0 for none, and how many bits stand below it at its offset.</summary>
    public int Bits { get; init; }

    public int Shift { get; init; }

    /// <summary>Whether the 4 bytes there say where the data lies in the record (offset and length): <c>__data_loc</c>.</summary>
    public bool IsDataLocation { get; init; }
}

/// <summary>A struct or union; its members are found when they are asked for.</summary>
internal sealed class StructType(string name, int sizeBytes, int alignBytes, Func<IReadOnlyList<StructField>> fields)
{
    private IReadOnlyList<StructField>? _fields;

    public string Name { get; } = name;

    public int SizeBytes { get; } = sizeBytes;

    public int AlignBytes { get; } = alignBytes;

    /// <summary>Its members; those of anonymous members among them.</summary>
    public IReadOnlyList<StructField> Fields => _fields ??= fields();

    public TraceType Type => new(TypeKind.Struct, SizeBytes) { Struct = this };

    public StructField? Find(string member)
    {
        foreach (StructField field in Fields)
            if (field.Name == member)
                return field;
        return null;
    }
}
