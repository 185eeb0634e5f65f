using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Isa;
using Hachi.Tests.Support;
using Hachi.Text;

namespace Hachi.Tests.Asm;

public sealed class HostileTextTests
{
    private const string Alphabet = "()[]{}*&+-=<>!|^%#;:,./\\\"'\t\n\r \0abcdefjlmnrstuwxL0123456789_é\ud83d\udc1d\u001b";

    [Fact]
    public void Mutated_text_is_read_or_diagnosed()
    {
        Random random = Volume.Random(nameof(Mutated_text_is_read_or_diagnosed));
        for (int i = 0; i < Volume.Of(1_000_000, 20_000); i++)
        {
            bool isClassic = random.Next(2) == 0;
            ClassicInsn[] classic = RandomPrograms.Classic(random, random.Next(1, 8), 20);
            string text = isClassic
                ? random.Next(3) switch { 0 => ClassicPrinter.Listing(classic), 1 => ClassicPrinter.Numbers(classic), _ => ClassicPrinter.Print(classic) }
                : Printer.Print(RandomPrograms.Insns(random, random.Next(1, 8)));
            Read(Mutate(text, random));
        }
    }

    [Theory]
    [InlineData("(")]
    [InlineData("[")]
    [InlineData("*(u32 *)(")]
    [InlineData("r1 = -")]
    [InlineData("/*")]
    [InlineData("a:")]
    [InlineData("a:\n")]
    [InlineData("call a#")]
    [InlineData("goto b\n")]
    [InlineData("jeq #1, b\n")]
    [InlineData("9")]
    [InlineData("0x")]
    [InlineData("{")]
    [InlineData("lock ")]
    [InlineData("\n")]
    [InlineData("#")]
    [InlineData("%")]
    public void Long_repetitions_end(string piece)
    {
        string text = string.Concat(Enumerable.Repeat(piece, 100_000));
        Read(text);
        Read(text + "r1 += r2");
    }

    private static void Read(string text)
    {
        Assembled assembled = Assembler.Assemble(text);
        ClassicAssembled classic = ClassicAssembler.Assemble(text);
        ClassicAssembled numbers = ClassicNumbers.Parse(text);
        Assert.True(assembled.Success == (assembled.Diagnostics.Count == 0), Volume.Note);
        foreach (Diagnostic diagnostic in assembled.Diagnostics.Concat(classic.Diagnostics).Concat(numbers.Diagnostics))
        {
            Assert.InRange(diagnostic.Span.Start, 0, text.Length);
            Assert.InRange(diagnostic.Span.End, diagnostic.Span.Start, text.Length);
        }
        _ = Validity.Check(assembled.Insns);
        _ = Validity.Check(assembled.Insns, ValidityRules.Kernel);
        if (classic.Program is not null)
            _ = ClassicValidity.Check(classic.Program.Insns);
    }

    private static string Mutate(string text, Random random)
    {
        var chars = new List<char>(text);
        for (int i = random.Next(1, 5); i > 0 && chars.Count > 0; i--)
        {
            int at = random.Next(chars.Count);
            switch (random.Next(4))
            {
                case 0:
                    chars[at] = Alphabet[random.Next(Alphabet.Length)];
                    break;
                case 1:
                    chars.Insert(at, Alphabet[random.Next(Alphabet.Length)]);
                    break;
                case 2:
                    chars.RemoveRange(at, Math.Min(random.Next(1, 6), chars.Count - at));
                    break;
                default:
                    chars.InsertRange(at, chars.GetRange(random.Next(chars.Count), 1));
                    break;
            }
        }
        return new string([.. chars]);
    }
}
