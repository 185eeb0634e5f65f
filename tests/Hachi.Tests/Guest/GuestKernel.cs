using System.Buffers.Binary;

namespace Hachi.Tests.Guest;

/// <summary>A kernel to test: Debian's package, taken apart, never installed. Kept in <c>artifacts/guest</c> until Debian has a newer one.</summary>
internal sealed class GuestKernel
{
    // What is not built in and checks need; a kernel that lacks one goes without.
    private static readonly string[] s_modules = ["drivers/net/veth", "net/sched/cls_bpf", "net/sched/sch_ingress", "net/ipv4/tcp_dctcp"];

    private GuestKernel(string folder) => Folder = folder;

    /// <summary>Where its parts lie.</summary>
    private string Folder { get; }

    /// <summary>The kernel as QEMU takes it.</summary>
    public string Image => Path.Combine(Folder, File.Exists(Path.Combine(Folder, "vmlinux")) ? "vmlinux" : "vmlinuz");

    /// <summary>Its configuration, as text.</summary>
    public string Configuration => Path.Combine(Folder, "config");

    /// <summary>Its release, as it names itself.</summary>
    public string Release => File.ReadAllText(Path.Combine(Folder, "whole")).Trim();

    /// <summary>Modules to load.</summary>
    public string[] Modules => Directory.GetFiles(Path.Combine(Folder, "modules"));

    /// <summary>Finds the newest kernel of a series; skips the test where there is none to be had.</summary>
    /// <param name="series">As it begins: <c>6.12</c>.</param>
    public static GuestKernel Need(string series)
    {
        string cache = Shared.InRepository($"artifacts/guest/{series}");
        string? package = Tools.Find("apt-cache") is string apt ? Resolve(apt, series) : null;
        // Without Debian's lists, or without a network, what was taken before will do.
        string? known = Directory.Exists(cache) ? Directory.GetDirectories(cache).Where(IsWhole).Max() : null;
        if (package is null && known is null)
            Assert.Skip($"needs a kernel of the series {series} from Debian: apt-get update, and Debian's sources");
        string folder = Path.Combine(cache, package ?? Path.GetFileName(known!));
        if (IsWhole(folder) || Fetch(package!, folder))
            return new GuestKernel(folder);
        if (known is null)
            Assert.Skip($"needs the package {package}: could not be downloaded from Debian");
        return new GuestKernel(known);
    }

    // What was taken apart for fewer modules is not whole.
    private static bool IsWhole(string folder) =>
        File.Exists(Path.Combine(folder, "whole")) && File.Exists(Path.Combine(folder, "asked")) && File.ReadAllText(Path.Combine(folder, "asked")) == string.Join(' ', s_modules);

    /// <summary>The package that one of Debian's meta packages stands for today.</summary>
    private static string? Resolve(string apt, string series)
    {
        foreach (string meta in (string[])[$"linux-image-{series}-cloud-amd64", "linux-image-cloud-amd64"])
            foreach (string line in Tools.Run(apt, ["depends", meta]).Text.Split('\n'))
                if (line.Trim() is string text && text.StartsWith("Depends: linux-image-" + series + ".", StringComparison.Ordinal))
                    return text["Depends: ".Length..];
        return null;
    }

    private static bool Fetch(string package, string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        string parts = Path.Combine(folder, "parts");
        Directory.CreateDirectory(parts);
        string modules = Directory.CreateDirectory(Path.Combine(folder, "modules")).FullName;
        if (Tools.Run(Tools.Need("apt-get", "apt"), ["download", "-qq", package], timeoutSeconds: 300, folder: parts).ExitCode != 0)
            return false;
        string archive = Directory.GetFiles(parts, "*.deb").Single();
        Tools.RunOk(Tools.Need("dpkg-deb", "dpkg"), ["--extract", archive, parts], timeoutSeconds: 300);
        string boot = Path.Combine(parts, "boot");
        Unpack(Directory.GetFiles(boot, "vmlinuz-*").Single(), folder);
        File.Move(Directory.GetFiles(boot, "config-*").Single(), Path.Combine(folder, "config"));
        string tree = Path.Combine(Directory.GetDirectories(Path.Combine(parts, "lib", "modules")).Single(), "kernel");
        foreach (string module in s_modules)
            foreach (string file in Directory.GetFiles(Path.GetDirectoryName(Path.Combine(tree, module))!, Path.GetFileName(module) + ".ko*"))
                File.Move(file, Path.Combine(modules, Path.GetFileName(file)));
        string release = Path.GetFileName(Path.GetDirectoryName(tree)!);
        Directory.Delete(parts, recursive: true);
        foreach (string older in Directory.GetDirectories(Path.GetDirectoryName(folder)!).Where(other => other != folder))
            Directory.Delete(older, recursive: true);
        File.WriteAllText(Path.Combine(folder, "asked"), string.Join(' ', s_modules));
        File.WriteAllText(Path.Combine(folder, "whole"), release);
        return true;
    }

    /// <summary>
    /// Writes vmlinuz, or the ELF file that a zstd-compressed one holds (its place: Documentation/arch/x86/boot.rst, payload_offset), which QEMU starts without
    /// emulating the decompression.
    /// </summary>
    private static void Unpack(string vmlinuz, string folder)
    {
        byte[] image = File.ReadAllBytes(vmlinuz);
        int start = (Math.Max(image[0x1f1], (byte)4) + 1) * 512 + BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(0x248));
        // The length counts the size of the contents, four bytes behind them.
        int length = BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(0x24c)) - 4;
        if (Tools.Find("zstd") is string zstd && image.AsSpan(start, 4).SequenceEqual((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd]))
            File.WriteAllBytes(Path.Combine(folder, "vmlinux"), Tools.RunOk(zstd, ["-d", "-c"], image[start..(start + length)]).Output);
        else
            File.WriteAllBytes(Path.Combine(folder, "vmlinuz"), image);
    }
}
