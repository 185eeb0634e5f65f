using System.Runtime.InteropServices;

namespace Hachi.Vm.Machine;

/// <summary>
/// A piece of memory that a program may touch, as the engines see it. A guest address is the region's number in the upper 32 bits and an offset in the lower;
/// a program can compute any number, but only numbers that fall into a region of its own lead anywhere.
/// </summary>
/// <remarks>
/// The check of an access of n bytes at guest address a is: <c>a - Start &lt; Past(n)</c>, unsigned, 64 bits wide; then the host address is <c>a + Delta</c>. Compiled code relies on the
/// layout, which is why it is explicit.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
internal unsafe struct Region
{
    /// <summary>Bytes of one entry of the table, and their logarithm.</summary>
    public const int SizeBytes = 128, SizeShift = 7;

    /// <summary>Offsets that compiled code uses; of the first of four words for accesses of 1, 2, 4 and 8 bytes in the case of <c>Past</c>.</summary>
    public const int DeltaOffset = 0, StartOffset = 8, PastReadOffset = 16, PastWriteOffset = 48;

    /// <summary>Numbers of the regions that every invocation has. Maps follow from <see cref="FirstMap"/>.</summary>
    public const int None = 0, Context = 1, Packet = 2, Stack = 3, Scratch = 4, FirstMap = 16;

    /// <summary>Host address minus guest address.</summary>
    [FieldOffset(DeltaOffset)] public nint Delta;

    /// <summary>Guest address of the first byte that may be touched.</summary>
    [FieldOffset(StartOffset)] public ulong Start;

    /// <summary>For reads of 1, 2, 4, 8 bytes: the first distance from <see cref="Start"/> that is too far.</summary>
    [FieldOffset(PastReadOffset)] public fixed ulong PastRead[4];

    /// <summary>The same for writes; 0 where the region is read-only.</summary>
    [FieldOffset(PastWriteOffset)] public fixed ulong PastWrite[4];

    /// <summary>Host address of the byte at <see cref="Start"/>.</summary>
    [FieldOffset(80)] public byte* Memory;

    /// <summary>Bytes from <see cref="Start"/> on that may be read.</summary>
    [FieldOffset(88)] public uint Length;

    /// <summary>Whether it may be written.</summary>
    [FieldOffset(92)] public bool IsWritable;

    /// <summary>Sets a region.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="offset">Offset of its first byte in guest addresses.</param>
    /// <param name="memory">Host address of that byte; it must not move while the region stands.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="isWritable">Whether programs may write.</param>
    public void Set(int number, uint offset, byte* memory, uint length, bool isWritable)
    {
        Start = AddressOf(number, offset);
        Delta = (nint)((ulong)memory - Start);
        Memory = memory;
        Length = length;
        IsWritable = isWritable;
        for (int i = 0; i < 4; i++)
        {
            uint size = 1u << i;
            ulong past = length < size ? 0 : length - size + 1ul;
            PastRead[i] = past;
            PastWrite[i] = isWritable ? past : 0;
        }
    }

    /// <summary>Takes the region away: no access succeeds.</summary>
    public void Clear() => this = default;

    /// <summary>The guest address of a region's offset.</summary>
    public static ulong AddressOf(int number, uint offset) => (ulong)(uint)number << 32 | offset;

    /// <summary>The region that a guest address names.</summary>
    public static uint NumberOf(ulong address) => (uint)(address >> 32);
}
