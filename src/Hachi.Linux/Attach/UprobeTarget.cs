using Hachi.Object.Elf;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>A place in a program or library: what <c>libc:malloc</c>, <c>/bin/bash:readline+4</c> or a probe's name means in the file.</summary>
/// <param name="Path">The file.</param>
/// <param name="FileOffset">Where in it.</param>
/// <param name="SemaphoreOffset">Where in it the counter of a statically defined probe is; 0 for none.</param>
/// <param name="Name">What it is called.</param>
public readonly record struct UprobeTarget(string Path, ulong FileOffset, ulong SemaphoreOffset, string Name)
{
    private static readonly string[] s_libraryFolders =
        ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];

    /// <summary>A function of a program or library.</summary>
    /// <param name="file">A path, a program on PATH, or a library's name (<c>c</c>, <c>libc</c>, <c>libc.so.6</c>).</param>
    /// <param name="symbol">Its name, with <c>@VERSION</c> where several are told apart; or an address (<c>0x…</c>).</param>
    /// <exception cref="BpfException">ENOENT: no such file, or no such name in it.</exception>
    public static UprobeTarget Find(string file, string symbol)
    {
        ArgumentException.ThrowIfNullOrEmpty(symbol);
        string path = ResolvePath(file);
        using OpenElf elf = OpenElf.Open(path);
        ulong address = symbol.StartsWith("0x", StringComparison.OrdinalIgnoreCase) && ulong.TryParse(symbol.AsSpan(2), System.Globalization.NumberStyles.HexNumber, null, out ulong given)
            ? given
            : elf.File.Find(symbol)?.Address ?? DebugAddress(elf.File, path, symbol)
            ?? throw new BpfException("uprobe", (int)ErrorNumber.ENOENT, $"{path} has no symbol '{symbol}'{(elf.File.Names().Any() ? "" : " (it is stripped: its debug file, or an address, helps)")}");
        return new UprobeTarget(path, elf.File.FileOffset(address) ?? throw new BpfException("uprobe", (int)ErrorNumber.ENOENT, $"0x{address:x} is not in the code of {path}"), 0, symbol);
    }

    /// <summary>The places of a statically defined probe: it may stand at several.</summary>
    /// <param name="file">A path, a program on PATH, or a library's name.</param>
    /// <param name="provider">Its provider; null for any.</param>
    /// <param name="name">Its name.</param>
    /// <exception cref="BpfException">ENOENT: no such file, or no such probe in it.</exception>
    public static IReadOnlyList<(UprobeTarget Target, UsdtProbe Probe)> FindUsdt(string file, string? provider, string name)
    {
        string path = ResolvePath(file);
        using OpenElf elf = OpenElf.Open(path);
        var found = new List<(UprobeTarget, UsdtProbe)>();
        foreach (UsdtProbe probe in elf.File.Probes())
            if (probe.Name == name && (provider is null || probe.Provider == provider) && elf.File.FileOffset(probe.Address) is { } offset)
                found.Add((new UprobeTarget(path, offset, probe.Semaphore == 0 ? 0 : elf.File.FileOffset(probe.Semaphore) ?? 0, $"{probe.Provider}:{probe.Name}"), probe));
        return found.Count > 0 ? found : throw new BpfException("usdt", (int)ErrorNumber.ENOENT, $"{path} has no probe '{(provider is null ? "" : provider + ":")}{name}'");
    }

    /// <summary>The file that a name means.</summary>
    /// <exception cref="BpfException">ENOENT: none.</exception>
    public static string ResolvePath(string file)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        if (file.Contains('/'))
            return File.Exists(file) ? System.IO.Path.GetFullPath(file) : throw new BpfException("uprobe", (int)ErrorNumber.ENOENT, $"no file {file}");
        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
            if (File.Exists(System.IO.Path.Combine(folder, file)))
                return System.IO.Path.Combine(folder, file);
        string library = file.StartsWith("lib", StringComparison.Ordinal) ? file : "lib" + file;
        foreach (string folder in s_libraryFolders.Where(Directory.Exists))
        {
            if (library.Contains(".so", StringComparison.Ordinal) && File.Exists(System.IO.Path.Combine(folder, library)))
                return System.IO.Path.Combine(folder, library);
            // libc.so.6 for libc: the name with the lowest version, not the linker script without one.
            string? versioned = Directory.GetFiles(folder, library + ".so.*").Where(path => !path.EndsWith(".so", StringComparison.Ordinal)).Order(StringComparer.Ordinal).FirstOrDefault();
            if (versioned is not null)
                return versioned;
        }
        throw new BpfException("uprobe", (int)ErrorNumber.ENOENT, $"no program or library '{file}' on PATH or among the system's libraries; give its path");
    }

    // What was stripped may stand in a file of its own: by build id, or by the name that was left behind.
    private static ulong? DebugAddress(ElfExecutable elf, string path, string symbol)
    {
        string id = elf.BuildId(), link = System.IO.Path.GetFileName(elf.DebugLink()), folder = System.IO.Path.GetDirectoryName(path)!;
        var places = new List<string>();
        if (id.Length > 2)
            places.Add($"/usr/lib/debug/.build-id/{id[..2]}/{id[2..]}.debug");
        if (link.Length > 0)
            places.AddRange([System.IO.Path.Combine(folder, link), System.IO.Path.Combine(folder, ".debug", link), "/usr/lib/debug" + folder + "/" + link]);
        foreach (string place in places.Where(File.Exists))
        {
            using OpenElf debug = OpenElf.Open(place);
            if (debug.File.BuildId() == id && debug.File.Find(symbol) is { } found)
                return found.Address;
        }
        return null;
    }
}

/// <summary>An executable, open as long as it is read.</summary>
internal sealed class OpenElf : IDisposable
{
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _handle;

    private OpenElf(Microsoft.Win32.SafeHandles.SafeFileHandle handle, ElfExecutable file) => (_handle, File) = (handle, file);

    public ElfExecutable File { get; }

    public static OpenElf Open(string path)
    {
        Microsoft.Win32.SafeHandles.SafeFileHandle handle;
        try
        {
            handle = System.IO.File.OpenHandle(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BpfException("open", (int)(e is UnauthorizedAccessException ? ErrorNumber.EACCES : ErrorNumber.ENOENT), path);
        }
        ElfExecutable? elf = ElfExecutable.Read((offset, length) =>
        {
            byte[] bytes = new byte[length];
            int read = RandomAccess.Read(handle, bytes, offset);
            return read == length ? bytes : bytes[..Math.Max(0, read)];
        }, RandomAccess.GetLength(handle));
        if (elf is not null)
            return new OpenElf(handle, elf);
        handle.Dispose();
        throw new BpfException("uprobe", (int)ErrorNumber.ENOEXEC, $"{path} is no 64-bit ELF program or library");
    }

    public void Dispose() => _handle.Dispose();
}
