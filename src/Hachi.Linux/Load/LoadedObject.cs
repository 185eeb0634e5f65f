using Hachi.Linux.Sys;
using Hachi.Object;

namespace Hachi.Linux.Load;

/// <summary>An object in the kernel: its maps and programs, by name. Disposing it closes them all; what is attached or pinned stays.</summary>
public sealed class LoadedObject : IDisposable
{
    private readonly Dictionary<string, Map> _maps = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Program> _programs = new(StringComparer.Ordinal);
    private readonly HashSet<Map> _borrowed = [];
    private FileHandle? _types;

    internal LoadedObject(BpfObject spec) => Spec = spec;

    /// <summary>What it was loaded from.</summary>
    public BpfObject Spec { get; }

    /// <summary>Its maps, in the object's order.</summary>
    public IReadOnlyList<Map> Maps => _ordered;

    /// <summary>Its programs, in the object's order.</summary>
    public IReadOnlyCollection<Program> Programs => _programs.Values;

    private readonly List<Map> _ordered = [];

    internal FileHandle? Types
    {
        get => _types;
        set => _types = value;
    }

    /// <summary>The map of that name (the whole name of the specification).</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public Map Map(string name) => _maps.TryGetValue(name, out Map? map) ? map : throw new KeyNotFoundException($"no map '{name}'; there are: {string.Join(", ", _maps.Keys)}");

    /// <summary>The program of that name, or of that section.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public Program Program(string name) =>
        _programs.TryGetValue(name, out Program? program) ? program
        : _programs.Values.FirstOrDefault(each => each.Section == name) ?? throw new KeyNotFoundException($"no program '{name}'; there are: {string.Join(", ", _programs.Keys)}");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Program program in _programs.Values)
            program.Dispose();
        foreach (Map map in _ordered.Where(map => !_borrowed.Contains(map)))
            map.Dispose();
        _types?.Dispose();
    }

    internal void Add(string name, Map map, bool isBorrowed)
    {
        _maps[name] = map;
        _ordered.Add(map);
        if (isBorrowed)
            _borrowed.Add(map);
    }

    internal void Add(string name, Program program) => _programs[name] = program;
}
