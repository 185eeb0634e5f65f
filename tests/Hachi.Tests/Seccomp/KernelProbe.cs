using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Tests.Seccomp;

/// <summary>
/// Asks the running kernel what a filter answers: a forked child installs it and makes the calls. Every return is replaced by an errno of its own first, so that no
/// call is ever executed and the child survives all of them; it cannot even end itself, and is killed.
/// </summary>
internal static unsafe class KernelProbe
{
    public const int ErrnoBase = 4000;

    private const int SharedHeader = 16;

    [StructLayout(LayoutKind.Sequential)]
    private struct Plan
    {
        public int* Shared; // [0] started, [1] error, [2] answered; results from SharedHeader on
        public long* Calls; // eight words each: number, six arguments, spare
        public int Count;
        public nint Clone, Prctl, Seccomp;
        public SeccompCalls.SockFprog Filter;
    }

    /// <summary>The filter with an errno for each of its returns; what each errno stands for goes to <paramref name="meanings"/>.</summary>
    public static ClassicProgram Harmless(ClassicProgram program, List<SeccompAction> meanings)
    {
        ClassicInsn[] insns = program.Insns.ToArray();
        for (int i = 0; i < insns.Length; i++)
        {
            if (insns[i].Code != (ClassicOpcode.Ret | ClassicOpcode.K))
                continue;
            var action = new SeccompAction(insns[i].K);
            if (!meanings.Contains(action))
                meanings.Add(action);
            insns[i] = insns[i] with { K = SeccompAction.Errno(ErrnoBase + meanings.IndexOf(action)).Value };
        }
        return new ClassicProgram(insns);
    }

    /// <summary>The kernel's answers to calls of x86_64 and x32, in order.</summary>
    public static SeccompAction[] Ask(ClassicProgram program, IReadOnlyList<SeccompData> calls)
    {
        var meanings = new List<SeccompAction>();
        ClassicInsn[] insns = Harmless(program, meanings).Insns.ToArray();
        int bytes = ((SharedHeader + calls.Count) * sizeof(int) + 4095) & ~4095;
        nint shared = SeccompCalls.Call(SeccompCalls.Number("mmap"), 0, bytes, 3, 0x21, -1);
        Assert.NotEqual(-1, shared);
        long* words = (long*)NativeMemory.AllocZeroed((nuint)calls.Count, 64);
        ClassicInsn* filter = (ClassicInsn*)NativeMemory.Alloc((nuint)insns.Length, (nuint)sizeof(ClassicInsn));
        try
        {
            insns.CopyTo(new Span<ClassicInsn>(filter, insns.Length));
            for (int i = 0; i < calls.Count; i++)
            {
                words[8 * i] = calls[i].Number;
                for (int a = 0; a < SeccompData.ArgumentsMax; a++)
                    words[(8 * i) + 1 + a] = (long)calls[i].Arguments[a];
            }
            var plan = new Plan
            {
                Shared = (int*)shared,
                Calls = words,
                Count = calls.Count,
                Clone = SeccompCalls.Number("clone"),
                Prctl = SeccompCalls.Number("prctl"),
                Seccomp = SeccompCalls.Number("seccomp"),
                Filter = new SeccompCalls.SockFprog { Length = (ushort)insns.Length, Filter = filter },
            };
            Run(&plan);
            var answers = new SeccompAction[calls.Count];
            for (int i = 0; i < answers.Length; i++)
            {
                int errno = ((int*)shared)[SharedHeader + i];
                Assert.True(errno >= ErrnoBase && errno < ErrnoBase + meanings.Count, $"{calls[i]}: the call came back with {errno}");
                answers[i] = meanings[errno - ErrnoBase];
            }
            return answers;
        }
        finally
        {
            NativeMemory.Free(words);
            NativeMemory.Free(filter);
            SeccompCalls.Call(SeccompCalls.Number("munmap"), shared, bytes);
        }
    }

    private static void Run(Plan* plan)
    {
        SeccompCalls.Warm();
        for (int attempt = 0; attempt < 5; attempt++)
        {
            nint pid = Fork(plan);
            Assert.True(pid > 0);
            int last = -1;
            DateTime moved = DateTime.UtcNow;
            while (Volatile.Read(ref plan->Shared[2]) < plan->Count && plan->Shared[1] == 0 && DateTime.UtcNow - moved < TimeSpan.FromSeconds(10))
            {
                if (plan->Shared[2] != last)
                    (last, moved) = (plan->Shared[2], DateTime.UtcNow);
                Thread.Sleep(1);
            }
            SeccompCalls.Call(SeccompCalls.Number("kill"), pid, SeccompCalls.SigKill);
            int status;
            SeccompCalls.Call(SeccompCalls.Number("wait4"), pid, (nint)(&status));
            Assert.True(plan->Shared[1] == 0, $"the filter was not installed: errno {plan->Shared[1]}");
            if (plan->Shared[2] == plan->Count)
                return;
        }
        Assert.Fail("the child did not answer");
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static nint Fork(Plan* plan)
    {
        int* shared = plan->Shared;
        shared[2] = 0;
        int* error = SeccompCalls.ErrnoLocation();
        nint pid = SeccompCalls.Raw(plan->Clone, SeccompCalls.SigChld);
        if (pid != 0)
            return pid;
        if (SeccompCalls.Raw(plan->Prctl, SeccompCalls.PrSetNoNewPrivs, 1) != 0 || SeccompCalls.Raw(plan->Seccomp, SeccompCalls.SetModeFilter, 0, (nint)(&plan->Filter)) != 0)
        {
            shared[1] = *error;
            for (; ; )
            {
            }
        }
        long* call = plan->Calls;
        for (int i = 0; i < plan->Count; i++, call += 8)
        {
            nint result = SeccompCalls.Raw((nint)call[0], (nint)call[1], (nint)call[2], (nint)call[3], (nint)call[4], (nint)call[5], (nint)call[6]);
            shared[SharedHeader + i] = result == -1 ? *error : -2;
            Volatile.Write(ref shared[2], i + 1);
        }
        for (; ; ) // every way to end is closed
        {
        }
    }
}
