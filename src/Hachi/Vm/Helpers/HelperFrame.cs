using Hachi.Uapi;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Helpers;

/// <summary>What a helper does with arguments that were checked against its prototype.</summary>
internal delegate ulong FrameBody(ref HelperFrame frame);

/// <summary>The arguments of one call of a helper, checked against its prototype: memory arguments as host addresses, maps as maps.</summary>
internal unsafe struct HelperFrame
{
    private const ulong BytesMax = 1 << 29;

    private fixed ulong _host[5];
    private fixed int _bytes[5];

    /// <summary>The running program.</summary>
    public readonly Invocation Call;

    /// <summary>What helpers keep for it.</summary>
    public readonly HelperSession Session;

    /// <summary>The map among the arguments.</summary>
    public VmMap Map = null!;

    private HelperFrame(Invocation call)
    {
        Call = call;
        Session = call.Session;
    }

    /// <summary>Argument n, from 0, as the program gave it.</summary>
    public readonly ulong this[int n] => Call.State->Arguments[n];

    /// <summary>The memory that argument n points to; null where it may be null and is.</summary>
    public readonly byte* Host(int n) => (byte*)_host[n];

    /// <summary>The same with its size.</summary>
    public readonly Span<byte> Bytes(int n) => new((byte*)_host[n], _bytes[n]);

    /// <summary>Whether the run has stopped.</summary>
    public readonly bool IsFaulted => Call.State->Fault != 0;

    /// <summary>Calls a body when the arguments are what the prototype wants; otherwise notes a fault.</summary>
    public static ulong Invoke(HelperPrototype prototype, FrameBody body, Invocation call)
    {
        var frame = new HelperFrame(call);
        long fuel = 0;
        for (int n = 0; n < prototype.Arguments.Length; n++)
            if (!frame.Check(prototype, n, ref fuel))
                return 0;
        return fuel > 0 && !call.Charge(fuel / 8 + 1, call.State->HelperInsn) ? 0 : body(ref frame);
    }

    /// <summary>Stops the program: an argument is nothing that the helper can work on.</summary>
    public readonly ulong Refuse(string text) => Call.SetFault(FaultReason.HelperArgument, Call.State->HelperInsn, text);

    /// <summary>Takes fuel for work that only the body knows of.</summary>
    public readonly bool Charge(long units) => Call.Charge(units, Call.State->HelperInsn);

    private bool Check(HelperPrototype prototype, int n, ref long fuel)
    {
        HelperArgument argument = prototype.Arguments[n];
        ulong value = this[n];
        bool isWrite = (argument.Flags & (ArgumentFlags.Write | ArgumentFlags.Uninit)) != 0;
        switch (argument.Kind)
        {
            case ArgumentKind.MapPointer:
                if (Session.MapOf(value) is { } map)
                    Map = map;
                else
                    return Wrong(prototype, n, "no map");
                return true;
            case ArgumentKind.MapKey:
                return Memory(n, (ulong)Map.KeySize, isWrite, ref fuel);
            case ArgumentKind.MapValue:
                return (argument.Flags & ArgumentFlags.MaybeNull) != 0 && value == 0 || Memory(n, (ulong)Map.ValueSize, isWrite, ref fuel);
            case ArgumentKind.Mem when argument.SizeBytes > 0:
                return Memory(n, (ulong)argument.SizeBytes, isWrite, ref fuel);
            case ArgumentKind.Mem:
                return Sized(prototype, n, isWrite, ref fuel);
            case ArgumentKind.ConstStr:
                return Text(prototype, n, ref fuel);
            case ArgumentKind.SpinLock:
                return Memory(n, 4, isWrite: true, ref fuel);
            case ArgumentKind.Dynptr:
                return Memory(n, 16, isWrite: true, ref fuel);
            case ArgumentKind.Ctx:
                return value == Region.AddressOf(Region.Context, 0) || value == 0 && (argument.Flags & ArgumentFlags.MaybeNull) != 0 || Wrong(prototype, n, "not the context");
            case ArgumentKind.Func:
                return Handle.FunctionStart(value) >= 0 || Wrong(prototype, n, "no function");
            default:
                return true;
        }
    }

    private bool Sized(HelperPrototype prototype, int n, bool isWrite, ref long fuel)
    {
        ulong size = n + 1 < prototype.Arguments.Length ? this[n + 1] : 0;
        if (size > BytesMax)
            return Wrong(prototype, n + 1, $"too large a size ({size})");
        if (size == 0)
            return prototype.Arguments[n + 1].Kind == ArgumentKind.SizeOrZero || Wrong(prototype, n + 1, "a size of 0");
        return Memory(n, size, isWrite, ref fuel);
    }

    private bool Memory(int n, ulong size, bool isWrite, ref long fuel)
    {
        fuel += (long)size;
        ulong address = this[n];
        if (Call.TryTranslate(address, size, isWrite, out byte* host))
        {
            _host[n] = (ulong)host;
            _bytes[n] = (int)size;
            return true;
        }
        Call.SetFault(isWrite ? FaultReason.WriteOutOfBounds : FaultReason.ReadOutOfBounds, Call.State->HelperInsn, null, address, isWrite ? -(int)size : (int)size);
        return false;
    }

    // A string is as long as its terminator says; all of it must lie in memory of the program.
    private bool Text(HelperPrototype prototype, int n, ref long fuel)
    {
        if (!TryText(this[n], out ReadOnlySpan<byte> text))
            return Wrong(prototype, n, "no string");
        fuel += text.Length;
        _ = Call.TryTranslate(this[n], 1, isWrite: false, out byte* host);
        _host[n] = (ulong)host;
        _bytes[n] = text.Length + 1;
        return true;
    }

    /// <summary>The bytes of a string of the program up to its terminator.</summary>
    public readonly bool TryText(ulong address, out ReadOnlySpan<byte> text)
    {
        text = default;
        uint number = Region.NumberOf(address);
        if (!Call.TryTranslate(address, 1, isWrite: false, out byte* host))
            return false;
        Region* region = Call.Regions + number;
        var rest = new ReadOnlySpan<byte>(host, (int)Math.Min(region->Length - (address - region->Start), int.MaxValue));
        int length = rest.IndexOf((byte)0);
        if (length >= 0)
            text = rest[..length];
        return length >= 0;
    }

    private readonly bool Wrong(HelperPrototype prototype, int n, string what)
    {
        Refuse($"{prototype.Name}: argument {n + 1} is {what}");
        return false;
    }
}
