using System.Globalization;
using System.Text;
using Hachi.Object.Elf;
using Microsoft.Win32.SafeHandles;

namespace Hachi.Linux.Symbols;

/// <summary>
/// Names in the address spaces of processes: of the files that they map, and of code that a runtime made and told in a perf map. What is mapped is read when a
/// process is first asked for, and again when an address is in nothing known; a process that is gone by then keeps what was read.
/// </summary>
public sealed class ProcessSymbols : IDisposable
{
    private const int PathColumn = 73, MapLineMax = 1 << 16;

    private readonly Dictionary<int, List<Region>> _regions = [];
    private readonly Dictionary<(string Device, ulong Inode), ModuleSymbols> _modules = [];
    private readonly Dictionary<int, (DateTime Written, SymbolTable Table)> _perfMaps = [];
    private MappingWatch? _watch;
    private int _watched;

    /// <summary>The name that an address of a process belongs to; null where nobody knows.</summary>
    public Symbol? Find(int pid, ulong address)
    {
        if (FindRegion(pid, address) is not { } region)
            return null;
        if (region.Inode != 0 && region.Path.StartsWith('/') && !region.Path.StartsWith("/memfd:", StringComparison.Ordinal))
        {
            ulong offset = address - region.Start + region.Offset;
            return Module(pid, region).Find(offset) is (string name, ulong behind) ? new Symbol(name, behind, region.Path) : null;
        }
        return PerfMap(pid)?.Find(address) is (string made, ulong distance) ? new Symbol(made, distance, "") : null;
    }

    /// <summary>The file that is mapped at an address, and where in it the address is; null where there is none.</summary>
    public (string Path, ulong FileOffset)? FindFile(int pid, ulong address) =>
        FindRegion(pid, address) is { Path.Length: > 0 } region ? (region.Path, address - region.Start + region.Offset) : null;

    /// <summary>Reads what a process maps now, so that its names are known when it is gone.</summary>
    public void Remember(int pid)
    {
        if (Read(pid) is { Count: > 0 } regions)
            _regions[pid] = regions;
    }

    /// <summary>Follows what a process maps, and what its threads and children do, from now on: then nothing has to be read while it lives.</summary>
    /// <returns>False when this process may not (CAP_PERFMON): then <see cref="Remember"/> has to be called while it lives.</returns>
    public bool Watch(int pid)
    {
        _watch ??= MappingWatch.Start(pid);
        _watched = pid;
        Remember(pid);
        return _watch is not null;
    }

    /// <inheritdoc/>
    public void Dispose() => _watch?.Dispose();

    // What is mapped over something else takes its place.
    private void Add(int pid, Region region)
    {
        if (!_regions.TryGetValue(pid, out List<Region>? known))
            _regions[pid] = known = [];
        known.RemoveAll(other => other.Start < region.End && region.Start < other.End);
        int at = known.FindIndex(other => other.Start > region.Start);
        known.Insert(at < 0 ? known.Count : at, region);
    }

    private Region? FindRegion(int pid, ulong address)
    {
        if (_watch?.Read(Add) == false)
            Remember(_watched);
        if (_regions.TryGetValue(pid, out List<Region>? known) && Within(known, address) is { } found)
            return found;
        Remember(pid);
        return _regions.TryGetValue(pid, out known) ? Within(known, address) : null;
    }

