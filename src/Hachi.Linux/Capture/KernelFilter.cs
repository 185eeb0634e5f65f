using Hachi.Captures;
using Hachi.Isa;

namespace Hachi.Linux.Capture;

/// <summary>
/// What is attached to a packet socket for a filter. The kernel sees a cooked packet without the header that we make, so that loads from it become loads of
/// metadata; and packets of the wrong direction are rejected in front of the filter. What the kernel cannot run is run here, on every packet.
/// </summary>
internal readonly struct KernelFilter
{
    private const uint Outgoing = 4;

    private KernelFilter(ClassicInsn[] program, ClassicInsn[] coarse, ClassicProgram? filter)
    {
        Program = program;
        Coarse = coarse;
        Filter = filter;
    }

    /// <summary>Rejects every packet.</summary>
    public static ReadOnlySpan<ClassicInsn> RejectAll => new ClassicInsn[] { new(ClassicOpcode.Ret, 0) };

    /// <summary>The filter for the kernel; <see cref="Coarse"/> itself when it cannot run there.</summary>
    public ClassicInsn[] Program { get; }

    /// <summary>What is attached instead when <see cref="Filter"/> runs here: looks at the direction only.</summary>
    public ClassicInsn[] Coarse { get; }

    /// <summary>What runs here behind <see cref="Coarse"/>; null takes everything.</summary>
    public ClassicProgram? Filter { get; }

    /// <summary>Makes one.</summary>
    /// <param name="filter">The filter as it was compiled for the link type; null takes everything.</param>
    /// <param name="device">The interface.</param>
    /// <param name="loopbackIndex">Index of the loopback interface, 0 for none.</param>
    /// <param name="options">Direction and snap length.</param>
    public static KernelFilter Make(ClassicProgram? filter, CaptureDevice device, int loopbackIndex, LiveCaptureOptions options)
    {
        var program = new List<ClassicInsn>();
        AddDirection(program, device, loopbackIndex, options.Directions);
        ClassicInsn[] coarse = [.. program, new(ClassicOpcode.Ret, (uint)options.SnapLength)];
        if (filter is null)
            return new KernelFilter(coarse, coarse, null);
        ReadOnlySpan<ClassicInsn> insns = filter.Insns;
        if (!ClassicValidity.IsValid(insns)) // it loops (protochain), for example
            insns = [];
        else if (device.IsCooked)
            insns = CookedFilter.Translate(insns, device.LinkType);
        bool fits = !insns.IsEmpty && program.Count + insns.Length <= Limits.ClassicInsnsMax;
        return new KernelFilter(fits ? [.. program, .. insns] : coarse, coarse, filter);
    }

    /// <summary>
    /// On loopback every packet goes out and comes in again. Only one of the two is wanted; the one that comes in, unless what goes out is asked for.
    /// </summary>
    private static void AddDirection(List<ClassicInsn> to, CaptureDevice device, int loopbackIndex, CaptureDirections directions)
    {
        const int Equal = ClassicOpcode.Jmp | ClassicOpcode.Jeq | ClassicOpcode.K;
        bool anyMayLoop = device.Index == 0 && loopbackIndex != 0;
        if (directions == CaptureDirections.InOut && !device.IsLoopback && !anyMayLoop)
            return;
        to.Add(new ClassicInsn(ClassicOpcode.Ld | ClassicOpcode.Abs, Extension.PktType));
        if (directions == CaptureDirections.Out)
        {
            to.Add(new ClassicInsn(Equal, 1, 0, Outgoing));
        }
        else if (directions == CaptureDirections.In || !anyMayLoop)
        {
            to.Add(new ClassicInsn(Equal, 0, 1, Outgoing));
        }
        else
        {
            to.Add(new ClassicInsn(Equal, 0, 3, Outgoing));
            to.Add(new ClassicInsn(ClassicOpcode.Ld | ClassicOpcode.Abs, Extension.IfIndex));
            to.Add(new ClassicInsn(Equal, 0, 1, (uint)loopbackIndex));
        }
        to.Add(new ClassicInsn(ClassicOpcode.Ret, 0));
        to.Add(new ClassicInsn(ClassicOpcode.Ld | ClassicOpcode.Imm, 0)); // a program may count on A being 0 at its start
    }
}
