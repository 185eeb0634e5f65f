using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Linux.Kernel;
using Hachi.Object.Plan;
using Hachi.Text;

namespace Hachi.Tests.Trace;

/// <summary>The scripts of others: what the checker makes of them on this machine.</summary>
public sealed class CheckCorpusTests
{
    private static readonly KernelFacts s_facts = new();

    // Cases that are refused here, with the reason.
    private static readonly Dictionary<string, string> s_refused = new(StringComparer.Ordinal)
    {
        ["basic/pid fails validation with non-numeric argument"] = "refused by an option of the command line, not by the script",
        ["builtin/log size too small"] = "refused by an option of the command line, not by the script",
        ["json-output/invalid_format"] = "refused by an option of the command line, not by the script",
        ["other/named params with description help"] = "refused by an option of the command line, not by the script",
        ["other/named command line params before double dash"] = "refused by an option of the command line, not by the script",
        ["other/named command line params wrong value type"] = "refused by an option of the command line, not by the script",
        ["other/unexpected named command line params"] = "refused by an option of the command line, not by the script",
        ["probe/probe_filter no match will fail"] = "refused by an option of the command line, not by the script",
        ["probe/traceable_functions_empty"] = "refused by an option of the command line, not by the script",
        ["basic/disable warnings"] = "its shell line ends with 1 since nothing is found",
        ["btf/redefine_btf_type_missing_def"] = "the missing struct comes from the kernel's types",
        ["builtin/usermode_builtin_in_unsupported_arch"] = "another architecture",
        ["tuples/bytearray in tuple"] = "another architecture's registers in its second form",
        ["builtin/args in a tuple in map"] = "DWARF is left for later",
        ["builtin/args in uprobe as a map key"] = "DWARF is left for later",
        ["dwarf/uprobe arg by name - char"] = "DWARF is left for later",
        ["dwarf/cast to struct"] = "DWARF is left for later",
        ["dwarf/uprobe source location - attach multiple probes"] = "DWARF is left for later",
        ["dwarf/parse stripped debuginfo - arg by name"] = "DWARF is left for later",
        ["dwarf/parse stripped debuginfo - attach by source line"] = "DWARF is left for later",
        ["dwarf/parse DWO debuginfo - arg by name"] = "DWARF is left for later",
        ["dwarf/parse DWO debuginfo - attach by source line"] = "DWARF is left for later",
        ["dwarf/parse DWP debuginfo - arg by name"] = "DWARF is left for later",
        ["dwarf/parse DWP debuginfo - attach by source line"] = "DWARF is left for later",
        ["record/record printing complex args"] = "DWARF is left for later",
        ["call/uaddr pie elf"] = "symbols of the target, which is not here",
        ["call/uaddr non-pie elf"] = "symbols of the target, which is not here",
        ["probe/uprobe_address_fail_resolve"] = "symbols of the target, which is not here",
        ["probe/uprobe_zero_size"] = "symbols of the target, which is not here",
        ["probe/kprobe_disallow_rcu_functions"] = "this kernel lists no functions, or others",
        ["probe/kprobe_func_missing"] = "this kernel lists no functions, or others",
        ["probe/kprobe_func_missing_unsafe"] = "this kernel lists no functions, or others",
        ["probe/kprobe_offset_module_error"] = "this kernel lists no functions, or others",
        ["probe/rawtracepoint_module_missing"] = "this kernel lists no functions, or others",
        ["probe/bpf_programs_limit"] = "this kernel lists no functions, or others",
        ["probe/missing_probes_multiple_attach_points_default_error"] = "this kernel lists no functions, or others",
        ["probe/all_missing_probes_ignore"] = "this kernel lists no functions, or others",
        ["probe/kprobe_addr_invalid"] = "this kernel lists no functions, or others",
        ["probe/kprobe_wildcard"] = "this kernel lists no functions, or others",
        ["regression/fentry double pointer array access"] = "this kernel lists no functions, or others",
        ["regression/fentry array access via pointer"] = "this kernel lists no functions, or others",
        ["stdlib/comm from pid"] = "not there yet",
    };

    // The same for the package.
    private static readonly Dictionary<string, string> s_refusedScripts = new(StringComparer.Ordinal)
    {
        ["loads.bt"] = "asks for a symbol that this kernel does not have",
        ["runqlen.bt"] = "asks for a member that struct cfs_rq had in older kernels",
    };

    [Fact]
    public void The_corpus_is_typed()
    {
        Assert.SkipWhen(s_facts.Types is null, "needs a kernel that gives its types");
        var wrong = new List<string>();
        int count = 0, accepted = 0;
        foreach (TraceCase row in TraceCorpus.Read())
            foreach (string script in row.Scripts)
            {
                count++;
                Diagnostic? error = Errors(script, row.Parameters, row).FirstOrDefault();
                bool wrongly = error is not null != row.WillFail;
                accepted += error is null ? 1 : 0;
                if (wrongly && !s_refused.ContainsKey(row.Name))
                    wrong.Add($"{row.Group[..1]} {row.Name}: {(error is null ? "accepted: " + script : Caret.Render(script, error))}");
            }
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} scripts, {accepted} accepted");
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {count}\n" + string.Join('\n', wrong));
    }

    [Fact]
    public void The_packages_scripts_are_typed()
    {
        Assert.SkipWhen(s_facts.Types is null, "needs a kernel that gives its types");
        var wrong = new List<string>();
        foreach ((string name, string text) in TraceCorpus.DebianScripts())
            if (!s_refusedScripts.ContainsKey(name) && Errors(text, [], null).FirstOrDefault() is Diagnostic error)
                wrong.Add($"{name}: {Caret.Render(text, error)}");
        Assert.True(wrong.Count == 0, $"{wrong.Count}\n" + string.Join('\n', wrong));
    }

    private static IEnumerable<Diagnostic> Errors(string text, string[] parameters, TraceCase? row)
    {
        Script script = Parser.Parse(text, parameters, out List<Diagnostic> diagnostics);
        if (diagnostics.Count == 0)
        {
            var named = new Dictionary<string, string?>();
            Checker.Check(script, new TraceOptions { Parameters = parameters, Named = named, IsUnsafe = row is { WillFail: false } }, s_facts, diagnostics);
        }
        return diagnostics.Where(diagnostic => diagnostic.Severity == Severity.Error);
    }
}
