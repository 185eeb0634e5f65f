using System.Buffers.Binary;
using Hachi.Btf;

namespace Hachi.Tests.Guest;

/// <summary>A kernel to test: Debian's package, taken apart, never installed. Kept in <c>artifacts/guest</c> until Debian has a newer one.</summary>
internal sealed class GuestKernel
{
    // What is not built in and checks need; a kernel that lacks one goes without.
    private static readonly string[] s_modules = ["drivers/net/veth", "net/sched/cls_bpf", "net/sched/sch_ingress", "net/ipv4/tcp_dctcp"];

    private static readonly Lock s_lock = new();
    private static readonly Dictionary<string, GuestKernel> s_found = new(StringComparer.Ordinal);

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
        // Test classes run beside each other, and two of them may ask first.
        lock (s_lock)
            return s_found.TryGetValue(series, out GuestKernel? found) ? found : s_found[series] = Find(series);
    }

    private static GuestKernel Find(string series)
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

    private static string Asked => string.Join(' ', s_modules) + " unpacked";

    // What was taken apart for fewer modules is not whole.
    private static bool IsWhole(string folder) =>
        File.Exists(Path.Combine(folder, "whole")) && File.Exists(Path.Combine(folder, "asked")) && File.ReadAllText(Path.Combine(folder, "asked")) == Asked;

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
        File.WriteAllText(Path.Combine(folder, "asked"), Asked);
        File.WriteAllText(Path.Combine(folder, "whole"), release);
        return true;
    }

    /// <summary>
    /// Writes vmlinuz, or the ELF file that a compressed one holds (its place: Documentation/arch/x86/boot.rst, payload_offset), which QEMU starts without
    /// emulating the decompression.
    /// </summary>
    private static void Unpack(string vmlinuz, string folder)
    {
        byte[] image = File.ReadAllBytes(vmlinuz);
        int start = (Math.Max(image[0x1f1], (byte)4) + 1) * 512 + BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(0x248));
        // The length counts the size of the contents, four bytes behind them.
        int length = BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(0x24c)) - 4;
        byte[] packed = image[start..(start + length)];
        if (Tools.Find("zstd") is string zstd && packed.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd]))
            File.WriteAllBytes(Path.Combine(folder, "vmlinux"), Tools.RunOk(zstd, ["-d", "-c"], packed).Output);
        else if (packed.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x02, 0x21, 0x4c, 0x18]))
            File.WriteAllBytes(Path.Combine(folder, "vmlinux"), UnpackLz4(packed.AsSpan(4), BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(start + length))));
        else
            File.WriteAllBytes(Path.Combine(folder, "vmlinuz"), image);
    }

    /// <summary>LZ4 in its older framing: blocks with their packed lengths in front, each on its own (lz4_Block_format.md).</summary>
    private static byte[] UnpackLz4(ReadOnlySpan<byte> packed, int bytes)
    {
        byte[] whole = new byte[bytes];
        int to = 0;
        while (to < bytes)
        {
            ReadOnlySpan<byte> block = packed.Slice(4, BinaryPrimitives.ReadInt32LittleEndian(packed));
            packed = packed[(4 + block.Length)..];
            int at = 0;
            while (at < block.Length)
            {
                int token = block[at++], literals = Length(block, ref at, token >> 4);
                block.Slice(at, literals).CopyTo(whole.AsSpan(to));
                (at, to) = (at + literals, to + literals);
                if (at >= block.Length)
                    break;
                int distance = BinaryPrimitives.ReadUInt16LittleEndian(block[at..]);
                at += 2;
                // What is copied may be what has just been written.
                for (int left = Length(block, ref at, token & 15) + 4; left > 0; left--, to++)
                    whole[to] = whole[to - distance];
            }
        }
        return whole;

        static int Length(ReadOnlySpan<byte> block, ref int at, int nibble)
        {
            int length = nibble;
            if (nibble == 15)
                do
                    length += block[at];
                while (block[at++] == 255);
            return length;
        }
    }

    /// <summary>The kernel's types: the section .BTF of the kernel itself. Skips the test where that is packed in a way that nothing here unpacks.</summary>
    public BtfTypes ReadTypes()
    {
        if (!Image.EndsWith("vmlinux", StringComparison.Ordinal))
            Assert.Skip($"{Image} cannot be unpacked: ./test --install (Debian package zstd)");
        byte[] file = File.ReadAllBytes(Image);
        // struct Elf64_Ehdr and Elf64_Shdr.
        int table = (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(40)), names = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(62));
        (int Name, int Offset, int Size) Section(int i) => (BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(table + 64 * i)), (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(table + 64 * i + 24)),
            (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(table + 64 * i + 32)));
        for (int i = 0; i < BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(60)); i++)
            if (file.AsSpan(Section(names).Offset + Section(i).Name).StartsWith(".BTF\0"u8))
            {
                Assert.True(BtfReader.TryRead(file.AsMemory(Section(i).Offset, Section(i).Size), out BtfTypes? types, out string reason), reason);
                return types!;
            }
        throw new InvalidDataException($"{Image} has no types");
    }
}
