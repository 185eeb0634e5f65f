using Hachi.Btf;

namespace Hachi.Lang.Trace.Types;

/// <summary>The kernel's types as types of a script. What a pointer points to is looked at when it is followed.</summary>
internal sealed class KernelTypes(BtfTypes types)
{
    private const int DepthMax = 32;

    private readonly Dictionary<uint, TraceType> _known = [];
    private readonly Dictionary<uint, StructType> _structs = [];

    /// <summary>A struct, union, enum or typedef by its name in C (<c>struct x</c>, <c>pid_t</c>); null when there is none.</summary>
    public TraceType? Find(string name)
    {
        uint id = name.Split(' ', 2) switch
        {
            ["struct", var tag] => types.Find(BtfKind.Struct, tag),
            ["union", var tag] => types.Find(BtfKind.Union, tag),
            ["enum", var tag] => types.Find(BtfKind.Enum, tag) is > 0 and var found ? found : types.Find(BtfKind.Enum64, tag),
            _ => types.Find(BtfKind.Typedef, name),
        };
        return id == 0 ? null : Of(id);
    }

    /// <summary>A function's parameters and result; null when there is no such function.</summary>
    public (List<(string Name, TraceType Type)> Parameters, TraceType Result)? Function(string name, int skip = 0)
    {
        uint id = types.Find(BtfKind.Func, name);
        if (id == 0)
            return null;
        uint prototype = types[id].SizeOrType;
        return ([.. types.ParametersOf(prototype).Skip(skip).Select(parameter => (parameter.Name, Of(parameter.Type)))], types[prototype].SizeOrType is > 0 and var result ? Of(result) : TraceType.Void);
    }

    // The type itself names no parameter; these functions of a tracepoint do (include/linux/tracepoint.h, include/trace/bpf_probe.h): the first two are there for each, the last one once for all
    // tracepoints of a class.
    private static readonly string[] s_tracepointFunctions = ["__probestub_", "__traceiter_", "__bpf_trace_"];

    /// <summary>Parameters of a tracepoint's raw arguments (<c>typedef btf_trace_NAME</c>); null when there is none.</summary>
    public List<(string Name, TraceType Type)>? RawTracepoint(string name)
    {
        uint id = types.Find(BtfKind.Typedef, "btf_trace_" + name);
        if (id == 0)
            return null;
        uint pointer = types.Resolve(id), prototype = types[pointer].SizeOrType;
        if (types[pointer].Kind != BtfKind.Ptr)
            return null;
        IReadOnlyList<BtfParameter> all = types.ParametersOf(prototype);
        IReadOnlyList<BtfParameter> named = [];
        foreach (string prefix in s_tracepointFunctions)
            if (named.Count != all.Count && types.Find(BtfKind.Func, prefix + name) is > 0 and var function)
                named = types.ParametersOf(function);
        return [.. all.Skip(1).Select((parameter, i) => (i + 1 < named.Count && named.Count == all.Count ? named[i + 1].Name : parameter.Name, Of(parameter.Type)))];
    }

    /// <summary>The value of an enumerator anywhere in the kernel; null when there is none.</summary>
    public (EnumType Enum, long Value)? Enumerator(string name) =>
        types.TryFindEnumerator(name, out uint type, out long value) ? (EnumOf(type), value) : null;

    /// <summary>A type by its number.</summary>
    public TraceType Of(uint id) => Of(id, 0);

    private TraceType Of(uint id, int depth)
    {
        if (_known.TryGetValue(id, out TraceType? known))
            return known;
        if (depth > DepthMax)
            return TraceType.Void;
        return _known[id] = Make(types.Resolve(id), depth + 1);
    }

    private TraceType Make(uint id, int depth)
    {
        BtfType type = types[id];
        switch (type.Kind)
        {
            case BtfKind.Int:
                BtfInt number = types.IntOf(id);
                // Characters have a sign or not as the kernel was built; here they are always alike, and arrays of them are strings.
                return types.NameOf(id) == "char" ? TraceType.Int(1, true) : number.IsBool ? TraceType.Bool : type.SizeOrType is 1 or 2 or 4 or 8 ? TraceType.Int((int)type.SizeOrType, number.IsSigned) : TraceType.ArrayOf(TraceType.UInt64, (int)Math.Min(type.SizeOrType / 8, 4));
            case BtfKind.Ptr:
                return TraceType.PointerTo(Pointee(type.SizeOrType, depth), AddressSpace.Kernel);
            case BtfKind.Array:
                BtfArray array = types.ArrayOf(id);
                TraceType element = Of(array.Element, depth);
                return (long)element.SizeBytes * array.Count <= 1 << 24 ? TraceType.ArrayOf(element, (int)array.Count) : TraceType.ArrayOf(element, 0);
            case BtfKind.Struct or BtfKind.Union:
                return StructOf(id).Type;
            case BtfKind.Enum or BtfKind.Enum64:
                EnumType values = EnumOf(id);
                return TraceType.Int(values.SizeBytes, values.IsSigned) with { Enum = values };
            default:
                return TraceType.Void;
        }
    }

    // A struct is named, not opened; other things are short.
    private TraceType Pointee(uint id, int depth)
    {
        uint resolved = types.Resolve(id);
        return resolved == 0 ? TraceType.Void : types[resolved].IsComposite ? StructOf(resolved).Type : Of(id, depth);
    }

    private StructType StructOf(uint id)
    {
        if (_structs.TryGetValue(id, out StructType? known))
            return known;
        BtfType type = types[id];
        string name = types.NameOf(id);
        string kind = type.Kind == BtfKind.Union ? "union" : "struct";
        return _structs[id] = new StructType(name.Length > 0 ? $"{kind} {name}" : $"{kind} #{id}", (int)Math.Min(type.SizeOrType, int.MaxValue), (int)Math.Clamp(types.AlignOf(id) ?? 8, 1, 8), () => Fields(id, 0, 0));
    }

    private List<StructField> Fields(uint id, long start, int depth)
    {
        var fields = new List<StructField>();
        foreach (BtfMember member in types.MembersOf(id))
        {
            long bits = start + member.BitOffset;
            uint resolved = types.Resolve(member.Type);
            if (member.Name.Length == 0 && types[resolved].IsComposite)
            {
                if (depth < DepthMax)
                    fields.AddRange(Fields(resolved, bits, depth + 1));
                continue;
            }
            TraceType type = Of(member.Type);
            if (member.BitSize > 0 && type.SizeBytes > 0)
            {
                // The word that holds it, as it is aligned.
                long at = bits / (type.SizeBytes * 8) * type.SizeBytes;
                fields.Add(new StructField(member.Name, type, (int)at) { Bits = (int)member.BitSize, Shift = (int)(bits - (at * 8)) });
            }
            else
                fields.Add(new StructField(member.Name, type.AsString(), (int)(bits / 8)));
        }
        return fields;
    }

    private EnumType EnumOf(uint id)
    {
        BtfType type = types[id];
        return new EnumType(types.NameOf(id), (int)type.SizeOrType, type.Flag, [.. types.ValuesOf(id).Select(value => (value.Name, value.Value))]);
    }
}
