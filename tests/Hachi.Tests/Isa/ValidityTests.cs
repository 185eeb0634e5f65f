using Hachi.Asm;
using Hachi.Isa;

namespace Hachi.Tests.Isa;

public sealed class ValidityTests
{
    [Theory]
    [InlineData("r0 = 0x0\nexit", null)]
    [InlineData("r10 = 0x0\nexit", "HA0204")]
    [InlineData("r10 = xchg_64(r1 + 0x0, r10)\nexit", "HA0204")]
    [InlineData("goto +0x5\nexit", "HA0207")]
    [InlineData("goto +0x1\nr1 = 0x5 ll\nexit", "HA0208")]
    [InlineData("r0 = 0x0", "HA0209")]
    [InlineData("r0 = 0x0\nr0 /= 0x0\nexit", "HA0210")]
    [InlineData("w0 <<= 0x20\nexit", "HA0210")]
    [InlineData("call f\nexit\nf:\nr0 = 0x1\ngoto -0x3", "HA0212")]
    [InlineData("callx r1\nexit", "HA0213")]
    [InlineData(".quad 0x18", "HA0205")]
    [InlineData(".quad 0x18\n.quad 0x95", "HA0206")]
    [InlineData(".quad 0x195\nexit", "HA0202")]
    [InlineData(".quad 0xc1bf\nexit", "HA0203")]
    [InlineData(".quad 0xff\nexit", "HA0201")]
    [InlineData("", "HA0211")]
    public void The_kernels_rules(string text, string? id)
    {
        Assembled assembled = Assembler.Assemble(text);
        Assert.Empty(assembled.Diagnostics);
        Assert.Equal(id, Validity.Check(assembled.Insns, ValidityRules.Kernel).Select(invalid => invalid.Diagnostic.Id).FirstOrDefault());
    }

    [Fact]
    public void The_standard_allows_what_only_the_kernel_refuses() =>
        Assert.True(Validity.IsValid(Assembler.Assemble("r0 /= 0x0\nw0 <<= 0x20\ncallx r1\nexit").Insns));

    // Any single reserved bit that is set makes an instruction invalid: flip each bit of each form; what is still valid must print and read back.
    [Fact]
    public void Every_other_bit_matters()
    {
        foreach (OpForm form in OpTable.Forms)
        {
            var insns = new List<Insn>();
            RandomPrograms.Add(insns, form, new Random(3));
            byte[] bytes = Insn.Encode(insns.ToArray());
            for (int bit = 0; bit < bytes.Length * 8; bit++)
            {
                bytes[bit / 8] ^= (byte)(1 << bit % 8);
                Assert.True(Insn.TryDecode(bytes, out Insn[] flipped));
                Assert.Equal(flipped, Assembler.Assemble(Printer.Print(flipped)).Insns);
                bytes[bit / 8] ^= (byte)(1 << bit % 8);
            }
        }
    }
}
