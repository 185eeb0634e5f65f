using System.Runtime.InteropServices;

namespace Hachi.Vm.Jit;

/// <summary>
/// Memory for machine code, never writable and executable at one address. Small programs share pages; what is freed is used again.
/// </summary>
/// <remarks>
/// On Linux a block is an anonymous file (memfd_create(2)) mapped twice: code is written through one mapping and runs in the other. Elsewhere every piece has pages of its
/// own, which are written first and then made executable.
/// </remarks>
internal static unsafe partial class ExecutableMemory
{
    private const int Granule = 32, BlockBytes = 256 * 1024;
    private const int ProtRead = 1, ProtWrite = 2, ProtExec = 4, MapShared = 1, MapPrivate = 2;
    private const uint MemoryCommit = 0x3000, MemoryRelease = 0x8000, PageReadWrite = 4, PageExecuteRead = 0x20;
    private const byte Trap = 0xcc;

    private static readonly Lock s_lock = new();
    private static readonly List<Block> s_blocks = [];
    private static bool s_separate = !OperatingSystem.IsLinux();

    /// <summary>A pair of mappings, and the ranges of it that are free, ascending.</summary>
    private sealed class Block
    {
        public byte* Writable;
        public byte* Executable;
        public nuint Bytes;
        public readonly List<(int Start, int Length)> Free = [];
    }

    /// <summary>Bytes that are mapped for code now.</summary>
    public static long MappedBytes
    {
        get
        {
            lock (s_lock)
            {
                long sum = 0;
                foreach (Block block in s_blocks)
                    sum += (long)block.Bytes;
                return sum;
            }
        }
    }

    /// <summary>Copies position-independent code to where it can run.</summary>
    /// <returns>Its address, or 0 where the system gives no such memory.</returns>
    public static nint Add(ReadOnlySpan<byte> code)
    {
        int length = (code.Length + Granule - 1) & -Granule;
        lock (s_lock)
        {
            if (s_separate)
                return AddSeparately(code);
            foreach (Block block in s_blocks)
                for (int i = 0; i < block.Free.Count; i++)
                    if (block.Free[i].Length >= length)
                        return Take(block, i, length, code);
            Block? made = MapTwice((nuint)Math.Max(length, BlockBytes));
            if (made is null)
            {
                s_separate = s_blocks.Count == 0; // no memfd_create here: pages of its own for every piece, from now on
                return s_separate ? AddSeparately(code) : 0;
            }
            made.Free.Add((0, (int)made.Bytes));
            s_blocks.Add(made);
            return Take(made, 0, length, code);
        }
    }

    /// <summary>Gives the memory of a piece back.</summary>
    /// <param name="address">What <see cref="Add"/> returned; nothing may run there any more.</param>
    /// <param name="bytes">Length of the code.</param>
    public static void Remove(nint address, int bytes)
    {
        int length = (bytes + Granule - 1) & -Granule;
        lock (s_lock)
        {
            for (int i = 0; i < s_blocks.Count; i++)
            {
                Block block = s_blocks[i];
                if ((nuint)(address - (nint)block.Executable) >= block.Bytes)
                    continue;
                if (block.Writable != null)
                {
                    int start = (int)(address - (nint)block.Executable);
                    new Span<byte>(block.Writable + start, length).Fill(Trap);
                    Release(block, start, length);
                    // One empty block is kept: programs that come and go should not map each time.
                    if (block.Free.Count != 1 || block.Free[0].Length != (int)block.Bytes || s_blocks.Count == 1)
                        return;
                }
                Unmap(block);
                s_blocks.RemoveAt(i);
                return;
            }
        }
    }

    private static nint Take(Block block, int range, int length, ReadOnlySpan<byte> code)
    {
        (int start, int left) = block.Free[range];
        if (left == length)
            block.Free.RemoveAt(range);
        else
            block.Free[range] = (start + length, left - length);
        code.CopyTo(new Span<byte>(block.Writable + start, length));
        new Span<byte>(block.Writable + start + code.Length, length - code.Length).Fill(Trap);
        return (nint)(block.Executable + start);
    }

