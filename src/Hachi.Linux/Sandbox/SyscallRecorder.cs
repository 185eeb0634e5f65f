using Hachi.Isa;
using Hachi.Uapi;

namespace Hachi.Linux.Sandbox;

/// <summary>Watches which system calls a process and all its descendants make. Needs no privilege: the calls are let go on, one by one.</summary>
public sealed class SyscallRecorder
{
    private const int NumbersMax = 1024;

    private readonly long[][] _plain = new long[4][];
    private readonly byte[][] _kept = new byte[4][];
    private readonly Dictionary<SeccompData, long> _others = [];

    /// <summary>A recorder.</summary>
    /// <param name="arguments">Calls whose arguments are to be told apart, by name, and which of them (bit 0: the first); all others are recorded without.</param>
    public SyscallRecorder(IReadOnlyDictionary<string, byte> arguments)
    {
        foreach (SeccompArchitecture architecture in SeccompArchitectures.All)
        {
            _plain[(int)architecture] = new long[NumbersMax];
            byte[] kept = _kept[(int)architecture] = new byte[NumbersMax];
            foreach ((string name, byte mask) in arguments)
                if (SyscallTable.Of(architecture).Find(name) is { Number: < NumbersMax } call)
                    kept[call.Number] = mask;
        }
    }

    /// <summary>The filter that the process has to run under: it asks for every call.</summary>
    public static ClassicProgram Filter { get; } = new([new ClassicInsn(ClassicOpcode.Ret | ClassicOpcode.K, (uint)SeccompActionKind.UserNotif)]);

    /// <summary>Calls that were seen, in all.</summary>
    public long Count { get; private set; }

    /// <summary>What was seen: each call once, arguments that are not told apart 0, and how often.</summary>
    public IEnumerable<(SeccompData Call, long Count)> Calls
    {
        get
        {
            foreach (SeccompArchitecture architecture in SeccompArchitectures.All)
                for (int number = 0; number < NumbersMax; number++)
                    if (_plain[(int)architecture][number] is > 0 and var count)
                        yield return (SeccompData.Of(architecture, number), count);
            foreach ((SeccompData call, long count) in _others)
                yield return (call, count);
        }
    }

    /// <summary>Lets a process run to its end, and that of its descendants.</summary>
    /// <param name="process">Started with <see cref="Filter"/> and a listener.</param>
    /// <param name="stop">Ends the process early.</param>
    /// <returns>Its exit status.</returns>
    public int Watch(SandboxedProcess process, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(process);
        SeccompListener listener = process.Listener ?? throw new ArgumentException("the process has no listener", nameof(process));
        using CancellationTokenRegistration registration = stop.Register(process.Kill);
        while (!listener.IsOver)
        {
            if (!listener.TryReceive(null, out SeccompNotification notification))
                continue;
            Record(notification.Data);
            listener.LetContinue(notification);
        }
        return process.Wait();
    }

    private void Record(in SeccompData data)
    {
        Count++;
        SeccompArchitecture? architecture = SeccompArchitectures.Of(data.Architecture, data.Number);
        uint number = architecture == SeccompArchitecture.X32 ? data.Number & ~SeccompArchitectures.X32Bit : data.Number;
        byte kept = architecture is { } known && number < NumbersMax ? _kept[(int)known][number] : (byte)0;
        if (kept == 0 && architecture is { } plain && number < NumbersMax)
        {
            _plain[(int)plain][number]++;
            return;
        }
        SeccompArguments arguments = default;
        for (int i = 0; i < SeccompData.ArgumentsMax; i++)
            arguments[i] = (kept >> i & 1) != 0 ? data.Arguments[i] : 0;
        SeccompData key = data with { InstructionPointer = 0, Arguments = arguments };
        _others[key] = _others.GetValueOrDefault(key) + 1;
    }
}
