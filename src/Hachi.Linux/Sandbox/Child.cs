using System.Runtime.CompilerServices;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Sandbox;

/// <summary>
/// What happens between fork and execve. The child is a copy of this process with one thread: no collector, no compiler, no locks may be needed any more.
/// So this is one method, compiled before it runs, that touches native memory and makes raw system calls, and nothing else.
/// </summary>
internal static unsafe class Child
{
    private const int SignalSetBytes = 8, SigSetMask = 2, Failed = 127;

    /// <summary>Forks. Returns in the parent only: the child's id, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static nint Fork(ChildData* data)
    {
        SharedState* shared = data->Shared;
        shared->Started = 0;
        shared->Step = ChildStep.None;
        shared->Errno = 0;
        int* error = SeccompCalls.ErrnoLocation();
        nint pid = SeccompCalls.Raw(data->Clone, data->CloneFlags);
        if (pid != 0)
            return pid;
        shared->Started = 1;
        // The runtime ignores SIGPIPE, which a new program would inherit, and may have signals blocked.
        SeccompCalls.Raw(data->Sigaction, SeccompCalls.SigPipe, (nint)data->DefaultAction, 0, SignalSetBytes);
        SeccompCalls.Raw(data->Sigprocmask, SigSetMask, (nint)data->NoSignals, 0, SignalSetBytes);
        bool isRefused = false;
        if (data->GroupId >= 0)
            isRefused = SeccompCalls.Raw(data->Setgroups, 0, 0) != 0 || SeccompCalls.Raw(data->Setresgid, data->GroupId, data->GroupId, data->GroupId) != 0;
        if (data->UserId >= 0 && !isRefused)
            isRefused = SeccompCalls.Raw(data->Setresuid, data->UserId, data->UserId, data->UserId) != 0;
        if (isRefused)
            goto fail;
        shared->Step = ChildStep.User;
        if (data->Filter != null)
        {
            if (SeccompCalls.Raw(data->Prctl, SeccompCalls.PrSetNoNewPrivs, 1) != 0)
                goto fail;
            nint listener = SeccompCalls.Raw(data->Seccomp, SeccompCalls.SetModeFilter, data->FilterFlags, (nint)data->Filter);
            if (listener < 0)
                goto fail;
            shared->Listener = (int)listener;
        }
        Volatile.Write(ref shared->Step, ChildStep.Filtered);
        SeccompCalls.Raw(data->Execve, (nint)data->Path, (nint)data->Arguments, (nint)data->Environment);
    fail:
        Volatile.Write(ref shared->Errno, *error == 0 ? 1 : *error);
        SeccompCalls.Raw(data->ExitGroup, Failed);
        for (; ; ) // exit_group is not allowed either: the parent ends it
        {
        }
    }
}
