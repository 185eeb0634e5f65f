using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Lang.Seccomp.Syntax;
using Hachi.Tests.Support;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Tests.Seccomp;

/// <summary>The policy language and the builder.</summary>
public sealed class PolicyTextTests
{
    private static readonly SeccompArchitecture[] s_x64 = [SeccompArchitecture.X86_64];

    [Theory]
    [InlineData("allow read", "HS0117")]
    [InlineData("default allow\ndefault log", "HS0116")]
    [InlineData("default alow", "HS0112", "allow")]
    [InlineData("default errno EPRM", "HS0115", "EPERM")]
    [InlineData("default errno 4096", "HS0115")]
    [InlineData("default allow\ndeny raed", "HS0101", "read")]
    [InlineData("default allow\ndeny @basic-oi", "HS0114", "@basic-io")]
    [InlineData("default allow\ndeny @basic-io(arg0 == 1)", "HS0120")]
    [InlineData("default allow\ndeny socket(famly == 1)", "HS0103", "family")]
    [InlineData("default allow\ndeny read(arg3 == 1)", "HS0103")]
    [InlineData("default allow\ndeny socket(family == AF_UNIZ)", "HS0113", "AF_UNIX")]
    [InlineData("default allow\ndeny socket(family 1)", "HS0111")]
    [InlineData("default allow\ndeny socket(family == )", "HS0111")]
    [InlineData("default allow\ndeny socket(family == 1", "HS0111")]
    [InlineData("default allow\ndeny socket(family in 1)", "HS0111")]
    [InlineData("default allow\ndeny socket(family == 0x1ffffffffffffffff)", "HS0121")]
    [InlineData("default allow\ndeny read read", "HS0111")]
    [InlineData("default allow\ndeny read\nallow read", "HS0104")]
    [InlineData("default allow\ndeny read\nallow read(fd == 1)", "HS0105")]
    [InlineData("default allow\ndeny openat(filename == 0x1000)", "HS0108")]
    [InlineData("default allow\ndeny socket(family & 0xf == 0x10)", "HS0107")]
    [InlineData("arch z80\ndefault allow", "HS0118")]
    [InlineData("default allow\nnonsense read", "HS0112")]
    public void What_is_wrong_is_said(string text, string id, string? hint = null)
    {
        PolicyReading reading = PolicyText.Read(text, s_x64);
        Diagnostic diagnostic = Assert.Single(reading.Diagnostics);
        Assert.Equal(id, diagnostic.Id);
        if (hint is not null)
            Assert.Contains(hint, diagnostic.Hint, StringComparison.Ordinal);
        Assert.Equal(diagnostic.Severity == Severity.Error, reading.Policy is null);
    }

    [Fact]
    public void One_reading_tells_of_all_errors()
    {
        PolicyReading reading = PolicyText.Read("default allow\ndeny raed\nallow socket(family = 1)\nerrno EPRM read\n", s_x64);
        Assert.Equal(["HS0111", "HS0115"], reading.Diagnostics.Select(each => each.Id));
    }

    [Fact]
    public void Statements_mean_what_they_say()
    {
        SeccompPolicy policy = Read("""
            # who may do what
            default errno EACCES
            other-arch errno ENOSYS
            newer errno ENOSYS
            allow @basic-io, exit_group,
                  socket(family in {AF_UNIX, AF_INET} and type & ~(0) != 3)
            """.Replace("~(0)", "0xf", StringComparison.Ordinal) + """

            kill socket(family == AF_PACKET or family in 20..22, type >= SOCK_RAW)
            log prctl(option == PR_SET_NAME)
            trap mprotect(prot & PROT_WRITE|PROT_EXEC == PROT_WRITE|PROT_EXEC)
            allow mprotect
            trace 5 personality(personality == 0xffffffff)
            """);
        Assert.Equal("allow", Decide(policy, "write"));
        Assert.Equal("allow", Decide(policy, "socket", 1, 1));
        Assert.Equal("errno EACCES", Decide(policy, "socket", 1, 3));
        Assert.Equal("kill-process", Decide(policy, "socket", 17, 1));
        Assert.Equal("kill-process", Decide(policy, "socket", 21, 3));
        Assert.Equal("errno EACCES", Decide(policy, "socket", 21, 2));
        Assert.Equal("log", Decide(policy, "prctl", 15));
        Assert.Equal("trap", Decide(policy, "mprotect", 0, 0, 7));
        Assert.Equal("allow", Decide(policy, "mprotect", 0, 0, 5));
        Assert.Equal("trace 5", Decide(policy, "personality", ulong.MaxValue));
        Assert.Equal("errno EACCES", Decide(policy, "mkdir"));
        Assert.Equal("errno ENOSYS", Decide(policy, "mseal"));
        Assert.Equal("errno ENOSYS", policy.Decide(SeccompData.Of(SeccompArchitecture.I386, 1)).Action.ToString());
    }

    [Fact]
    public void A_call_goes_before_its_group()
    {
        SeccompPolicy policy = Read("default deny\nallow @file-system, @network-io\nerrno EROFS mkdir\nkill socket(family == AF_PACKET)");
        Assert.Equal("errno EROFS", Decide(policy, "mkdir"));
        Assert.Equal("allow", Decide(policy, "rmdir"));
        Assert.Equal("kill-process", Decide(policy, "socket", 17));
        Assert.Equal("allow", Decide(policy, "socket", 2));
        Assert.Equal("HS0104", Assert.Single(PolicyText.Read("default deny\nallow @chown\nlog @privileged", s_x64).Diagnostics.DistinctBy(each => each.Id)).Id);
    }

