using System.IO.Enumeration;
using Hachi.Btf;
using Hachi.Linux.Attach;
using Hachi.Linux.Kernel;
using Hachi.Object.Elf;
using Hachi.Object.Plan;

namespace Hachi.Linux.Run;

/// <summary>What this machine tells front ends: the kernel's facts, and those of programs and libraries.</summary>
/// <param name="kernel">The kernel's.</param>
public sealed class MachineFacts(KernelFacts kernel) : IKernelFacts
{
    private const int FilesMax = 64;

    /// <inheritdoc/>
    public BtfTypes? Types => kernel.Types;

    /// <inheritdoc/>
    public int Processors => kernel.Processors;

    /// <inheritdoc/>
    public uint Version => kernel.Version;

    /// <inheritdoc/>
    public BtfTypes? ModuleTypes(string module) => kernel.ModuleTypes(module);

    /// <inheritdoc/>
    public TracepointFormat? Tracepoint(string category, string name) => kernel.Tracepoint(category, name);

    /// <inheritdoc/>
    public IReadOnlyList<(string Target, string Name)>? Expand(ProbeKind kind, string target, string name) => kind switch
    {
        ProbeKind.Uprobe or ProbeKind.Uretprobe => Functions(target, name),
        ProbeKind.Usdt => Probes(target, name),
        _ => kernel.Expand(kind, target, name),
    };

    /// <inheritdoc/>
    public ulong? AddressOf(string? file, string symbol)
    {
        if (file is null)
            return kernel.AddressOf(null, symbol);
        using OpenElf? elf = Open(file);
        return elf?.File.Find(symbol)?.Address;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string>? ProbeArguments(string file, string name)
    {
        using OpenElf? elf = Open(file);
        return elf is null ? null : [.. elf.File.Probes().Where(probe => IsNamed(probe, name)).Select(probe => probe.Arguments)];
    }

    private static List<(string, string)>? Functions(string target, string name)
    {
        // A symbol with a version, or of another language, is looked for when it is attached to.
        if (!HasWildcard(target) && !HasWildcard(name))
            return Open(target) is OpenElf only ? Closed(only, elf => elf.Find(name) is not null || name.AsSpan().IndexOfAny("@(:") >= 0) ? [(target, name)] : [] : [];
        var found = new List<(string, string)>();
        foreach (string file in Files(target))
        {
            using OpenElf? elf = Open(file);
            if (elf is not null)
                found.AddRange(elf.File.Names().Where(known => known.IsFunction && known.Address != 0 && Matches(name, known.Name)).Select(known => known.Name).Distinct().Order(StringComparer.Ordinal).Select(known => (file, known)));
        }
        return found;
    }

    private static bool Closed(OpenElf elf, Func<ElfExecutable, bool> ask)
    {
        using (elf)
            return ask(elf.File);
    }

    private static List<(string, string)>? Probes(string target, string name)
    {
        if (target.Length == 0 || target == "*")
            return null;
        var found = new List<(string, string)>();
        foreach (string file in Files(target))
        {
            using OpenElf? elf = Open(file);
            if (elf is not null)
                found.AddRange(elf.File.Probes().Where(probe => IsNamed(probe, name)).Select(probe => (file, $"{probe.Provider}:{probe.Name}")).Distinct());
        }
        return found;
    }

    private static bool IsNamed(UsdtProbe probe, string name)
    {
        int colon = name.IndexOf(':', StringComparison.Ordinal);
        return Matches(name[(colon + 1)..], probe.Name) && (colon < 0 || Matches(name[..colon], probe.Provider));
    }

    private static IEnumerable<string> Files(string pattern)
    {
        if (!HasWildcard(pattern))
            return [pattern];
        string folder = Path.GetDirectoryName(pattern) is { Length: > 0 } given ? given : ".";
        if (HasWildcard(folder) || !Directory.Exists(folder))
            return [];
        return Directory.EnumerateFiles(folder, Path.GetFileName(pattern)).Order(StringComparer.Ordinal).Take(FilesMax);
    }

    private static OpenElf? Open(string file)
    {
        try
        {
            return OpenElf.Open(UprobeTarget.ResolvePath(file));
        }
        catch (Exception e) when (e is BpfException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool HasWildcard(string text) => text.AsSpan().IndexOfAny('*', '?') >= 0;

    private static bool Matches(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
}
