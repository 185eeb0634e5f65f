using Hachi.Asm;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Explain;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Tests.Seccomp;

/// <summary>Every finding of the audit, on a filter that has it and on one that has not.</summary>
public sealed class AuditTests
{
    private const string NoArch = "ld [0]\njeq #0, good\nret #0\ngood: ret #0x7fff0000\n";

    [Fact]
    public void A_filter_that_does_not_look_at_the_architecture_is_found()
    {
        Assert.Contains("HS0301", Ids(ClassicAssembler.Assemble(NoArch).Program!));
        Assert.DoesNotContain("HS0301", Ids(Policy("SCMP_ACT_ERRNO", Rule("SCMP_ACT_ALLOW", "read"))));
    }

    [Fact]
    public void Holes_of_a_deny_list_are_found()
    {
        // ptrace is denied by its number on x86_64 only; everything else may pass.
        ClassicProgram open = ClassicAssembler.Assemble("ld [4]\njne #0xc000003e, good\nld [0]\njeq #101, bad\ngood: ret #0x7fff0000\nbad: ret #0x50001\n").Program!;
        string[] ids = Ids(open);
        Assert.Contains("HS0302", ids);
        Assert.Contains("HS0303", ids);
        string[] shut = Ids(Policy("SCMP_ACT_ALLOW", Rule("SCMP_ACT_ERRNO", "ptrace"), "SCMP_ARCH_X86", "SCMP_ARCH_X32"));
        Assert.DoesNotContain("HS0302", shut);
        Assert.DoesNotContain("HS0303", shut);
    }

    [Theory]
    [InlineData("HS0304", "{\"names\":[\"socketcall\"],\"action\":\"SCMP_ACT_ALLOW\"}", "SCMP_ARCH_X86")]
    [InlineData("HS0305", "{\"names\":[\"open\",\"mseal\"],\"action\":\"SCMP_ACT_ALLOW\"}", null)]
    [InlineData("HS0306", "{\"names\":[\"io_uring_setup\"],\"action\":\"SCMP_ACT_ALLOW\"}", null)]
    [InlineData("HS0307", "{\"names\":[\"file_setattr\"],\"action\":\"SCMP_ACT_ALLOW\"}", null)]
    [InlineData("HS0309", "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}", null)]
    public void The_rest_is_found(string id, string rule, string? architecture) =>
        Assert.Contains(id, Ids(architecture is null ? Policy("SCMP_ACT_ERRNO", rule) : Policy("SCMP_ACT_ERRNO", rule, architecture)));

    [Fact]
    public void Upper_halves_of_ints_are_found()
    {
        const string Json = """{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":40,"op":"SCMP_CMP_EQ"}]}]}""";
        Assert.Contains("HS0308", Ids(SeccompCompiler.Compile(OciProfile.Read(Json, new OciContext { ComparesWords = false }).Policy!).Program!));
        Assert.DoesNotContain("HS0308", Ids(SeccompCompiler.Compile(OciProfile.Read(Json).Policy!).Program!));
    }

    [Fact]
    public void Every_finding_has_a_test_and_help()
    {
        foreach (DiagnosticInfo row in DiagnosticTable.All.Where(row => row.Id.StartsWith("HS03", StringComparison.Ordinal)))
            Assert.NotEmpty(row.Help);
    }

    private static string[] Ids(ClassicProgram program)
    {
        string[] ids = [.. SeccompAudit.Run(program, out string? refused).Select(finding => finding.Id)];
        Assert.Null(refused);
        return ids;
    }

    private static string Rule(string action, string name) => $$"""{"names":["{{name}}"],"action":"{{action}}"}""";

    private static ClassicProgram Policy(string defaultAction, string rules, params string[] architectures)
    {
        string names = string.Join(',', architectures.Select(name => $"\"{name}\""));
        PolicyReading reading = OciProfile.Read($$"""{"defaultAction":"{{defaultAction}}","architectures":[{{names}}],"syscalls":[{{rules}}]}""");
        return SeccompCompiler.Compile(reading.Policy!).Program!;
    }
}
