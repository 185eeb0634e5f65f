using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Isa;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64;

/// <summary>Machine code of a program; its memory is given back with <see cref="Dispose"/>, or when nothing refers to it any more.</summary>
internal sealed unsafe class X64Code : IDisposable
{
    private readonly int[] _entries;
    private nint _address;

    internal X64Code(nint address, int bytes, X64Unit unit)
    {
        (_address, Bytes, HasLoops, HasCallbacks) = (address, bytes, unit.HasLoops, unit.HasCallbacks || unit.AsksContext);
        _entries = unit.Entries.ToArray();
    }

    /// <summary>Gives memory back.</summary>
    ~X64Code() => Free();

    /// <summary>The main function: state, r1, r2; returns r0, or anything where <see cref="MachineState.Fault"/> is set. The object must be kept alive while it runs.</summary>
    public delegate* unmanaged<MachineState*, ulong, ulong, ulong> Entry => (delegate* unmanaged<MachineState*, ulong, ulong, ulong>)_address;

    /// <summary>
    /// Where a helper calls a function of the program: arguments stand in <see cref="MachineState.Arguments"/>, the caller has counted the frame. Null for the main function.
    /// </summary>
    public delegate* unmanaged<MachineState*, ulong> EntryOf(int function) => _entries[function] < 0 ? null : (delegate* unmanaged<MachineState*, ulong>)(_address + _entries[function]);

    /// <summary>Length of the code.</summary>
    public int Bytes { get; }

    /// <summary>Whether any function loops. What neither loops nor calls back runs a short, bounded time.</summary>
    public bool HasLoops { get; }

    /// <summary>Whether helpers are called.</summary>
    public bool HasCallbacks { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
            ExecutableMemory.Remove(address, Bytes);
    }
}
