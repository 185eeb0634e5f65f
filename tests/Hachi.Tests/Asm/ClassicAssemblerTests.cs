using Hachi.Asm;
using Hachi.Isa;

namespace Hachi.Tests.Asm;

public sealed class ClassicAssemblerTests
{
    [Theory]
    [InlineData("ld [12]", "ld [12]")]
    [InlineData("ldh [x+12]", "ldh [x + 12]")]
    [InlineData("ldb [%x + 0x10]", "ldb [x + 16]")]
    [InlineData("ld M[3]", "ld M[3]")]
    [InlineData("ldi 5", "ld #0x5")]
    [InlineData("ldxi #0b101", "ldx #0x5")]
    [InlineData("ld #-1", "ld #0xffffffff")]
    [InlineData("ldx 4*([14]&0xf)", "ldxb 4*([14]&0xf)")]
    [InlineData("ld #len", "ld #len")]
    [InlineData("ld len", "ld #len")]
    [InlineData("ldx #len", "ldx #len")]
    [InlineData("ld vlan_pr", "ld #vlan_avail")]
    [InlineData("ldb [vlanp]", "ldb #vlan_avail")]
    [InlineData("ld [random]", "ld #rand")]
    [InlineData("ldh #proto", "ldh #proto")]
    [InlineData("add %x", "add x")]
    [InlineData("and #017", "and #0xf")]
    [InlineData("ret %a", "ret a")]
    [InlineData("ret #0xffff", "ret #65535")]
    [InlineData("st M[15]", "st M[15]")]
    public void Operands(string text, string canonical)
    {
        ClassicAssembled assembled = ClassicAssembler.Assemble(text);
        Assert.Empty(assembled.Diagnostics);
        Assert.Equal("        " + canonical + "\n", ClassicPrinter.Print(assembled.Program!.Insns));
    }

    [Theory]
    [InlineData("jeq #5, Lt, Lf", ClassicOpcode.Jeq, 1, 0)]
    [InlineData("jne #5, Lt, Lf", ClassicOpcode.Jeq, 0, 1)]
    [InlineData("jneq x, Lt", ClassicOpcode.Jeq | ClassicOpcode.X, 0, 1)]
    [InlineData("jlt #5, Lt", ClassicOpcode.Jge, 0, 1)]
    [InlineData("jle #5, Lt", ClassicOpcode.Jgt, 0, 1)]
    [InlineData("jset #5, Lt", ClassicOpcode.Jset, 1, 0)]
    public void Branches(string branch, int code, int jt, int jf)
    {
        ClassicAssembled assembled = ClassicAssembler.Assemble($"{branch} Lf: ret #0 Lt: ret #1");
        Assert.Empty(assembled.Diagnostics);
        ClassicInsn insn = assembled.Program![0];
        Assert.Equal((ClassicOpcode.Jmp | code, jt, jf), (insn.Code, insn.Jt, insn.Jf));
    }

    [Fact]
    public void A_program_as_people_write_it()
    {
        ClassicAssembled assembled = ClassicAssembler.Assemble(
            """
            # IPv4 only
            ldh [12]            ; ethertype
                jne #0x800, drop
            ret #-1 /* the
            whole packet */
            drop: ret #0
            """);
        Assert.Empty(assembled.Diagnostics);
        Assert.Equal("4,40 0 0 12,21 0 1 2048,6 0 0 4294967295,6 0 0 0,\n", ClassicPrinter.Compact(assembled.Program!.Insns));
        Assert.Equal("        ldh [12]\n        jne #0x800, L3\n        ret #4294967295\nL3:     ret #0\n", ClassicPrinter.Print(assembled.Program.Insns));
    }

    [Theory]
    [InlineData("ldq [5]", "HA0002", "ldq", "did you mean `ld`?")]
    [InlineData("ld #prto", "HA0001", "prto", "did you mean `proto`?")]
    [InlineData("jeq #5, nowhere\nret #0", "HA0004", "nowhere", null)]
    [InlineData("here: ret #0\nja here", "HA0010", "here", null)]
    [InlineData("st M[16]", "HA0106", "16", null)]
    [InlineData("st [5]", "HA0008", "[5]", null)]
    [InlineData("ld #99999999999", "HA0003", "99999999999", null)]
    [InlineData("jeq 5 ret", "HA0001", "ret", null)]
    public void Errors_name_the_place(string text, string id, string piece, string? hint)
    {
        ClassicAssembled assembled = ClassicAssembler.Assemble(text);
        Assert.Null(assembled.Program);
        Text.Diagnostic diagnostic = Assert.Single(assembled.Diagnostics);
        Assert.Equal((id, piece, hint), (diagnostic.Id, text.Substring(diagnostic.Span.Start, diagnostic.Span.Length), diagnostic.Hint));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("2\n6 0 0 0\n")]
    [InlineData("1\n6 0 300 0\n")]
    [InlineData("1\n6 0 x 0\n")]
    [InlineData("{ 0x6, 0, 0 },")]
    [InlineData("1,6 0 0 99999999999,")]
    [InlineData("4294967295\n6 0 0 0\n")]
    public void Bad_numbers_are_errors(string text) => Assert.NotEmpty(ClassicNumbers.Parse(text).Diagnostics);

    [Fact]
    public void Jumps_too_far_are_errors()
    {
        string far = "jeq #1, Lend\n" + string.Concat(Enumerable.Repeat("tax\n", 256)) + "Lend: ret #0";
        Assert.Equal("HA0006", Assert.Single(ClassicAssembler.Assemble(far).Diagnostics).Id);
    }
}
