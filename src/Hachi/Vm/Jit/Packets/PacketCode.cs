using Hachi.Captures;
using Hachi.Ir;
using Hachi.Vm.Jit.X64;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.Packets;

/// <summary>A filter as x86-64 machine code, in the two shapes of a compiled filter. Its memory is given back when nothing refers to it any more.</summary>
internal sealed unsafe class PacketCode
{
    private readonly X64Code _code;

    private PacketCode(X64Code code) => _code = code;

    /// <summary>Whether this process can run such code.</summary>
    public static bool IsSupported => X64Compiler.IsSupported;

    /// <summary>The verdict function, or null for a function that is not compiled, or where nothing is.</summary>
    public static VerdictCode? Verdict(IrFunction f) => Compile(f, PacketLowering.Verdict) is { } code ? code.RunVerdict : null;

    /// <summary>The batch function, or null as before.</summary>
    public static SelectCode? Select(IrFunction f) => Compile(f, PacketLowering.Select) is { } code ? code.RunSelect : null;

    private static PacketCode? Compile(IrFunction f, Func<IrFunction, IrFunction?> lower) =>
        IsSupported && lower(f) is { } lowered && X64Compiler.Instance.Compile([lowered]) is { } code ? new PacketCode(code) : null;

    private uint RunVerdict(byte* packet, uint length, uint wireLength, PacketMetadata* metadata)
    {
        // No loop and no call: the garbage collector may wait for it.
        ulong verdict = ((delegate* unmanaged[SuppressGCTransition]<MachineState*, byte*, ulong, ulong>)_code.Entry)(null, packet, ((ulong)wireLength << 32) | length);
        GC.KeepAlive(_code);
        return (uint)verdict;
    }

    private int RunSelect(byte* bytes, PacketRecord* records, int count, int* accepted)
    {
        if (count == 0)
            return 0;
        var batch = new FilterBatch { Bytes = bytes, Records = records, End = records + count, Accepted = accepted };
        ulong selected = _code.Entry((MachineState*)&batch, 0, 0);
        GC.KeepAlive(_code);
        return (int)selected;
    }
}
