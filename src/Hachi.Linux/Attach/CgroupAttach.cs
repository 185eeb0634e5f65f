using System.Text;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>How a program joins others on a cgroup.</summary>
public enum CgroupSharing
{
    /// <summary>By a link: it runs beside others and ends with the process (Linux 5.7).</summary>
    Link,

    /// <summary>Alone: programs of cgroups below replace it not (<c>PROG_ATTACH</c>). Stays when the process ends without disposing the link.</summary>
    Exclusive,

    /// <summary>A program of a cgroup below takes its place there (<c>BPF_F_ALLOW_OVERRIDE</c>).</summary>
    Override,

    /// <summary>Beside others, above and below (<c>BPF_F_ALLOW_MULTI</c>).</summary>
    Multi,
}

/// <summary>Programs on control groups: packets, sockets, addresses, socket options, devices, sysctl.</summary>
public static unsafe class CgroupAttach
{
    private const int Directory = 0x10000, Cloexec = 0x80000, AtCwd = -100;

    /// <summary>On a cgroup and those below it.</summary>
    /// <param name="program">Of a cgroup kind.</param>
    /// <param name="path">Its directory in the unified hierarchy.</param>
    /// <param name="type">The kind of place; null: the one that the program was loaded for.</param>
    /// <param name="sharing">How it joins others.</param>
    /// <exception cref="BpfException">EBADF, EINVAL: no directory of cgroup2, or not for this program; EPERM: another program is there alone, or CAP_NET_ADMIN is missing.</exception>
    public static Link AttachCgroup(this Program program, string path, AttachType? type = null, CgroupSharing sharing = CgroupSharing.Link)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentException.ThrowIfNullOrEmpty(path);
        AttachType place = type ?? program.ExpectedAttachType ?? throw new ArgumentException($"program {program.Name} does not say what it attaches to: give the kind of place", nameof(type));
        string description = $"{place.Name()} on cgroup {path}";
        FileHandle cgroup = OpenDirectory(path, description);
        if (sharing == CgroupSharing.Link)
        {
            using (cgroup)
            {
                var attributes = new BpfAttributes { Link = { Fd = (uint)program.Descriptor, Target = (uint)cgroup.Descriptor, Type = (uint)place } };
                int result = BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, 16);
                return result < 0 ? throw Refused("bpf(BPF_LINK_CREATE)", result, description) : new BpfLink(new FileHandle(result), description);
            }
        }
        uint flags = sharing switch { CgroupSharing.Override => 1u, CgroupSharing.Multi => 2u, _ => 0u };
        return ProgramAttachment.Attach(program, cgroup, place, flags, description);
    }

    /// <summary>Opens a directory to name a cgroup or a file system by.</summary>
    internal static FileHandle OpenDirectory(string path, string description)
    {
        int result = Files.Open(Files.AtCwd, path, Files.ReadOnly | Files.MustBeDirectory);
        return result < 0 ? throw new BpfException("open", -result, $"{description}: no such directory, or not to be opened") : new FileHandle(result);
    }

    private static BpfException Refused(string call, int result, string description) => new(call, -result, (ErrorNumber)(-result) switch
    {
        ErrorNumber.EPERM => $"{description}: needs CAP_NET_ADMIN (and CAP_BPF), or a program is attached there alone",
        ErrorNumber.EBADF or ErrorNumber.EINVAL => $"{description}: the directory is not in the cgroup2 hierarchy, or the program is of another kind",
        _ => description,
    });
}

/// <summary>BPF_PROG_ATTACH and BPF_PROG_DETACH: attachments that belong to the place, not to a link.</summary>
internal static class ProgramAttachment
{
    /// <summary>Attaches; the target is closed with the link.</summary>
    public static Link Attach(Program program, FileHandle target, AttachType place, uint flags, string description)
    {
        var attributes = new BpfAttributes { Attach = { Target = (uint)target.Descriptor, Fd = (uint)program.Descriptor, Type = (uint)place, Flags = flags } };
        int result = BpfSystem.Call(BpfCommand.ProgAttach, ref attributes, 20);
        if (result < 0)
        {
            target.Dispose();
            throw Failure.Of(BpfCommand.ProgAttach, result, description);
        }
        // To detach, the program is named again: a descriptor of its own, since the caller may close theirs.
        FileHandle again = program.Handle.Duplicate();
        return new UndoLink(description, () =>
        {
            using (target)
            using (again)
            {
                var detach = new BpfAttributes { Attach = { Target = (uint)target.Descriptor, Fd = (uint)again.Descriptor, Type = (uint)place } };
                _ = BpfSystem.Call(BpfCommand.ProgDetach, ref detach, 20);
            }
        });
    }
}
