using System.Text;
using Hachi.Cli.Ebpf;
using Hachi.Verify.Rejections;

namespace Hachi.Tests.Verify;

/// <summary><c>docs/refusals.md</c> is made from the table of refusals; <c>HACHI_WRITE_DOCS=1</c> makes this test write it anew.</summary>
public sealed class RefusalPageTests
{
    private const string Log = """
        0: R1=ctx() R10=fp0
        ; int key = 0; @ count.bpf.c:17
        0: (62) *(u32 *)(r10 -4) = 0          ; R10=fp0 fp-8=0000????
        1: (bf) r2 = r10                      ; R2=fp0 R10=fp0
        2: (07) r2 += -4                      ; R2=fp-4
        ; value = bpf_map_lookup_elem(&counts, &key); @ count.bpf.c:18
        3: (18) r1 = 0xffff8881f9ccee00       ; R1=map_ptr(map=counts,ks=4,vs=8)
        5: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=counts,ks=4,vs=8)
        ; *value += 1; @ count.bpf.c:19
        6: (79) r1 = *(u64 *)(r0 +0)
        R0 invalid mem access 'map_value_or_null'
        processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0

        """;

    [Fact]
    public void Page_is_what_the_table_says()
    {
        string path = Shared.InRepository("docs/refusals.md"), page = Page();
        if (Environment.GetEnvironmentVariable("HACHI_WRITE_DOCS") is { Length: > 0 })
            File.WriteAllText(path, page);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == page, $"{path} is out of date: run this test with HACHI_WRITE_DOCS=1");
    }

    // The documents' own test runs the commands of the page and compares what they print.
    private static string Page()
    {
        var page = new StringBuilder($"""
            # Why the kernel refuses a program

            Made from `Verify/Rejections/RefusalTable`; a test keeps it fresh.

            The kernel's verifier follows every path through a program and stops at the first step that it cannot show to be safe. Its log is long, and the line that matters stands near the end.
            `hachi explain log FILE` reads it, with or without what libbpf, bpftool or tc print around it; `-` is standard input. A program that Hachi loads itself is explained in the same
            way: `BpfVerifierException` carries a `Rejection`.

            ```file verifier.log
            {Log.TrimEnd()}
            ```

            ```console
            $ hachi explain log verifier.log
            {RejectionPrinter.Print(Rejection.Parse(Log))}
            $ hachi explain error ref-leak
            {ExplainLog.Describe(RefusalTable.Find("ref-leak")!)}
            ```

            With `--object` the object that was loaded gives source lines and names of functions where the log has none, with `--json` the parts come as a document. A refusal without a log
            is explained from its error: `hachi explain log - --errno E2BIG < /dev/null`.


            """);
        foreach (RefusalInfo row in RefusalTable.All)
        {
            page.Append($"## {row.Id}\n\n{char.ToUpperInvariant(row.Title[0])}{row.Title[1..]}.\n\n");
            if (row.Message.Length > 0)
                page.Append($"    {row.Message}\n\n");
            page.Append($"{Literal(row.Cause)}\n\n**Mend:** {Literal(row.Mend)}\n\n");
        }
        return page.ToString().TrimEnd('\n') + '\n';
    }

    private static string Literal(string text) => text.Replace("*", "\\*", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal).Replace("<", "\\<", StringComparison.Ordinal);
}