    private static void Release(Block block, int start, int length)
    {
        int at = 0;
        while (at < block.Free.Count && block.Free[at].Start < start)
            at++;
        if (at < block.Free.Count && start + length == block.Free[at].Start)
        {
            length += block.Free[at].Length;
            block.Free.RemoveAt(at);
        }
        if (at > 0 && block.Free[at - 1].Start + block.Free[at - 1].Length == start)
        {
            at--;
            (start, length) = (block.Free[at].Start, length + block.Free[at].Length);
            block.Free.RemoveAt(at);
        }
        block.Free.Insert(at, (start, length));
    }

    private static Block? MapTwice(nuint bytes)
    {
        bytes = (bytes + 0xffff) & ~(nuint)0xffff;
        int file;
        fixed (byte* name = "hachi-code\0"u8)
            file = CreateMemoryFile(name, 1);
        if (file < 0)
            return null;
        byte* writable = null, executable = null;
        if (Truncate(file, (long)bytes) == 0)
        {
            writable = Checked(Map(null, bytes, ProtRead | ProtWrite, MapShared, file, 0));
            executable = Checked(Map(null, bytes, ProtRead | ProtExec, MapShared, file, 0));
        }
        _ = Close(file);
        if (writable != null && executable != null)
            return new Block { Writable = writable, Executable = executable, Bytes = bytes };
        if (writable != null)
            _ = Unmap(writable, bytes);
        if (executable != null)
            _ = Unmap(executable, bytes);
        return null;
    }

    private static nint AddSeparately(ReadOnlySpan<byte> code)
    {
        nuint bytes = ((nuint)code.Length + 0xffff) & ~(nuint)0xffff;
        byte* memory;
        bool done;
        if (OperatingSystem.IsWindows())
        {
            memory = VirtualAlloc(null, bytes, MemoryCommit, PageReadWrite);
            if (memory == null)
                return 0;
            code.CopyTo(new Span<byte>(memory, code.Length));
            done = VirtualProtect(memory, bytes, PageExecuteRead, out _) != 0;
        }
        else
        {
            memory = Checked(Map(null, bytes, ProtRead | ProtWrite, MapPrivate | (OperatingSystem.IsMacOS() ? 0x1000 : 0x20), -1, 0));
            if (memory == null)
                return 0;
            code.CopyTo(new Span<byte>(memory, code.Length));
            done = Protect(memory, bytes, ProtRead | ProtExec) == 0;
        }
        var block = new Block { Executable = memory, Bytes = bytes };
        if (done)
        {
            s_blocks.Add(block);
            return (nint)memory;
        }
        Unmap(block);
        return 0;
    }

    private static void Unmap(Block block)
    {
        if (OperatingSystem.IsWindows())
        {
            _ = VirtualFree(block.Executable, 0, MemoryRelease);
            return;
        }
        _ = Unmap(block.Executable, block.Bytes);
        if (block.Writable != null)
            _ = Unmap(block.Writable, block.Bytes);
    }

    private static byte* Checked(byte* mapped) => mapped == (byte*)-1 ? null : mapped;

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(byte* address, nuint bytes, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(byte* address, nuint bytes);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(byte* address, nuint bytes, int protection);

    [LibraryImport("libc", EntryPoint = "memfd_create")]
    private static partial int CreateMemoryFile(byte* name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int Truncate(int file, long bytes);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    [LibraryImport("kernel32")]
    private static partial byte* VirtualAlloc(byte* address, nuint bytes, uint type, uint protection);

    [LibraryImport("kernel32")]
    private static partial int VirtualProtect(byte* address, nuint bytes, uint protection, out uint old);

    [LibraryImport("kernel32")]
    private static partial int VirtualFree(byte* address, nuint bytes, uint type);
}
