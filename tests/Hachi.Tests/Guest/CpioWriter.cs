using System.Globalization;
using System.Text;

namespace Hachi.Tests.Guest;

/// <summary>An archive of the "newc" kind, as the kernel unpacks it into its first file system (Documentation/driver-api/early-userspace/buffer-format.rst).</summary>
internal sealed class CpioWriter(Stream output)
{
    private const int Folder = 0x4000, Regular = 0x8000;

    private readonly HashSet<string> _folders = [];
    private int _inode = 1;
    private long _written;

    /// <summary>A file, executable or not; the folders above it come by themselves.</summary>
    /// <param name="name">Its path, without a slash in front.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="isExecutable">Whether it may be run.</param>
    public void AddFile(string name, ReadOnlySpan<byte> content, bool isExecutable = false)
    {
        for (int slash = name.IndexOf('/', StringComparison.Ordinal); slash > 0; slash = name.IndexOf('/', slash + 1))
            AddFolder(name[..slash]);
        Add(name, Regular | (isExecutable ? 0x1ed : 0x1a4), 1, content);
    }

    /// <summary>An empty folder.</summary>
    public void AddFolder(string name)
    {
        if (_folders.Add(name))
            Add(name, Folder | 0x1ed, 2, []);
    }

    /// <summary>The mark of the end; nothing may follow.</summary>
    public void Finish() => Add("TRAILER!!!", 0, 1, []);

    private void Add(string name, int mode, int links, ReadOnlySpan<byte> content)
    {
        byte[] path = Encoding.UTF8.GetBytes(name + "\0");
        // ino, mode, uid, gid, nlink, mtime, filesize, device and rdevice (major, minor), namesize, check
        int[] fields = [_inode++, mode, 0, 0, links, 0, content.Length, 0, 0, 0, 0, path.Length, 0];
        Write(Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(field => field.ToString("x8", CultureInfo.InvariantCulture)))));
        Write(path);
        Align();
        Write(content);
        Align();
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        output.Write(bytes);
        _written += bytes.Length;
    }

    private void Align() => Write(new byte[-_written & 3]);
}
