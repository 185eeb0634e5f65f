using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Hachi.Btf;
using Hachi.Linux.Attach;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using static Hachi.Guest.Calls;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>Programs that are verified for one function, hook or type of the kernel.</summary>
internal static class TracingChecks
{
    private const int GetpgidNumber = 121, Exdev = 18, Eperm = 1;
    private const string Functions = "Kernel functions", Security = "Security", Iterators = "Iterators";

    public static IEnumerable<Check> All =>
    [
        new("fentry", Functions, "fentry", "program ran at each call", _ => OnCall("fentry/__x64_sys_getpgid", "")) { Features = ["attach trace_fentry"], IsGuestOnly = true },
        new("fentry-cookie", Functions, "fentry with cookie", "cookie read", _ => OnCall("fentry/__x64_sys_getpgid", "        r1 = r6\n        call bpf_get_attach_cookie\n" + Witness.Note(1, "r0"), 77)) { Features = ["attach trace_fentry", "other tracing_cookie"], IsGuestOnly = true },
        new("fexit", Functions, "fexit", "returned value seen", _ => OnCall("fexit/__x64_sys_getpgid", "        r3 = *(u64 *)(r6 + 8)\n" + Witness.Note(1, "r3"))) { Features = ["attach trace_fexit"], IsGuestOnly = true },
        new("fentry-module", Functions, "fentry in a module", "program loaded for the module's function and attached", _ => InModule()) { Features = ["attach trace_fentry"], IsGuestOnly = true },
        new("fmod-ret", Functions, "fmod_ret", "call refused with the program's error", _ => Refuses("fmod_ret/security_inode_mkdir", Exdev)) { Features = ["attach modify_return"], IsGuestOnly = true },
        new("lsm", Security, "LSM hook", "call refused", _ => Refuses("lsm/inode_mkdir", Eperm)) { Features = ["attach lsm_mac"], IsGuestOnly = true },
        new("iter-task", Iterators, "iterator over tasks", "this task read from the stream", _ => Tasks()) { Features = ["attach trace_iter"] },
        new("iter-map-elem", Iterators, "iterator over a map's elements", "keys and values read from the stream", _ => Elements()) { Features = ["attach trace_iter"] },
    ];

    private static void OnCall(string section, string more, ulong cookie = 0)
    {
        using Witness witness = Witness.OfThisThread(section, more);
        int group = 0;
        using (witness.Program.AttachTracing(cookie))
        {
            for (int i = 0; i < 3; i++)
                group = (int)Syscall(GetpgidNumber);
            Same(3UL, witness[0], "runs");
            if (cookie != 0)
                Same(cookie, witness[1], "cookie");
            else if (more.Length > 0)
                Same((ulong)group, witness[1], "returned");
        }
        _ = Syscall(GetpgidNumber);
        Same(3UL, witness[0], "runs after the link was disposed");
    }

    private static void InModule()
    {
        KernelBtf kernel = KernelBtf.TryOpen(out string reason) ?? throw new CheckException(reason);
        That(kernel.Modules.Contains("veth"), "the module veth has no types");
        using Witness witness = Witness.Load("fentry/veth:veth_open", $"{Witness.Count}\n        r0 = 0\n        exit");
        using (witness.Program.AttachTracing())
            NetworkLab.WithPair(_ => { });
        Same(2UL, witness[0], "ends that were opened");
    }

    /// <summary>A folder is refused as long as the program is attached, and not any longer.</summary>
    private static void Refuses(string section, int errno)
    {
        string folder = Path.Combine(Path.GetTempPath(), $"hachi-{Environment.ProcessId}-{errno}");
        using Witness witness = Witness.Load(section, $"""
                    call bpf_get_current_pid_tgid
                    if w0 != {Witness.ThreadId} goto out
            {Witness.Count}
                    r0 = {-errno}
                    exit
            out:    r0 = 0
                    exit
            """);
        using (witness.Program.AttachTracing())
        {
            int result = MakeFolder(folder, 0x1c0);
            int said = Marshal.GetLastPInvokeError();
            if (result == 0)
                RemoveFolder(folder);
            Same((-1, errno), (result, result == 0 ? 0 : said), "mkdir");
            Same(1UL, witness[0], "runs");
        }
        Same(0, MakeFolder(folder, 0x1c0), "mkdir after the link was disposed");
        RemoveFolder(folder);
    }

    private static void Tasks()
    {
        BtfTypes types = (KernelBtf.TryOpen(out string reason) ?? throw new CheckException(reason)).Types;
        That(types.TryFindMember(types.Find(BtfKind.Struct, "task_struct"), "pid", out BtfMember member), "task_struct has no pid");
        // struct bpf_iter__task: meta, task; struct bpf_iter_meta: seq
        using Witness witness = Witness.Load("iter/task", $"""
                    r1 = *(u64 *)(r6 + 8)
                    if r1 == 0 goto out
                    r3 = *(u32 *)(r1 + {member.BitOffset / 8})
                    *(u64 *)(r10 - 8) = r3
                    r1 = *(u64 *)(r6 + 0)
                    r1 = *(u64 *)(r1 + 0)
                    r2 = r10
                    r2 += -8
                    r3 = 8
                    call bpf_seq_write
            out:    r0 = 0
                    exit
            """);
        using (BpfLink link = witness.Program.AttachIterator())
            That(Read(link).Contains((ulong)Witness.ThreadId), "this thread is not among the tasks");
        if (Kernel >= new Version(6, 1))
            using (BpfLink link = witness.Program.AttachIterator(IteratorTarget.Task(Witness.ThreadId)))
                Same(((ulong)Witness.ThreadId).ToString(null, null), string.Join(' ', Read(link)), "the one task");
    }

    private static void Elements()
    {
        // struct bpf_iter__bpf_map_elem: meta, map, key, value
        using Witness witness = Witness.Load("iter/bpf_map_elem", """
                    r1 = *(u64 *)(r6 + 24)
                    if r1 == 0 goto out
                    r3 = *(u64 *)(r1 + 0)
                    *(u64 *)(r10 - 8) = r3
                    r1 = *(u64 *)(r6 + 0)
                    r1 = *(u64 *)(r1 + 0)
                    r2 = r10
                    r2 += -8
                    r3 = 8
                    call bpf_seq_write
            out:    r0 = 0
                    exit
            """, ".map few hash key 4 value 8 entries 8");
        Map few = witness.Map("few");
        for (byte i = 1; i <= 5; i++)
            few.Set([i, 0, 0, 0], BitConverter.GetBytes(i * 100UL));
        using BpfLink link = witness.Program.AttachIterator(IteratorTarget.Elements(few));
        Same("100 200 300 400 500", string.Join(' ', Read(link).Order()), "values");
        Same("100 200 300 400 500", string.Join(' ', Read(link).Order()), "values, read once more");
    }

    private static List<ulong> Read(BpfLink link)
    {
        using Stream stream = link.OpenIterator();
        var all = new MemoryStream();
        stream.CopyTo(all);
        var words = new List<ulong>();
        for (int at = 0; at + 8 <= all.Length; at += 8)
            words.Add(BinaryPrimitives.ReadUInt64LittleEndian(all.GetBuffer().AsSpan(at)));
        return words;
    }
}
