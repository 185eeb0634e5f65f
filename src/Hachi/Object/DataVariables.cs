using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Btf;
using Hachi.Text;

namespace Hachi.Object;

/// <summary>A global variable of an object's programs: a part of the one value of a data map.</summary>
/// <param name="Map">Name of the map (<c>.rodata</c>, <c>.data</c>, <c>.bss</c>).</param>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type in the object's BTF.</param>
/// <param name="Offset">Bytes in front of it.</param>
/// <param name="SizeBytes">Its bytes.</param>
/// <param name="IsConstant">Whether programs may only read it, so that the verifier knows its value, and it must be set before loading.</param>
public readonly record struct DataVariable(string Map, string Name, uint Type, int Offset, int SizeBytes, bool IsConstant);

/// <summary>
/// Global variables by name, as the object's BTF describes them: <c>bpf.WithVariable("target_pid", 42)</c> gives a changed object, as <c>with</c> does. In a loaded object the same variables lie in the
/// value of the map at <see cref="DataVariable.Offset"/>.
/// </summary>
public static class DataVariables
{
    /// <summary>All global variables that the object's types tell, by map, by place.</summary>
    public static IReadOnlyList<DataVariable> Variables(this BpfObject bpf)
    {
        ArgumentNullException.ThrowIfNull(bpf);
        var found = new List<DataVariable>();
        if (!BtfReader.TryRead(bpf.Btf.AsMemory(), out BtfTypes? types, out _))
            return found;
        foreach (MapSpec map in bpf.Maps)
        {
            uint section = types![map.ValueType].Kind == BtfKind.Datasec ? map.ValueType : 0;
            foreach (BtfVariable variable in types.VariablesOf(section).OrderBy(variable => variable.Offset))
                if (types[variable.Var] is { Kind: BtfKind.Var } type && (ulong)variable.Offset + variable.SizeBytes <= Math.Min(map.ValueSize, int.MaxValue))
                    found.Add(new DataVariable(map.Name, types.NameOf(variable.Var), type.SizeOrType, (int)variable.Offset, (int)variable.SizeBytes, map.IsFrozen));
        }
        return found;
    }

    /// <summary>The variable of that name.</summary>
    /// <exception cref="KeyNotFoundException">There is none; the message names one that is spelled alike.</exception>
    public static DataVariable Variable(this BpfObject bpf, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        IReadOnlyList<DataVariable> all = bpf.Variables();
        foreach (DataVariable variable in all)
            if (variable.Name == name)
                return variable;
        string? near = Nearest.To(name, all.Select(variable => variable.Name));
        throw new KeyNotFoundException($"the object has no global variable '{name}'{(near is null ? "" : $"; did you mean '{near}'?")}");
    }

    /// <summary>The bytes that a variable has at first.</summary>
    public static byte[] VariableBytes(this BpfObject bpf, string name)
    {
        DataVariable variable = bpf.Variable(name);
        byte[] bytes = new byte[variable.SizeBytes];
        ImmutableArray<byte> data = bpf.Maps.First(map => map.Name == variable.Map).Data;
        if (data.Length > variable.Offset)
            data.AsSpan(variable.Offset, Math.Min(bytes.Length, data.Length - variable.Offset)).CopyTo(bytes);
        return bytes;
    }

    /// <summary>The object with another first value of a variable.</summary>
    /// <exception cref="KeyNotFoundException">There is no such variable.</exception>
    /// <exception cref="ArgumentException">The value is not as long as the variable.</exception>
    public static BpfObject WithVariable(this BpfObject bpf, string name, ReadOnlySpan<byte> value)
    {
        DataVariable variable = bpf.Variable(name);
        if (value.Length != variable.SizeBytes)
            throw new ArgumentException($"variable '{name}' has {variable.SizeBytes} bytes, the value {value.Length}", nameof(value));
        int index = 0;
        while (bpf.Maps[index].Name != variable.Map)
            index++;
        MapSpec map = bpf.Maps[index];
        byte[] data = new byte[map.ValueSize];
        map.Data.AsSpan()[..Math.Min(map.Data.Length, data.Length)].CopyTo(data);
        value.CopyTo(data.AsSpan(variable.Offset));
        return bpf with { Maps = bpf.Maps.SetItem(index, map with { Data = data.AsSpan().ContainsAnyExcept((byte)0) ? ImmutableCollectionsMarshal.AsImmutableArray(data) : [] }) };
    }

    /// <summary>The same for a number or a structure of the variable's size: <c>bpf.WithVariable("limit", 10ul)</c>.</summary>
    public static BpfObject WithVariable<T>(this BpfObject bpf, string name, T value)
        where T : unmanaged =>
        bpf.WithVariable(name, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    /// <summary>The first value of a variable as a number or structure of its size.</summary>
    /// <exception cref="ArgumentException">The type is not as long as the variable.</exception>
    public static T VariableValue<T>(this BpfObject bpf, string name)
        where T : unmanaged
    {
        byte[] bytes = bpf.VariableBytes(name);
        return bytes.Length == Unsafe.SizeOf<T>()
            ? MemoryMarshal.Read<T>(bytes)
            : throw new ArgumentException($"variable '{name}' has {bytes.Length} bytes, {typeof(T).Name} {Unsafe.SizeOf<T>()}");
    }
}
