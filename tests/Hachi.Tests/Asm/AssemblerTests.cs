using Hachi.Asm;
using Hachi.Isa;

namespace Hachi.Tests.Asm;

public sealed class AssemblerTests
{
    // Each line of the left is read as the line of the right is printed: bpftool's, the verifier log's and the conformance suite's spellings.
    [Theory]
    [InlineData("  12: (bf) r6 = r1", "r6 = r1")]
    [InlineData("(61) r1 = *(u32 *)(r6 +0)", "w1 = *(u32 *)(r6 + 0x0)")]
    [InlineData("(63) *(u32 *)(r10 -4) = r2", "*(u32 *)(r10 - 0x4) = w2")]
    [InlineData("(18) r1 = map[id:5]", "ld_pseudo r1, 0x1, 0x5")]
    [InlineData("(18) r1 = map[id:5][0]+8", "ld_pseudo r1, 0x2, 0x5, 0x8")]
    [InlineData("r1 = map[idx:1]+8 ll", "ld_pseudo r1, 0x6, 0x1, 0x8")]
    [InlineData("r1 = map[idx:1]", "ld_pseudo r1, 0x5, 0x1")]
    [InlineData("r1 = subprog[+3]", "ld_pseudo r1, 0x4, 0x3")]
    [InlineData("(85) call bpf_map_lookup_elem#1", "call 0x1")]
    [InlineData("(85) call pc+5#bpf_prog_1234_f", "call pc+0x5")]
    [InlineData("(85) call kernel-function#1234", "call kernel-function#1234")]
    [InlineData("call kernel-function#1234, 2", "call kernel-function#1234, 0x2")]
    [InlineData("(15) if r0 == 0x0 goto pc+3", "if r0 == 0x0 goto +0x3")]
    [InlineData("(05) goto pc-3", "goto -0x3")]
    [InlineData("(06) gotol pc+100000", "gotol +0x186a0")]
    [InlineData("(e5) may_goto pc+1", "may_goto +0x1")]
    [InlineData("(db) r1 = atomic64_fetch_add((u64 *)(r0 +0), r1)", "r1 = atomic_fetch_add((u64 *)(r0 + 0x0), r1)")]
    [InlineData("(c3) r1 = atomic_fetch_or((u32 *)(r0 +4), r1)", "w1 = atomic_fetch_or((u32 *)(r0 + 0x4), w1)")]
    [InlineData("(db) r1 = atomic64_xchg((u64 *)(r0 +0), r1)", "r1 = xchg_64(r0 + 0x0, r1)")]
    [InlineData("(c3) r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)", "w0 = cmpxchg32_32(r1 + 0x0, w0, w2)")]
    [InlineData("(db) r1 = load_acquire((u64 *)(r2 +8))", "r1 = load_acquire((u64 *)(r2 + 0x8))")]
    [InlineData("(d3) store_release((u8 *)(r2 -1), r3)", "store_release((u8 *)(r2 - 0x1), w3)")]
    [InlineData("r0 = *(u16 *)skb[r7 + 2]", "r0 = *(u16 *)skb[r7 + 0x2]")]
    [InlineData("(28) r0 = *(u16 *)skb[12]", "r0 = *(u16 *)skb[0xc]")]
    [InlineData("r1 = addr_space_cast(r2, 0, 1)", "r1 = addr_space_cast(r2, 0x0, 0x1)")]
    [InlineData("r1 = -1 ll", "r1 = -0x1 ll")]
    [InlineData("r1 = 0xffffffff", "r1 = -0x1")]
    [InlineData("lock cmpxchg32 [%r10-8], %r1", "w0 = cmpxchg32_32(r10 - 0x8, w0, w1)")]
    [InlineData("lock fetch and [%r10-8], %r1", "r1 = atomic_fetch_and((u64 *)(r10 - 0x8), r1)")]
    [InlineData("swap16 %r3", "r3 = bswap16 r3")]
    [InlineData("add64 r1, -5 # comment", "r1 += -0x5")]
    [InlineData("mov32 %r0, 0xffffffff // comment", "w0 = -0x1")]
    [InlineData("call %r2 ; comment", "callx r2")]
    [InlineData("ldindh %r2, 4 /* comment */", "r0 = *(u16 *)skb[r2 + 0x4]")]
    [InlineData("       3:\t07 01 00 00 05 00 00 00\tr1 += 0x5", "r1 += 0x5")]
    [InlineData("       4:\tgoto +0x5 <.text+0x50>", "goto +0x5")]
    public void Spellings(string text, string canonical)
    {
        Assembled assembled = Assembler.Assemble(text);
        Assert.Empty(assembled.Diagnostics);
        Assert.Equal(canonical + "\n", Printer.Print(assembled.Insns));
    }

