using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Isa;
using Hachi.Tests.Support;

namespace Hachi.Tests.Asm;

public sealed class RoundTripTests
{
    [Fact]
    public void Random_programs_print_and_read_back()
    {
        Random random = Volume.Random(nameof(Random_programs_print_and_read_back));
        for (int left = Volume.Of(1_000_000, 40_000); left > 0;)
        {
            Insn[] insns = RandomPrograms.Insns(random, random.Next(1, 400));
            AssertRoundTrip(insns);
            left -= insns.Length;
        }
    }

    [Fact]
    public void Random_bytes_print_and_read_back()
    {
        Random random = Volume.Random(nameof(Random_bytes_print_and_read_back));
        byte[] bytes = new byte[8 * 200];
        for (int left = Volume.Of(1_000_000, 40_000); left > 0; left -= 200)
        {
            random.NextBytes(bytes);
            // Sparse fields come nearer to instructions.
            for (int i = 0; i < bytes.Length; i++)
                if (i % 8 > 0 && random.Next(3) > 0)
                    bytes[i] = 0;
            Assert.True(Insn.TryDecode(bytes, out Insn[] insns));
            AssertRoundTrip(insns);
        }
    }

    [Fact]
    public void Random_classic_programs_print_and_read_back_in_every_form()
    {
        Random random = Volume.Random(nameof(Random_classic_programs_print_and_read_back_in_every_form));
        for (int left = Volume.Of(1_000_000, 40_000); left > 0;)
        {
            var program = new ClassicProgram(RandomPrograms.Classic(random, random.Next(1, 300), wildness: 20));
            left -= program.Length;
            AssertEqual(program, ClassicAssembler.Assemble(ClassicPrinter.Print(program.Insns)));
            AssertEqual(program, ClassicNumbers.Parse(ClassicPrinter.Numbers(program.Insns)));
            AssertEqual(program, ClassicNumbers.Parse(ClassicPrinter.Compact(program.Insns)));
            AssertEqual(program, ClassicNumbers.Parse(ClassicPrinter.CArray(program.Insns)));
            Assert.True(ClassicNumbers.TryDecode(ClassicNumbers.Encode(program.Insns), out ClassicInsn[] raw));
            Assert.Equal(program, new ClassicProgram(raw));
        }
    }

    // A listing loses the fields that an instruction does not use; reading it back and listing it again must give the same text.
    [Theory]
    [InlineData(ListingStyle.Pcap110)]
    [InlineData(ListingStyle.Pcap111)]
    public void Listings_read_back(ListingStyle style)
    {
        Random random = Volume.Random(nameof(Listings_read_back));
        for (int left = Volume.Of(1_000_000, 20_000); left > 0;)
        {
            ClassicInsn[] insns = RandomPrograms.Classic(random, random.Next(1, 200));
            for (int i = 0; i < insns.Length; i++)
                if (ClassicTable.Find(insns[i].Code)!.Shape == ClassicShape.Memory)
                    insns[i] = insns[i] with { K = insns[i].K % Limits.ClassicMemoryWords };
            var program = new ClassicProgram(insns);
            left -= program.Length;
            string listing = ClassicPrinter.Listing(program.Insns, style);
            ClassicAssembled again = ClassicAssembler.Assemble(listing);
            Assert.True(again.Success, $"{string.Join("; ", again.Diagnostics)} {Volume.Note}\n{listing}");
            Assert.Equal(listing, ClassicPrinter.Listing(again.Program!.Insns, style));
        }
    }

    private static void AssertRoundTrip(Insn[] insns)
    {
        string text = Printer.Print(insns);
        Assembled again = Assembler.Assemble(text);
        Assert.True(again.Success, $"{again.Diagnostics.Count} {Volume.Note} {string.Join("; ", again.Diagnostics)}");
        Assert.True(insns.AsSpan().SequenceEqual(again.Insns), $"{Volume.Note}\n{text}");
        Assert.Equal(insns.Length, again.Origins.Length);
    }

    private static void AssertEqual(ClassicProgram program, ClassicAssembled again)
    {
        Assert.True(again.Success, $"{Volume.Note} {string.Join("; ", again.Diagnostics)}");
        Assert.True(program.Equals(again.Program), $"{Volume.Note}\n{ClassicPrinter.Numbers(program.Insns)}{ClassicPrinter.Print(program.Insns)}");
        Assert.Equal(program.Length, again.Origins.Length);
    }
}