    private static Region? Within(List<Region> regions, ulong address)
    {
        int low = 0, high = regions.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (address < regions[middle].Start)
                high = middle - 1;
            else if (address >= regions[middle].End)
                low = middle + 1;
            else
                return regions[middle];
        }
        return null;
    }

    // start-end rwxp offset dev inode   path
    private static List<Region> Read(int pid)
    {
        var regions = new List<Region>();
        try
        {
            foreach (string line in File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/maps")).Take(MapLineMax))
            {
                string[] words = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
                int dash = words.Length > 4 ? words[0].IndexOf('-') : -1;
                if (dash < 0 || !words[1].Contains('x')
                    || !Hex(words[0].AsSpan(0, dash), out ulong start) || !Hex(words[0].AsSpan(dash + 1), out ulong end) || !Hex(words[2], out ulong offset)
                    || !ulong.TryParse(words[4], NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode))
                    continue;
                regions.Add(new Region(start, end, offset, words[3], inode, line.Length > PathColumn ? line[PathColumn..].Trim() : words.Length > 5 ? words[5].Trim() : ""));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone, or not to be looked at.
        }
        return regions;
    }

    private ModuleSymbols Module(int pid, in Region region)
    {
        if (_modules.TryGetValue((region.Device, region.Inode), out ModuleSymbols? known))
            return known;
        ModuleSymbols read = ModuleSymbols.None;
        string path = region.Path.EndsWith(" (deleted)", StringComparison.Ordinal) ? "" : region.Path;
        // A process that is gone left its files where they were, if it saw them as we do.
        using (SafeFileHandle? file = path.Length == 0 ? null : TargetFile.Open(pid, path) ?? TargetFile.OpenHere(path))
            if (file is not null)
                read = ModuleSymbols.Read(file, (id, link) => Debug(pid, path, id, link));
        return _modules[(region.Device, region.Inode)] = read;
    }

    // Where distributions put what they stripped: by build id, or by name below /usr/lib/debug.
    private static ElfExecutable? Debug(int pid, string path, string buildId, string link)
    {
        var places = new List<string>();
        if (buildId.Length > 2)
            places.Add($"/usr/lib/debug/.build-id/{buildId[..2]}/{buildId[2..]}.debug");
        string folder = Path.GetDirectoryName(path) ?? "/", name = Path.GetFileName(link);
        if (name.Length > 0)
            places.AddRange([$"{folder}/{name}", $"{folder}/.debug/{name}", $"/usr/lib/debug{folder}/{name}"]);
        foreach (string place in places)
        {
            using SafeFileHandle? file = TargetFile.Open(pid, place) ?? TargetFile.OpenHere(place);
            if (file is null)
                continue;
            byte[] bytes = new byte[RandomAccess.GetLength(file)];
            RandomAccess.Read(file, bytes, 0);
            return ElfExecutable.Read((offset, length) => bytes.AsSpan((int)Math.Min(offset, bytes.Length), (int)Math.Min(length, bytes.Length - Math.Min(offset, bytes.Length))).ToArray(), bytes.Length);
        }
        return null;
    }

    /// <summary>/tmp/perf-PID.map, as just-in-time compilers write it: start, size, name. Read again when it has grown.</summary>
    private SymbolTable? PerfMap(int pid)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/tmp/perf-{TargetFile.InnerPid(pid)}.map");
        using SafeFileHandle? file = TargetFile.Open(pid, path, isOwnedByProcess: true);
        if (file is null)
            return _perfMaps.TryGetValue(pid, out (DateTime, SymbolTable Table) left) ? left.Table : null;
        DateTime written = File.GetLastWriteTimeUtc(file);
        if (_perfMaps.TryGetValue(pid, out (DateTime Written, SymbolTable Table) known) && known.Written == written)
            return known.Table;
        byte[] bytes = new byte[RandomAccess.GetLength(file)];
        int length = RandomAccess.Read(file, bytes, 0);
        var rows = new List<(ulong, ulong, string)>();
        foreach (string line in Encoding.UTF8.GetString(bytes, 0, length).Split('\n'))
            if (line.Split(' ', 3) is [var start, var size, var name] && Hex(start, out ulong address) && Hex(size, out ulong extent))
                rows.Add((address, extent, DotnetName.Short(name.TrimEnd('\r'))));
        // Where code was put twice, the later line is the one that holds.
        rows.Reverse();
        var table = new SymbolTable(rows);
        _perfMaps[pid] = (written, table);
        return table;
    }

    private static bool Hex(ReadOnlySpan<char> text, out ulong value) =>
        ulong.TryParse(text.StartsWith("0x") ? text[2..] : text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
}
