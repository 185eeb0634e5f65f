using System.Buffers;
using Hachi.Btf;
using Hachi.Linux.Sys;
using Microsoft.Win32.SafeHandles;

namespace Hachi.Linux.Kernel;

/// <summary>The types of the running kernel and of its modules (/sys/kernel/btf), or of a file that stands for them; modules are read when they are asked for.</summary>
public sealed class KernelBtf
{
    private const string Folder = "/sys/kernel/btf";

    private readonly string _folder;
    private readonly Dictionary<string, BtfTypes?> _modules = [];

    private KernelBtf(string folder, BtfTypes types) => (_folder, Types) = (folder, types);

    /// <summary>The kernel's own types.</summary>
    public BtfTypes Types { get; }

    /// <summary>The modules that have types, by name.</summary>
    public IReadOnlyList<string> Modules =>
        _folder.Length == 0 ? [] : [.. Directory.EnumerateFiles(_folder).Select(file => Path.GetFileName(file)).Where(name => name != "vmlinux").Order(StringComparer.Ordinal)];

    /// <summary>Reads the kernel's types; null, with a reason, when it gives none (built without CONFIG_DEBUG_INFO_BTF) or they are damaged.</summary>
    /// <param name="reason">Why there are none; empty when there are.</param>
    /// <param name="file">A file of types that stands for the kernel's, such as BTFHub keeps for kernels that give none; null for the kernel's own.</param>
    public static KernelBtf? TryOpen(out string reason, string? file = null)
    {
        string path = file ?? Path.Combine(Folder, "vmlinux");
        try
        {
            if (BtfReader.TryRead(TypesFile.Read(path), out BtfTypes? types, out reason))
                return new KernelBtf(file is null ? Folder : "", types!);
            reason = $"{path} holds no types: {reason}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reason = file is null && e is FileNotFoundException or DirectoryNotFoundException
                ? $"{path} does not exist: this kernel was built without CONFIG_DEBUG_INFO_BTF"
                : e.Message;
        }
        return null;
    }

    /// <summary>Types in a folder that is laid out like /sys/kernel/btf; null where there are none.</summary>
    internal static KernelBtf? TryOpenFolder(string folder) =>
        TryOpen(out _, Path.Combine(folder, "vmlinux")) is { } kernel ? new KernelBtf(folder, kernel.Types) : null;

    /// <summary>The types of a module, which go on from the kernel's; null when it has none.</summary>
    public BtfTypes? Module(string name)
    {
        lock (_modules)
        {
            if (!_modules.TryGetValue(name, out BtfTypes? types))
                _modules[name] = types = ReadModule(name);
            return types;
        }
    }

    private BtfTypes? ReadModule(string name)
    {
        if (_folder.Length == 0 || name.Length == 0 || name.Contains('/') || name == "vmlinux")
            return null;
        try
        {
            return BtfReader.TryRead(TypesFile.Read(Path.Combine(_folder, name)), Types, out BtfTypes? types, out _) ? types : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>
/// The bytes of a file of types. Linux 6.16 lets its own be mapped: then only what is looked at is touched, and nothing is copied; older ones give them a page a call.
/// </summary>
internal sealed unsafe class TypesFile : MemoryManager<byte>
{
    private readonly MemoryMap _map;

    private TypesFile(MemoryMap map) => _map = map;

    /// <summary>Reads or maps a file.</summary>
    /// <exception cref="IOException">There is none, or it cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be read.</exception>
    public static ReadOnlyMemory<byte> Read(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        long length = RandomAccess.GetLength(file);
        // The kernel's own never change; another file might, and a map would change with it.
        if (path.StartsWith("/sys/", StringComparison.Ordinal) && length is > 0 and < int.MaxValue
            && MemoryMap.CreatePrivate((int)file.DangerousGetHandle(), (nint)length, out _) is { } map)
            return new TypesFile(map).Memory;
        return File.ReadAllBytes(path);
    }

    public override Span<byte> GetSpan() => new(_map.Address, (int)_map.Length);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_map.Address + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing) => _map.Dispose();
}
