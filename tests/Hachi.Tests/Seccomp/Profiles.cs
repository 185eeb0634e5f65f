using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Lang.Seccomp.Syntax;
using Hachi.Tests.Support;
using Hachi.Uapi;

namespace Hachi.Tests.Seccomp;

/// <summary>Policies as people write them: a server that may do little, a desktop program that may not do some things, a build that is watched argument by argument; and moby's.</summary>
internal static class Profiles
{
    public static string[] Names => ["moby", "server", "desktop", "build"];

    public static readonly SeccompArchitecture[] All = [SeccompArchitecture.X86_64, SeccompArchitecture.I386, SeccompArchitecture.X32, SeccompArchitecture.Aarch64];

    private const string Server = """
        default kill-process
        newer errno ENOSYS
        allow @default, @basic-io, @io-event, @signal, @timer, @sync, madvise, mremap, clone(clone_flags & CLONE_NEWUSER|CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWNET == 0)
        errno ENOSYS clone3, faccessat2, openat2
        allow open, openat, newfstatat, fstat, fstat64, fstatat64, statx, fcntl, fcntl64, getcwd, readlink, readlinkat, access, faccessat, uname, sysinfo, prctl(option in {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA})
        allow socket(family in {AF_UNIX, AF_INET, AF_INET6} and type & 0xf in {SOCK_STREAM, SOCK_DGRAM})
        """;

    private const string Desktop = """
        default allow
        other-arch errno ENOSYS
        errno EPERM @mount, @swap, @reboot, @module, @raw-io, @cpu-emulation, @keyring, @obsolete, bpf, perf_event_open, ptrace, userfaultfd, setns, quotactl, acct, syslog
        errno EPERM unshare(unshare_flags & CLONE_NEWUSER != 0), clone(clone_flags & CLONE_NEWUSER != 0)
        errno ENOSYS clone3, io_uring_setup, io_uring_enter, io_uring_register
        errno EPERM ioctl(cmd in {TIOCSTI, TIOCLINUX})
        errno EAFNOSUPPORT socket(family > AF_INET6 and family != AF_NETLINK)
        log personality(personality != 0 and personality != 0xffffffff)
        """;

    private const string Build = """
        default errno EACCES
        newer errno ENOSYS
        other-arch kill-thread
        allow @system-service
        trap mprotect(prot & PROT_WRITE|PROT_EXEC == PROT_WRITE|PROT_EXEC)
        log lseek(offset in 0x100000000..0x7fffffffffffffff and whence == 0)
        errno EINVAL ftruncate(length >= 0x1000000000)
        kill read(count > 0x7fffffff00000000), write(count > 0x40000000 and fd in {1, 2} or fd >= 0x80000000)
        trace 7 execveat(flags & 0x1000 != 0)
        errno ENOTTY ioctl(cmd & 0xff00 == 0x5400 and fd > 2)
        notify finit_module
        """;

    // pread64 and the like split their offsets on i386, so the arguments of this one are not all there.
    private static readonly string s_build32 = string.Join('\n', Build.Split('\n').Where(line => !line.Contains("ftruncate", StringComparison.Ordinal)));

    public static SeccompPolicy Read(string name, params SeccompArchitecture[] architectures)
    {
        if (name == "moby")
        {
            PolicyReading moby = OciProfile.Read(File.ReadAllText(Shared.Find("corpus/seccomp/moby-default.json")), new OciContext { Architectures = architectures });
            return moby.Policy!;
        }
        string text = name switch { "server" => Server, "desktop" => Desktop, _ when architectures.Contains(SeccompArchitecture.I386) => s_build32, _ => Build };
        PolicyReading reading = PolicyText.Read(text, architectures);
        Assert.Empty(reading.Diagnostics.Where(each => each.Severity == Hachi.Text.Severity.Error).Select(each => $"{name}: {each.Message}"));
        return reading.Policy!;
    }
}
