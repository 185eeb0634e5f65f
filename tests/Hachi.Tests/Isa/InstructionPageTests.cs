using System.Text;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Support;

namespace Hachi.Tests.Isa;

/// <summary><c>docs/instructions.md</c> is made from the tables; <c>HACHI_WRITE_DOCS=1</c> makes this test write it anew.</summary>
public sealed class InstructionPageTests
{
    [Fact]
    public void Page_is_what_the_tables_say()
    {
        string path = Shared.InRepository("docs/instructions.md"), page = Page();
        if (Environment.GetEnvironmentVariable("HACHI_WRITE_DOCS") is { Length: > 0 })
            File.WriteAllText(path, page);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == page, $"{path} is out of date: run this test with HACHI_WRITE_DOCS=1");
    }

    private static string Page()
    {
        var page = new StringBuilder(
            """
            # Instructions

            Made from `Isa/OpTable` and `Isa/ClassicTable`; a test keeps it fresh.

            ## eBPF

            The text is what `hachi disasm` prints; the mnemonic is the conformance suite's, which `hachi asm` also reads. Groups are those of
            RFC 9669 section 6.2; `Kernel` marks what Linux added. clang: the lowest `-mcpu` that emits it of itself. Linux: the first version
            that loads it.

            | opcode | text | mnemonic | group | clang | Linux |
            |---|---|---|---|---|---|

            """);
        foreach (OpForm form in OpTable.Forms)
        {
            Span<Insn> insns = [new Insn(form.Opcode, form.Dst ?? 1, form.Src ?? 2, form.Offset ?? 8, form.Imm ?? 5), new Insn(0, 0, 0, 0, form.NextImm ?? 7)];
            var text = new StringBuilder();
            Printer.Print(text, insns);
            string clang = form.Mcpu == 0 ? "-" : $"v{form.Mcpu}", linux = form.Kernel?.ToString() ?? "-";
            page.Append($"| 0x{form.Opcode:x2} | `{text.Replace("|", "\\|")}` | `{form.Mnemonic}` | {form.Group} | {clang} | {linux} |\n");
        }
        page.Append(
            """

            ## Classic BPF

            The text is what `hachi disasm --classic` prints, which is bpf_asm's syntax.

            | code | text |
            |---|---|

            """);
        foreach (ClassicForm form in ClassicTable.Forms)
        {
            bool isBranch = form.Shape is ClassicShape.BranchK or ClassicShape.BranchX;
            bool hasConstant = form.Shape is not (ClassicShape.AluX or ClassicShape.BranchX or ClassicShape.Plain or ClassicShape.ReturnA or ClassicShape.Length);
            uint k = form.Shape == ClassicShape.Jump ? 1u : hasConstant ? 5u : 0;
            ClassicInsn ret = new(ClassicOpcode.Ret);
            string text = ClassicPrinter.Print([new ClassicInsn(form.Code, (byte)(isBranch ? 1 : 0), (byte)(isBranch ? 2 : 0), k), ret, ret, ret]);
            page.Append($"| 0x{form.Code:x2} | `{text[..text.IndexOf('\n')].Trim()}` |\n");
        }
        page.Append("\n| extension | offset |\n|---|---|\n");
        foreach (ExtensionName extension in ClassicTable.Extensions)
            page.Append($"| `{extension.Name ?? extension.ListingName}` | 0x{extension.Offset:x} |\n");
        return page.ToString();
    }
}