    [Fact]
    public void Labels_count_slots()
    {
        Assembled assembled = Assembler.Assemble("start: r1 = 5 ll\nif r1 == 5 goto done\ncall f\ngoto start\ndone:\nexit\nf: r1 = subprog[f]\nexit");
        Assert.Empty(assembled.Diagnostics);
        Assert.Equal("r1 = 0x5 ll\nif r1 == 0x5 goto +0x2\ncall pc+0x2\ngoto -0x5\nexit\nld_pseudo r1, 0x4, -0x1\nexit\n", Printer.Print(assembled.Insns));
    }

    [Theory]
    [InlineData("add32 5, %r1", "HA0001", "expected register, found `5`", "5", null)]
    [InlineData("r1 += ", "HA0001", "expected register or number, found the end of the text", "", null)]
    [InlineData("ldxq %r0, [%r1]", "HA0002", "unknown instruction `ldxq`", "ldxq", "did you mean `ldxw`?")]
    [InlineData("gotto +5", "HA0002", "unknown instruction `gotto`", "gotto", "did you mean `goto`?")]
    [InlineData("mov32 %r0, 2147483648", "HA0003", "`2147483648` does not fit 32 bits (signed)", "2147483648", null)]
    [InlineData("r1 = 0x100000000", "HA0003", "`0x100000000` does not fit 32 bits (signed)", "0x100000000", "write `ll` behind a 64-bit constant")]
    [InlineData("r1 = *(u64 *)(r2 + 40000)", "HA0003", "`40000` does not fit 16 bits (signed)", "40000", null)]
    [InlineData("goto dome\ndone: exit", "HA0004", "unknown label `dome`", "dome", "did you mean `done`?")]
    [InlineData("a: exit\na: exit", "HA0005", "label `a` is already defined", "a", null)]
    [InlineData("r11 = 5", "HA0007", "there is no register `r11`", "r11", "there are r0 to r10, and w0 to w10 for their lower halves")]
    [InlineData("r1 += w2", "HA0009", "`r1` and `w2` are of different width", "w2", null)]
    [InlineData("w1 = *(u64 *)(r2 + 0)", "HA0008", "no such instruction: loads of u64 go into 64-bit registers", "w1", null)]
    [InlineData("r1 = be16 r2", "HA0008", "no such instruction: this operation has one register, which it reads and writes", "r2", null)]
    [InlineData("r1 = addr_space_cast(r2, 1, 2)", "HA0008", "no such instruction: casts are between address spaces 0 and 1", "1", null)]
    [InlineData("exit exit", "HA0012", "unexpected `exit` after the instruction", "exit", null)]
    [InlineData("/* open", "HA0011", "this comment is not closed", "/*", null)]
    [InlineData("goto 5", "HA0001", "expected label or distance, found `5`", "5", "a distance has a sign: `+5`")]
    public void Errors_name_the_place(string text, string id, string message, string piece, string? hint)
    {
        Assembled assembled = Assembler.Assemble(text);
        Assert.False(assembled.Success);
        Assert.Empty(assembled.Insns);
        Text.Diagnostic diagnostic = Assert.Single(assembled.Diagnostics);
        Assert.Equal((id, message, piece, hint), (diagnostic.Id, diagnostic.Message, text.Substring(diagnostic.Span.Start, diagnostic.Span.Length), diagnostic.Hint));
    }

    [Fact]
    public void Every_line_with_an_error_is_reported_once()
    {
        Assembled assembled = Assembler.Assemble("foo\nexit\nr1 += \nbar\n");
        Assert.Equal(["HA0002", "HA0001", "HA0002"], assembled.Diagnostics.Select(diagnostic => diagnostic.Id));
    }

    [Fact]
    public void Jumps_too_far_are_errors()
    {
        string far = "goto end\n" + string.Concat(Enumerable.Repeat("exit\n", 40_000)) + "end: exit";
        Assert.Equal("HA0006", Assert.Single(Assembler.Assemble(far).Diagnostics).Id);
        Assert.True(Assembler.Assemble(far.Replace("goto end", "gotol end")).Success);
    }
}
