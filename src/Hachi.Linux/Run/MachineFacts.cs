using System.IO.Enumeration;
using Hachi.Btf;
using Hachi.Linux.Attach;
using Hachi.Linux.Kernel;
using Hachi.Object.Elf;
using Hachi.Object.Plan;

namespace Hachi.Linux.Run;

/// <summary>What this machine tells front ends: the kernel's facts, and those of programs and libraries.</summary>
/// <param name="kernel">The kernel's.</param>
/// <param name="pid">The process that is traced, or 0: what <c>*</c> stands for as a file are those that it runs.</param>
public sealed class MachineFacts(KernelFacts kernel, int pid = 0) : IKernelFacts
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
    public (ulong Device, ulong Inode)? ProcessNamespace => kernel.ProcessNamespace;

    /// <inheritdoc/>
    public ulong? ControlGroup(string path) => kernel.ControlGroup(path);

    /// <inheritdoc/>
    public bool HasMultiProbes(ProbeKind kind) => kernel.HasMultiProbes(kind);

    /// <inheritdoc/>
    public IReadOnlyList<string>? ProbeArguments(string file, string name)
    {
        using OpenElf? elf = Open(file);
        return elf is null ? null : [.. elf.File.Probes().Where(probe => IsNamed(probe, name)).Select(probe => probe.Arguments)];
    }

    private List<(string, string)>? Functions(string target, string name)
    {
        if (name.StartsWith("0x", StringComparison.Ordinal) && ulong.TryParse(name.AsSpan(2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out ulong address))
            return Open(target) is OpenElf code && Closed(code, elf => elf.IsCode(address)) ? [(target, "")] : [];
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

    private List<(string, string)>? Probes(string target, string name)
    {
        if (target.Length == 0 || target == "*")
        {
            if (pid == 0)
                return null;
            target = "*";
        }
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

    private IEnumerable<string> Files(string pattern)
    {
        if (pattern == "*" && pid > 0)
            return Mapped(pid);
        if (!HasWildcard(pattern))
            return [pattern];
        string folder = Path.GetDirectoryName(pattern) is { Length: > 0 } given ? given : ".";
        if (HasWildcard(folder) || !Directory.Exists(folder))
            return [];
        return Directory.EnumerateFiles(folder, Path.GetFileName(pattern)).Order(StringComparer.Ordinal).Take(FilesMax);
    }

    /// <summary>Files that a process runs code of, as they are reached from here.</summary>
    private static IEnumerable<string> Mapped(int pid)
    {
        string root = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/{pid}/root");
        var files = new List<string>();
        try
        {
            foreach (string line in File.ReadLines(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/{pid}/maps")))
                if (line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries) is [_, var rights, _, _, _, var path] && rights.Contains('x') && path.TrimStart() is ['/', ..] file && files.Count < FilesMax)
                    files.Add(File.Exists(file) && new FileInfo(file).Length == (File.Exists(root + file) ? new FileInfo(root + file).Length : -1) ? file : root + file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process is gone.
        }
        return files.Distinct(StringComparer.Ordinal);
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
