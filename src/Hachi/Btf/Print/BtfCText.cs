using System.Text;

namespace Hachi.Btf.Print;

/// <summary>
/// Types as C: a header that a program for these types can be compiled with (<c>vmlinux.h</c>), every structure of the size and with the places that the types tell. The compiler is asked for CO-RE
/// relocations on all of it, unless <c>BPF_NO_PRESERVE_ACCESS_INDEX</c> is defined.
/// </summary>
public static class BtfCText
{
    /// <summary>All types, in an order that C takes.</summary>
    public static string Print(BtfTypes types)
    {
        ArgumentNullException.ThrowIfNull(types);
        return new CRun(types).Print(Enumerable.Range(1, Math.Max(types.Count - 1, 0)).Select(id => (uint)id));
    }

    /// <summary>Some types, and what they need.</summary>
    public static string Print(BtfTypes types, IReadOnlyList<uint> roots)
    {
        ArgumentNullException.ThrowIfNull(types);
        ArgumentNullException.ThrowIfNull(roots);
        return new CRun(types).Print(roots);
    }

    /// <summary>A declaration of one type: <c>struct task_struct *task</c>.</summary>
    /// <param name="types">The types.</param>
    /// <param name="id">The type.</param>
    /// <param name="name">What is declared; empty for the type alone.</param>
    public static string Declare(BtfTypes types, uint id, string name = "")
    {
        ArgumentNullException.ThrowIfNull(types);
        ArgumentNullException.ThrowIfNull(name);
        return new CDeclarations(types, new CNames(types)).Declare(id, name);
    }
}

/// <summary>One printing. A type is written when all that C must know before it is.</summary>
internal sealed class CRun
{
    // Types within each other by value; hostile ones go deeper than any stack.
    private const int DepthMax = 400;

    private readonly BtfTypes _types;
    private readonly CNames _names;
    private readonly CDeclarations _declarations;
    private readonly StringBuilder _text = new();
    private readonly HashSet<uint> _defined = [], _announced = [];
    private readonly HashSet<(uint, bool)> _inWork = [];
    private readonly HashSet<uint> _inlined = [];

    public CRun(BtfTypes types)
    {
        (_types, _names) = (types, new CNames(types));
        _names.Assign();
        _declarations = new CDeclarations(types, _names);
    }

    public string Print(IEnumerable<uint> roots)
    {
        FindInlined();
        _text.Append("#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n");
        _text.Append("#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)\n#endif\n\n");
        foreach (uint id in roots)
        {
            BtfType type = _types[id];
            bool isTop = type.Kind is BtfKind.Typedef or BtfKind.Fwd || type.IsEnum && (type.NameOffset != 0 || !_inlined.Contains(id)) || type.IsComposite && type.NameOffset != 0;
            if (isTop)
                Need(id, isWhole: true, 0);
        }
        _text.Append("#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n\n#endif\n");
        return _text.ToString();
    }

    // Enumerations without a name whose values stand where the enumeration is used.
    private void FindInlined()
    {
        for (uint id = 1; id < _types.Count; id++)
        {
            BtfType type = _types[id];
            if (type.RefersToType)
                _inlined.Add(type.SizeOrType);
            else if (type.Kind == BtfKind.Array)
                _inlined.Add(_types.ArrayOf(id).Element);
            for (int i = 0; i < type.Count && type.IsComposite; i++)
                _inlined.Add(_types.RawMember(id, type, i).Type);
            foreach (BtfParameter parameter in _types.ParametersOf(id))
                _inlined.Add(parameter.Type);
        }
    }

    // Writes what C must know before a type can be used: all of it, or that it is there.
    private void Need(uint id, bool isWhole, int depth)
    {
        BtfType type = _types[id];
        if (depth >= DepthMax || _defined.Contains(id) && type.Kind != BtfKind.Typedef || !_inWork.Add((id, isWhole)))
            return;
        switch (type.Kind)
        {
            case BtfKind.Ptr:
                Need(type.SizeOrType, isWhole: false, depth + 1);
                break;
            case BtfKind.Array:
                Need(_types.ArrayOf(id).Element, isWhole: true, depth + 1);
                break;
            case BtfKind.FuncProto or BtfKind.Func:
                Need(type.SizeOrType, isWhole: false, depth + 1);
                foreach (BtfParameter parameter in type.Kind == BtfKind.FuncProto ? _types.ParametersOf(id) : [])
                    Need(parameter.Type, isWhole: false, depth + 1);
                break;
            case BtfKind.Const or BtfKind.Volatile or BtfKind.Restrict or BtfKind.TypeTag:
                Need(type.SizeOrType, isWhole, depth + 1);
                break;
            case BtfKind.Typedef:
                NeedTypedef(id, type, isWhole, depth);
                break;
            case BtfKind.Fwd:
                Announce(id);
                break;
            case BtfKind.Enum or BtfKind.Enum64:
                DefineEnumeration(id, type);
                break;
            case BtfKind.Struct or BtfKind.Union:
                NeedComposite(id, type, isWhole, depth);
                break;
            default:
                break;
        }
        _inWork.Remove((id, isWhole));
        // These need the same each time, so once is enough.
        if (type.Kind is BtfKind.Ptr or BtfKind.FuncProto or BtfKind.Array)
            _defined.Add(id);
    }

    private void NeedTypedef(uint id, in BtfType type, bool isWhole, int depth)
    {
        // The compiler brings these itself.
        if (_types.NameOf(id) is "__builtin_va_list")
            return;
        if (!_defined.Contains(id))
        {
            Need(type.SizeOrType, isWhole: false, depth + 1);
            if (_defined.Add(id))
                _text.Append("typedef ").Append(_declarations.Declare(type.SizeOrType, _names.Of(id))).Append(";\n\n");
        }
        if (isWhole)
            Need(type.SizeOrType, isWhole: true, depth + 1);
    }

    private void NeedComposite(uint id, in BtfType type, bool isWhole, int depth)
    {
        if (type.NameOffset != 0 && !isWhole)
        {
            Announce(id);
            return;
        }
        foreach (BtfMember member in _types.MembersOf(id))
            Need(member.Type, isWhole: true, depth + 1);
        if (_defined.Add(id) && type.NameOffset != 0)
            _text.Append(_declarations.Declare(id, "")).Append(' ').Append(_declarations.Body(id, 0)).Append(";\n\n");
    }

    private void Announce(uint id)
    {
        if (_types[id].NameOffset != 0 && _announced.Add(id))
            _text.Append(_declarations.Declare(id, "")).Append(";\n\n");
    }

    private void DefineEnumeration(uint id, in BtfType type)
    {
        if (type.NameOffset == 0 && _inlined.Contains(id) || !_defined.Add(id))
            return;
        _text.Append("enum ").Append(type.NameOffset == 0 ? "" : _names.Of(id) + " ").Append(_declarations.Values(id, 0)).Append(";\n\n");
    }
}
