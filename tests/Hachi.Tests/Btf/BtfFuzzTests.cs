using System.Buffers.Binary;
using Hachi.Btf;
using Hachi.Object;
using Hachi.Tests.Object;

namespace Hachi.Tests.Btf;

/// <summary>Damaged and hostile types: nothing throws, nothing runs without end, nothing recurses without bound.</summary>
public sealed class BtfFuzzTests
{
    internal static byte[] SomeBtf() => [.. ElfObjectReader.Read(Clang.Build(Sources.Everything)).Object!.Btf];

    [Fact]
    public void Damaged_types_are_refused_or_walked()
    {
        byte[] whole = SomeBtf();
        Random random = Volume.Random(nameof(Damaged_types_are_refused_or_walked));
        int read = 0;
        for (int i = 0; i < Volume.Of(200_000, 3000); i++)
        {
            byte[] bytes = Mutated(whole, random);
            if (!BtfReader.TryRead(bytes, out BtfTypes? types, out string reason))
            {
                Assert.NotEqual("", reason);
                continue;
            }
            read++;
            Walk(types!);
        }
        Assert.True(read > 100, Volume.Note);
    }

    [Fact]
    public void Circles_and_branching_without_end_are_cut()
    {
        var writer = new BtfWriter();
        // Structure n has 40 anonymous members of type n + 1, which would be 40^100 of them; the last holds the first.
        const int Structures = 100;
        for (uint n = 1; n <= Structures; n++)
            writer.Struct("", 8, [.. Enumerable.Repeat(new BtfMember("", n % Structures + 1, 0, 0), 40)]);
        uint pointer = writer.Pointer(Structures + 1);
        Assert.True(BtfReader.TryRead(writer.ToArray(), out BtfTypes? types, out _));
        Assert.Null(types!.AlignOf(1));
        Assert.False(types.TryFindMember(1, "x", out _));
        Assert.Equal(8u, types.SizeOf(pointer));
        Walk(types);
    }

    internal static byte[] Mutated(byte[] whole, Random random)
    {
        byte[] bytes = [.. whole.AsSpan(0, random.Next(20) == 0 ? random.Next(whole.Length) : whole.Length)];
        for (int k = random.Next(1, 6); k > 0 && bytes.Length > 8; k--)
        {
            int at = random.Next(3) == 0 ? random.Next(Math.Min(24, bytes.Length - 4)) : random.Next(bytes.Length - 4);
            if (random.Next(2) == 0)
                bytes[at] = (byte)random.Next(256);
            else
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at & ~3), (uint)random.Next(4) switch { 0 => uint.MaxValue, 1 => (uint)random.Next(100), 2 => 0x8000_0000, _ => (uint)random.Next() });
        }
        return bytes;
    }

    internal static void Walk(BtfTypes types)
    {
        for (uint id = 0; id < types.Count + 2; id++)
        {
            _ = (types.NameOf(id), types.Resolve(id), types.SizeOf(id), types.AlignOf(id), types.IntOf(id), types.ArrayOf(id), types.ExtraOf(id));
            _ = (types.MembersOf(id), types.ParametersOf(id), types.VariablesOf(id), types.ValuesOf(id));
            _ = types.TryFindMember(id, "no such member", out _);
        }
        _ = (types.Find(BtfKind.Struct, "x"), types.FindAll("x"), types.TryFindEnumerator("x", out _, out _));
    }
}
