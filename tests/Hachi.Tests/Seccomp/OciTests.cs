using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Tests.Support;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Tests.Seccomp;

/// <summary>Profiles: what they mean, and what is said about wrong ones.</summary>
public sealed class OciTests
{
    private const string Head = "{\"defaultAction\":\"SCMP_ACT_ERRNO\",";

    [Theory]
    [InlineData("{", "HS0001")]
    [InlineData("[]", "HS0002")]
    [InlineData("{}", "HS0006")]
    [InlineData("{\"defaultAction\":\"SCMP_ACT_ALOW\"}", "HS0004", "SCMP_ACT_ALLOW")]
    [InlineData("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}", "HS0008")]
    [InlineData("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}", "HS0007")]
    [InlineData("{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "HS0010")]
    [InlineData(Head + "\"flags\":[\"SECCOMP_FILTER_FLAG_X\"]}", "HS0011")]
    [InlineData(Head + "\"syscals\":[]}", "HS0003", "syscalls")]
    [InlineData(Head + "\"syscalls\":[{\"names\":[\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}", "HS0010")]
    [InlineData(Head + "\"syscalls\":[{\"names\":[\"raed\"],\"action\":\"SCMP_ACT_ALLOW\"}]}", "HS0102", "read")]
    [InlineData(Head + "\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}", "HS0103")]
    [InlineData(Head + "\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQUAL\"}]}]}", "HS0005")]
    [InlineData(Head + "\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[\"read\"],\"action\":\"SCMP_ACT_KILL\"}]}", "HS0104")]
    public void What_is_wrong_is_said(string json, string id, string? hint = null)
    {
        PolicyReading reading = OciProfile.Read(json);
        Diagnostic diagnostic = Assert.Single(reading.Diagnostics, each => each.Id == id);
        Assert.InRange(diagnostic.Span.Start, 0, json.Length);
        if (hint is not null)
            Assert.Contains(hint, diagnostic.Hint, StringComparison.Ordinal);
        Assert.Equal(diagnostic.Severity == Severity.Error, reading.Policy is null);
    }

    [Fact]
    public void Conditions_on_one_argument_are_alternatives_and_on_several_all_must_hold()
    {
        SeccompPolicy policy = Read("""
            {"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
              {"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]},
              {"names":["ioctl"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":240,"valueTwo":16,"op":"SCMP_CMP_MASKED_EQ"}]}]}
            """);
        Assert.True(Decide(policy, "socket", 1).Permits);
        Assert.True(Decide(policy, "socket", 2).Permits);
        Assert.False(Decide(policy, "socket", 3).Permits);
        Assert.True(Decide(policy, "ioctl", 1, 0x1f).Permits);
        Assert.False(Decide(policy, "ioctl", 1, 0x2f).Permits);
        Assert.False(Decide(policy, "ioctl", 2, 0x1f).Permits);
    }

    [Fact]
    public void An_int_is_compared_as_32_bits_unless_told_otherwise()
    {
        const string Json = """{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":40,"op":"SCMP_CMP_EQ"}]}]}""";
        Assert.False(Decide(Read(Json), "socket", 0x1_0000_0028).Permits);
        Assert.True(Decide(OciProfile.Read(Json, new OciContext { ComparesWords = false }).Policy!, "socket", 0x1_0000_0028).Permits);
    }

    [Fact]
    public void Calls_newer_than_the_profile_get_enosys_others_the_default()
    {
        SeccompPolicy policy = Read("""{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read","statx"],"action":"SCMP_ACT_ALLOW"}]}""");
        Assert.Equal(SeccompAction.Errno(SeccompAction.Enosys), Decide(policy, "clone3"));
        Assert.Equal(SeccompAction.Errno(SeccompAction.Eperm), Decide(policy, "write"));
        Assert.True(Decide(policy, "statx").Permits);
    }

    [Fact]
    public void Capabilities_architectures_and_the_kernel_choose_entries()
    {
        const string Json = """
            {"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]}],"syscalls":[
              {"names":["bpf"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_BPF"]}},
              {"names":["clone"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_ADMIN"]}},
              {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
              {"names":["modify_ldt"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["arm64"]}}]}
            """;
        SeccompPolicy plain = Read(Json), rich = OciProfile.Read(Json, new OciContext { Capabilities = ["CAP_BPF", "CAP_SYS_ADMIN"], Kernel = new Version(4, 4) }).Policy!;
        Assert.Equal([SeccompArchitecture.X86_64, SeccompArchitecture.I386, SeccompArchitecture.X32], plain.Architectures.Select(each => each.Architecture));
        Assert.False(Decide(plain, "bpf").Permits);
        Assert.True(Decide(rich, "bpf").Permits);
        Assert.True(Decide(plain, "clone").Permits);
        Assert.False(Decide(rich, "clone").Permits);
        Assert.True(Decide(plain, "ptrace").Permits);
        Assert.False(Decide(rich, "ptrace").Permits);
        Assert.False(Decide(plain, "modify_ldt").Permits);
    }

    [Fact]
    public void Multiplexed_calls_of_i386_follow_their_rules()
    {
        SeccompPolicy policy = OciProfile.Read("""{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["connect","semget"],"action":"SCMP_ACT_ALLOW"}]}""", new OciContext { Architectures = [SeccompArchitecture.I386] }).Policy!;
        Assert.True(policy.Decide(SeccompData.Of(SeccompArchitecture.I386, 102, 3)).Action.Permits);
        Assert.False(policy.Decide(SeccompData.Of(SeccompArchitecture.I386, 102, 1)).Action.Permits);
        Assert.True(policy.Decide(SeccompData.Of(SeccompArchitecture.I386, 117, 2)).Action.Permits);
        Assert.True(policy.Decide(SeccompData.Of(SeccompArchitecture.I386, 362)).Action.Permits);
    }

    [Fact]
    public void Damaged_profiles_never_throw()
    {
        Random random = Volume.Random(nameof(Damaged_profiles_never_throw));
        byte[] good = System.Text.Encoding.UTF8.GetBytes("""{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],"flags":[],"syscalls":[{"names":["read","é"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"valueTwo":2,"op":"SCMP_CMP_EQ"}],"includes":{"caps":[],"minKernel":"4.8"}}]}""");
        for (int i = 0; i < Volume.Of(200_000, 3_000); i++)
        {
            byte[] bad = [.. good];
            for (int n = random.Next(1, 4); n > 0; n--)
                bad[random.Next(bad.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : good[random.Next(good.Length)];
            OciProfile.Read(System.Text.Encoding.UTF8.GetString(bad[..random.Next(bad.Length / 2, bad.Length)]));
            OciProfile.Read(System.Text.Encoding.UTF8.GetString(bad));
        }
        PolicyReading deep = OciProfile.Read(string.Concat(Enumerable.Repeat("{\"a\":[", 100_000)));
        Assert.Equal("HS0001", Assert.Single(deep.Diagnostics).Id);
    }

    private static SeccompPolicy Read(string json) => OciProfile.Read(json).Policy!;

    private static SeccompAction Decide(SeccompPolicy policy, string name, params ulong[] arguments) =>
        policy.Decide(SeccompData.Of(SeccompArchitecture.X86_64, SyscallTable.Of(SeccompArchitecture.X86_64).Find(name)!.Number, arguments)).Action;
}
