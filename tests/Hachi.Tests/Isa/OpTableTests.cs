using Hachi.Asm;
using Hachi.Isa;

namespace Hachi.Tests.Isa;

public sealed class OpTableTests
{
    [Fact]
    public void Forms_do_not_overlap()
    {
        foreach (OpForm a in OpTable.Forms)
            foreach (OpForm b in OpTable.ByOpcode(a.Opcode))
                Assert.True(ReferenceEquals(a, b) || Differ(a.Src, b.Src) || Differ(a.Offset, b.Offset) || Differ(a.Imm, b.Imm), $"{a} and {b}");

        static bool Differ(int? x, int? y) => x is not null && y is not null && x != y;
    }

    // RFC 9669 appendix A: the number of (opcode, src, offset, imm) rows of each group, wide loads of map indices and function pointers counted once.
    [Theory]
    [InlineData(ConformanceGroup.Base32, 18 + 1 + 2 + 6 + 22 + 2 + 3 + 1 + 3 + 3 + 3 + 2)]
    [InlineData(ConformanceGroup.Base64, 18 + 1 + 3 + 3 + 22 + 1 + 1 + 1 + 1 + 7)]
    [InlineData(ConformanceGroup.Divmul32, 10)]
    [InlineData(ConformanceGroup.Divmul64, 10)]
    [InlineData(ConformanceGroup.Atomic32, 10)]
    [InlineData(ConformanceGroup.Atomic64, 10)]
    [InlineData(ConformanceGroup.Packet, 6)]
    [InlineData(ConformanceGroup.Callx, 1)]
    [InlineData(ConformanceGroup.Kernel, 12)]
    public void Every_group_is_complete(ConformanceGroup group, int count) => Assert.Equal(count, OpTable.Forms.Count(form => form.Group == group));

    [Fact]
    public void Every_form_is_found_printed_assembled_and_valid()
    {
        var random = new Random(1);
        foreach (OpForm form in OpTable.Forms)
        {
            var insns = new List<Insn>();
            for (int i = 0; i < 20; i++)
                RandomPrograms.Add(insns, form, random);
            Assert.Same(form, OpTable.Find(insns[0]));
            string text = Printer.Print(insns.ToArray());
            Assert.DoesNotContain(".quad", text);
            Assembled again = Assembler.Assemble(text);
            Assert.Empty(again.Diagnostics);
            Assert.Equal(insns, again.Insns);
        }
    }

    [Fact]
    public void Every_mnemonic_of_the_conformance_dialect_assembles_to_its_form()
    {
        foreach (OpForm form in OpTable.Forms)
        {
            string? text = form.Shape switch
            {
                Shape.AluReg or Shape.MoveSigned => "%r1, %r2",
                Shape.AluImm or Shape.LoadImm64 => "%r1, 5",
                Shape.Negate or Shape.ByteOrder or Shape.GotoReg or Shape.CallReg => "%r1",
                Shape.Goto or Shape.GotoLong or Shape.MayGoto => "+3",
                Shape.BranchReg => "%r1, %r2, +3",
                Shape.BranchImm => "%r1, 5, -3",
                Shape.Load or Shape.LoadSigned or Shape.LoadAcquire => "%r1, [%r2+8]",
                Shape.StoreImm => "[%r1-8], 5",
                Shape.StoreReg or Shape.StoreRelease or Shape.Atomic or Shape.AtomicFetch or Shape.Exchange or Shape.CompareExchange => "[%r1-8], %r2",
                Shape.PacketAbsolute => "14",
                Shape.PacketIndirect => "%r2, 14",
                Shape.CallHelper => "5",
                Shape.CallLocal => "+3",
                Shape.Exit => "",
                _ => null,
            };
            if (text is null)
                continue;
            Assembled assembled = Assembler.Assemble($"{form.Mnemonic} {text}");
            Assert.True(assembled.Success, $"{form.Mnemonic} {text}: {string.Join("; ", assembled.Diagnostics)}");
            Assert.Same(form, OpTable.Find(assembled.Insns[0]));
        }
    }

    [Fact]
    public void Encoding_round_trips()
    {
        Insn[] insns = RandomPrograms.Insns(new Random(2), 1000);
        Assert.True(Insn.TryDecode(Insn.Encode(insns), out Insn[] again));
        Assert.Equal(insns, again);
        Assert.False(Insn.TryDecode(new byte[9], out _));
        Assert.Equal([0x18, 0x21, 0xfe, 0xff, 0x78, 0x56, 0x34, 0x12], Insn.Encode([new Insn(0x18, 1, 2, -2, 0x12345678)]));
    }
}
