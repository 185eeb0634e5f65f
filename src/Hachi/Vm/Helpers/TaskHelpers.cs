using System.Runtime.InteropServices;
using System.Text;
using Hachi.Uapi;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Helpers;

/// <summary>Helpers about the current task, which is what <see cref="VmHost.Task"/> says it is.</summary>
internal static unsafe class TaskHelpers
{
    private const HelperPlaces Places = HelperPlaces.All;

    public static void Register(RegisterHelper add)
    {
        add(Helper.GetCurrentPidTgid, Places, static (ref HelperFrame f) => (ulong)f.Session.Host.Task.Tgid << 32 | f.Session.Host.Task.Pid);
        add(Helper.GetCurrentUidGid, Places, static (ref HelperFrame f) => (ulong)f.Session.Host.Task.Gid << 32 | f.Session.Host.Task.Uid);
        add(Helper.GetCurrentTask, Places, static (ref HelperFrame f) => f.Session.Host.Task.Address);
        add(Helper.GetCurrentCgroupId, Places, static (ref HelperFrame f) => f.Session.Host.Task.CgroupId);
        add(Helper.GetCurrentComm, Places, Comm);
        add(Helper.ProbeRead, Places, static (ref HelperFrame f) => Read(ref f, isUser: false));
        add(Helper.ProbeReadKernel, Places, static (ref HelperFrame f) => Read(ref f, isUser: false));
        add(Helper.ProbeReadUser, Places, static (ref HelperFrame f) => Read(ref f, isUser: true));
        add(Helper.CopyFromUser, Places, static (ref HelperFrame f) => Read(ref f, isUser: true));
        add(Helper.ProbeReadStr, Places, static (ref HelperFrame f) => ReadText(ref f, isUser: false));
        add(Helper.ProbeReadKernelStr, Places, static (ref HelperFrame f) => ReadText(ref f, isUser: false));
        add(Helper.ProbeReadUserStr, Places, static (ref HelperFrame f) => ReadText(ref f, isUser: true));
        add(Helper.GetStackid, HelperPlaces.Tracing | HelperPlaces.Plain, StackId);
        add(Helper.GetStack, HelperPlaces.Tracing | HelperPlaces.Plain, Stack);
    }

    private static ulong Comm(ref HelperFrame f)
    {
        Span<byte> all = f.Bytes(0);
        byte[] name = Encoding.UTF8.GetBytes(f.Session.Host.Task.Comm);
        int length = Math.Min(name.Length, Math.Min(15, all.Length - 1));
        all.Clear();
        name.AsSpan(0, length).CopyTo(all);
        return 0;
    }

    // An address may lie in the task's memory or be one of the program's own.
    private static bool TryRead(ref HelperFrame f, ulong address, Span<byte> to, bool isUser)
    {
        if (!f.Call.TryTranslate(address, (ulong)to.Length, isWrite: false, out byte* host) || host == null)
            return f.Session.Host.Task.TryRead(address, to, isUser);
        new ReadOnlySpan<byte>(host, to.Length).CopyTo(to);
        return true;
    }

    private static ulong Read(ref HelperFrame f, bool isUser)
    {
        Span<byte> to = f.Bytes(0);
        if (to.Length == 0 || TryRead(ref f, f[2], to, isUser))
            return 0;
        to.Clear();
        return unchecked((ulong)-KernelError.Fault);
    }

    private static ulong ReadText(ref HelperFrame f, bool isUser)
    {
        Span<byte> to = f.Bytes(0);
        for (int i = 0; i < to.Length; i++)
        {
            if (!TryRead(ref f, f[2] + (uint)i, to.Slice(i, 1), isUser))
            {
                to.Clear();
                return unchecked((ulong)-KernelError.Fault);
            }
            if (to[i] == 0)
                return (ulong)i + 1;
        }
        if (to.Length > 0)
            to[^1] = 0;
        return (ulong)to.Length;
    }

    private static ReadOnlySpan<ulong> Frames(ref HelperFrame f, ulong flags)
    {
        VmTask task = f.Session.Host.Task;
        IReadOnlyList<ulong> all = (flags & StackTraceMap.UserStack) != 0 ? task.UserStack : task.KernelStack;
        return all.Skip((int)(flags & StackTraceMap.SkipMask)).ToArray();
    }

    private static ulong StackId(ref HelperFrame f)
    {
        if (f.Map is not StackTraceMap stacks)
            return f.Refuse($"map '{f.Map.Spec.Name}' holds no stack traces");
        ulong flags = f[2];
        if ((flags & ~(StackTraceMap.SkipMask | StackTraceMap.UserStack | StackTraceMap.FastCompare | StackTraceMap.Reuse)) != 0)
            return unchecked((ulong)-KernelError.Inval);
        return MapHelpers.Give(stacks.Store(Frames(ref f, flags), flags));
    }

    private static ulong Stack(ref HelperFrame f)
    {
        ulong flags = f[3];
        Span<byte> to = f.Bytes(1);
        if ((flags & ~(StackTraceMap.SkipMask | StackTraceMap.UserStack)) != 0 || to.Length % 8 != 0)
        {
            to.Clear();
            return unchecked((ulong)-KernelError.Inval);
        }
        ReadOnlySpan<byte> frames = MemoryMarshal.AsBytes(Frames(ref f, flags));
        if (frames.Length == 0 && to.Length > 0)
        {
            to.Clear();
            return unchecked((ulong)-KernelError.Fault);
        }
        int length = Math.Min(frames.Length, to.Length);
        frames[..length].CopyTo(to);
        to[length..].Clear();
        return (ulong)length;
    }
}
