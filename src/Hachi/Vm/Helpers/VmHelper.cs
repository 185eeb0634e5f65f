using System.Collections.Immutable;
using Hachi.Uapi;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Helpers;

/// <summary>What an embedder's helper does.</summary>
/// <param name="call">Its arguments, checked against the prototype.</param>
/// <returns>What r0 holds afterwards.</returns>
public delegate ulong VmHelperBody(VmHelperCall call);

/// <summary>
/// A helper that an embedder adds to the machine, under a number of its own or in place of one that the machine has. The prototype says what the arguments must be; the body is called only
/// when they are, and every byte that it is given costs fuel.
/// </summary>
/// <param name="Id">The number that call instructions name.</param>
/// <param name="Name">Its name, for messages.</param>
/// <param name="Arguments">What r1 to r5 must be, at most five. Memory (<see cref="ArgumentKind.Mem"/>) has a fixed size, or is followed by its size.</param>
/// <param name="Body">What it does. An exception stops the program with a fault.</param>
public sealed record VmHelper(int Id, string Name, ImmutableArray<HelperArgument> Arguments, VmHelperBody Body)
{
    internal unsafe HelperBody ToBody()
    {
        var prototype = new HelperPrototype((Helper)Id, Name, ReturnKind.Integer, ArgumentFlags.None, HelperRules.None, [.. Arguments.Take(5)]);
        return call =>
        {
            try
            {
                return HelperFrame.Invoke(prototype, (ref HelperFrame frame) => Body(new VmHelperCall(ref frame)), call);
            }
#pragma warning disable CA1031 // whatever it is, the machine stays in order
            catch (Exception e)
#pragma warning restore CA1031
            {
                return call.SetFault(FaultReason.HelperArgument, call.State->HelperInsn, $"{Name} failed: {e.Message}");
            }
        };
    }
}

/// <summary>The arguments of a call of an embedder's helper.</summary>
public readonly unsafe ref struct VmHelperCall
{
    private readonly ref HelperFrame _frame;

    internal VmHelperCall(ref HelperFrame frame) => _frame = ref frame;

    /// <summary>Argument n, from 0, as the program gave it.</summary>
    /// <param name="n">The argument.</param>
    public ulong this[int n] => (uint)n < 5 ? _frame[n] : throw new ArgumentOutOfRangeException(nameof(n));

    /// <summary>The memory of argument n; empty where it may be null and is.</summary>
    /// <param name="n">The argument: its kind must be <see cref="ArgumentKind.Mem"/>.</param>
    public Span<byte> Memory(int n) => (uint)n < 5 ? _frame.Bytes(n) : throw new ArgumentOutOfRangeException(nameof(n));

    /// <summary>The map among the arguments.</summary>
    public Maps.VmMap Map => _frame.Map;

    /// <summary>Takes fuel for work that the arguments' sizes do not tell.</summary>
    /// <param name="units">About one a machine instruction.</param>
    /// <returns>Whether there was so much left; if not, the program stops when the helper returns.</returns>
    public bool Charge(long units) => _frame.Charge(units);
}