    [Fact]
    public void Groups_hold_known_calls_and_the_groups_in_them()
    {
        foreach (string group in SyscallWords.Groups)
        {
            IReadOnlyCollection<string> calls = SyscallWords.Group(group)!;
            Assert.NotEmpty(calls);
            Assert.All(calls, call => Assert.True(SyscallTable.IsKnown(call), $"{group}: {call}"));
        }
        Assert.Contains("read", SyscallWords.Group("@system-service")!);
        Assert.Equal(SyscallTable.Names.Count, SyscallWords.Group("@known")!.Count);
    }

    [Fact]
    public void Constants_are_those_of_the_headers()
    {
        if (!File.Exists("/usr/bin/gcc") || !OperatingSystem.IsLinux())
            Assert.Skip("needs gcc and the kernel headers");
        string[] headers = ["sys/socket.h", "netinet/in.h", "linux/sched.h", "sys/mman.h", "sys/prctl.h", "fcntl.h", "sys/ioctl.h", "signal.h", "linux/futex.h", "sys/ptrace.h", "sys/personality.h",
            "asm/prctl.h", "sys/resource.h", "linux/keyctl.h", "sys/mount.h", "time.h", "linux/fs.h", "linux/seccomp.h"];
        string include = "#define _GNU_SOURCE\n" + string.Concat(headers.Select(header => $"#include <{header}>\n"));
        string file = Path.GetTempFileName();
        try
        {
            // One assertion a constant; names that these headers do not have are left out by the first run.
            string[] names = [.. SyscallWords.Constants];
            string Source(IEnumerable<string> all) => include + string.Concat(all.Select(name => $"_Static_assert((unsigned long long)({name}) == {SyscallWords.Constant(name)}ull || (unsigned)({name}) == {SyscallWords.Constant(name)}ull, \"{name}\");\n"));
            string[] Compile(string source)
            {
                File.WriteAllText(file, source);
                return [.. System.Text.RegularExpressions.Regex.Matches(Tools.Run("/usr/bin/gcc", ["-x", "c", "-w", "-fsyntax-only", "-fmax-errors=0", file]).Error, @":(\d+):\d+: error: ").Select(match => match.Groups[1].Value)];
            }
            int head = headers.Length + 1;
            string[] missing = [.. Compile(include + string.Concat(names.Select(name => $"enum {{ x{name} = (int)({name}) }};\n"))).Select(line => names[int.Parse(line, null) - head - 1])];
            string[] known = [.. names.Except(missing)];
            Assert.InRange(known.Length, 600, 2000);
            Assert.Empty(Compile(Source(known)).Select(line => known[int.Parse(line, null) - head - 1]));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Damaged_policies_never_throw()
    {
        Random random = Volume.Random(nameof(Damaged_policies_never_throw));
        string good = "default errno EPERM\narch x86_64, i386\nallow read, socket(family in {1, AF_INET} and type & 0xf == 2 or protocol != 3), @basic-io\nkill mprotect(prot in 1..2) # x\n";
        for (int i = 0; i < Volume.Of(200_000, 2_000); i++)
        {
            char[] bad = good.ToCharArray();
            for (int n = random.Next(1, 6); n > 0; n--)
                bad[random.Next(bad.Length)] = random.Next(4) == 0 ? (char)random.Next(0x3000) : good[random.Next(good.Length)];
            PolicyText.Read(new string(bad), s_x64);
            PolicyText.Read(new string(bad, 0, random.Next(bad.Length)), s_x64);
        }
        Assert.Null(PolicyText.Read("default allow\nallow read(" + new string('(', 1_000_000), s_x64).Policy);
        Assert.Null(PolicyText.Read("default allow\nallow read(" + string.Join(" and ", Enumerable.Repeat("fd in {1,2,3,4}", 50)) + ")", s_x64).Policy);
    }

    [Fact]
    public void A_builder_says_the_same()
    {
        SeccompPolicy built = new SeccompPolicyBuilder(SeccompAction.Errno(1)).Allow("@basic-io", "exit_group").Allow("socket", when => when.Equal("family", 1).Masked("type", 0xf, 1)).Deny(38, "clone3").Newer(SeccompAction.Errno(38)).Build(s_x64);
        SeccompPolicy read = Read("default deny\nnewer errno ENOSYS\nallow @basic-io, exit_group, socket(family == AF_UNIX and type & 15 == SOCK_STREAM)\nerrno ENOSYS clone3");
        Assert.True(SeccompProver.Prove(read, SeccompCompiler.Compile(built).Program!).AreEqual);
        Assert.Contains("did you mean read?", Assert.Throws<ArgumentException>(() => new SeccompPolicyBuilder(SeccompAction.Allow).Deny(1, "raed").Build(s_x64)).Message, StringComparison.Ordinal);
    }

    private static SeccompPolicy Read(string text)
    {
        PolicyReading reading = PolicyText.Read(text, s_x64);
        Assert.Empty(reading.Diagnostics);
        return reading.Policy!;
    }

    private static string Decide(SeccompPolicy policy, string name, params ulong[] arguments) =>
        policy.Decide(SeccompData.Of(SeccompArchitecture.X86_64, SyscallTable.Of(SeccompArchitecture.X86_64).Find(name)!.Number, arguments)).Action.ToString();
}
