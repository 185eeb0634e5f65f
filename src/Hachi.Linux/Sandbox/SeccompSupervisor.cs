using System.Text;
using Hachi.Isa;
using Hachi.Linux.Sys;
using Hachi.Uapi;
using Hachi.Vm.Seccomp;

namespace Hachi.Linux.Sandbox;

/// <summary>A call that the filter did not allow.</summary>
/// <param name="Pid">The thread that made it.</param>
/// <param name="Data">The call.</param>
/// <param name="Action">What the filter answers.</param>
/// <param name="Strings">Text that arguments pointed to when the call was looked at, by argument. Not to be trusted: the process can change it at any time.</param>
public sealed record DeniedCall(int Pid, SeccompData Data, SeccompAction Action, IReadOnlyDictionary<int, string> Strings);

/// <summary>Runs a process under a filter and hears of every call that the filter does not allow; the caller gets the filter's answer. Never lets one go on.</summary>
public sealed class SeccompSupervisor
{
    private const int StringBytesMax = 256;

    private readonly ClassicProgram _program;

    /// <summary>A supervisor for a filter.</summary>
    /// <param name="program">The filter.</param>
    /// <param name="onlyNotified">Whether it hears of the calls only that the filter itself notifies of (SECCOMP_RET_USER_NOTIF), and not of all that are denied.</param>
    public SeccompSupervisor(ClassicProgram program, bool onlyNotified = false)
    {
        ArgumentNullException.ThrowIfNull(program);
        _program = program;
        Filter = program;
        if (onlyNotified)
            return;
        var insns = program.Insns.ToArray();
        for (int i = 0; i < insns.Length; i++)
            if (insns[i].Code == (ClassicOpcode.Ret | ClassicOpcode.K) && !new SeccompAction(insns[i].K).Permits)
                insns[i] = insns[i] with { K = (uint)SeccompActionKind.UserNotif };
        Filter = new ClassicProgram(insns);
    }

    /// <summary>Whether a filter notifies of calls: without a supervisor they fail with ENOSYS.</summary>
    public static bool IsNeeded(ClassicProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        foreach (ClassicInsn insn in program.Insns)
            if (insn.Code == (ClassicOpcode.Ret | ClassicOpcode.K) && new SeccompAction(insn.K).Kind == SeccompActionKind.UserNotif)
                return true;
        return false;
    }

    /// <summary>The filter that the process has to run under: what is not allowed is asked for.</summary>
    public ClassicProgram Filter { get; }

    /// <summary>Answers until the process and its descendants have ended.</summary>
    /// <param name="process">Started with <see cref="Filter"/> and a listener.</param>
    /// <param name="denied">Told of each call, before it is answered.</param>
    /// <returns>The exit status of the process.</returns>
    public int Run(SandboxedProcess process, Action<DeniedCall> denied)
    {
        ArgumentNullException.ThrowIfNull(process);
        ArgumentNullException.ThrowIfNull(denied);
        SeccompListener listener = process.Listener ?? throw new ArgumentException("the process has no listener", nameof(process));
        while (!listener.IsOver)
        {
            if (!listener.TryReceive(null, out SeccompNotification notification))
                continue;
            SeccompAction action = SeccompInterpreter.Run(_program, notification.Data);
            IReadOnlyDictionary<int, string> strings = Strings(notification);
            if (!listener.IsValid(notification)) // gone while we looked; what was read may be another process's
                continue;
            denied(new DeniedCall(notification.Pid, notification.Data, action, strings));
            Answer(listener, notification, action);
        }
        return process.Wait();
    }

    private static void Answer(SeccompListener listener, in SeccompNotification notification, SeccompAction action)
    {
        switch (action.Kind)
        {
            case SeccompActionKind.Errno:
                listener.Fail(notification, action.ErrnoSeen);
                break;
            case SeccompActionKind.KillProcess or SeccompActionKind.KillThread or SeccompActionKind.Trap:
                SeccompCalls.Call(SeccompCalls.Number("kill"), notification.Pid, SeccompCalls.SigSys);
                listener.Fail(notification, SeccompCalls.Enosys);
                break;
            default: // nobody traces, nobody else supervises
                listener.Fail(notification, SeccompCalls.Enosys);
                break;
        }
    }

    private static unsafe Dictionary<int, string> Strings(in SeccompNotification notification)
    {
        var strings = new Dictionary<int, string>();
        SeccompData data = notification.Data;
        if (SeccompArchitectures.Of(data.Architecture, data.Number) is not { } architecture || architecture == SeccompArchitecture.X32
            || SyscallTable.Of(architecture).Find((int)data.Number)?.Arguments is not { } arguments)
            return strings;
        byte* buffer = stackalloc byte[StringBytesMax];
        long* local = stackalloc long[2];
        long* remote = stackalloc long[2];
        for (int i = 0; i < arguments.Count; i++)
        {
            if (arguments[i].Type is not "const char *" || data.Arguments[i] == 0)
                continue;
            (local[0], local[1], remote[0], remote[1]) = ((long)buffer, StringBytesMax, (long)data.Arguments[i], StringBytesMax);
            // At the end of a mapping only what is there is read.
            nint read = SeccompCalls.Call(SeccompCalls.Number("process_vm_readv"), notification.Pid, (nint)local, 1, (nint)remote, 1);
            if (read < 0)
            {
                local[1] = remote[1] = 4096 - (remote[0] & 4095) is var rest && rest < StringBytesMax ? rest : StringBytesMax;
                read = SeccompCalls.Call(SeccompCalls.Number("process_vm_readv"), notification.Pid, (nint)local, 1, (nint)remote, 1);
            }
            if (read <= 0)
                continue;
            var bytes = new ReadOnlySpan<byte>(buffer, (int)read);
            int end = bytes.IndexOf((byte)0);
            strings[i] = Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]) + (end < 0 ? "..." : "");
        }
        return strings;
    }
}
