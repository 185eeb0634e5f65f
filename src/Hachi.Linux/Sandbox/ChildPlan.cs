using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Sandbox;

/// <summary>How far a child has come.</summary>
internal static class ChildStep
{
    public const int None = 0, User = 1, Filtered = 2;
}

/// <summary>What child and parent both see.</summary>
internal struct SharedState
{
    public int Started, Step, Errno, Listener;
}

/// <summary>All that a child needs, outside of the collector's reach.</summary>
internal unsafe struct ChildData
{
    public SharedState* Shared;
    public byte* Path;
    public byte** Arguments, Environment;
    public SeccompCalls.SockFprog* Filter;
    public nint CloneFlags, FilterFlags, UserId, GroupId;
    public nint Clone, Sigaction, Sigprocmask, Setgroups, Setresgid, Setresuid, Prctl, Seccomp, Execve, ExitGroup;
    public ulong* NoSignals, DefaultAction;
}

/// <summary>Lays out a <see cref="ChildData"/> in native memory.</summary>
internal sealed unsafe class ChildPlan : IDisposable
{
    private const int PageBytes = 4096, ProtReadWrite = 3, MapSharedAnonymous = 0x21;

    private readonly List<nint> _memory = [];

    public ChildPlan(SandboxStart start)
    {
        Data = (ChildData*)Allocate(sizeof(ChildData));
        nint page = SeccompCalls.Call(SeccompCalls.Number("mmap"), 0, PageBytes, ProtReadWrite, MapSharedAnonymous, -1, 0);
        if (page == -1)
            throw new SandboxException("mmap", SeccompCalls.LastError, "no memory");
        Data->Shared = (SharedState*)page;
        Data->Path = Text(start.Path);
        Data->Arguments = Texts(start.Arguments);
        Data->Environment = Texts([.. Variables()]);
        Data->UserId = start.UserId ?? -1;
        Data->GroupId = start.GroupId ?? -1;
        Data->CloneFlags = SeccompCalls.SigChld | (start.Listens ? SeccompCalls.CloneFiles : 0);
        Data->NoSignals = (ulong*)Allocate(sizeof(ulong));
        Data->DefaultAction = (ulong*)Allocate(4 * sizeof(ulong)); // struct sigaction of the kernel: SIG_DFL, no flags
        SetNumbers();
        if (start.Filter is null)
            return;
        Data->FilterFlags = (nint)((start.Listens ? SeccompCalls.FlagNewListener | SeccompCalls.FlagWaitKillable : 0) | (start.LogsDenied ? SeccompCalls.FlagLog : 0));
        Data->Filter = (SeccompCalls.SockFprog*)Allocate(sizeof(SeccompCalls.SockFprog));
        Data->Filter->Length = (ushort)start.Filter.Length;
        Data->Filter->Filter = (ClassicInsn*)Allocate(start.Filter.Length * sizeof(ClassicInsn));
        start.Filter.Insns.CopyTo(new Span<ClassicInsn>(Data->Filter->Filter, start.Filter.Length));
    }

    public ChildData* Data { get; }

    public void Dispose()
    {
        if (_memory.Count == 0)
            return;
        SeccompCalls.Call(SeccompCalls.Number("munmap"), (nint)Data->Shared, PageBytes);
        foreach (nint block in _memory)
            NativeMemory.Free((void*)block);
        _memory.Clear();
    }

    private void SetNumbers()
    {
        Data->Clone = SeccompCalls.Number("clone");
        Data->Sigaction = SeccompCalls.Number("rt_sigaction");
        Data->Sigprocmask = SeccompCalls.Number("rt_sigprocmask");
        Data->Setgroups = SeccompCalls.Number("setgroups");
        Data->Setresgid = SeccompCalls.Number("setresgid");
        Data->Setresuid = SeccompCalls.Number("setresuid");
        Data->Prctl = SeccompCalls.Number("prctl");
        Data->Seccomp = SeccompCalls.Number("seccomp");
        Data->Execve = SeccompCalls.Number("execve");
        Data->ExitGroup = SeccompCalls.Number("exit_group");
    }

    private static IEnumerable<string> Variables()
    {
        foreach (System.Collections.DictionaryEntry row in Environment.GetEnvironmentVariables())
            yield return $"{row.Key}={row.Value}";
    }

    private void* Allocate(int bytes)
    {
        void* block = NativeMemory.AllocZeroed((nuint)bytes);
        _memory.Add((nint)block);
        return block;
    }

    private byte* Text(string text)
    {
        int count = System.Text.Encoding.UTF8.GetByteCount(text);
        byte* bytes = (byte*)Allocate(count + 1);
        System.Text.Encoding.UTF8.GetBytes(text, new Span<byte>(bytes, count));
        return bytes;
    }

    private byte** Texts(IReadOnlyList<string> texts)
    {
        byte** all = (byte**)Allocate((texts.Count + 1) * sizeof(byte*));
        for (int i = 0; i < texts.Count; i++)
            all[i] = Text(texts[i]);
        return all;
    }
}
