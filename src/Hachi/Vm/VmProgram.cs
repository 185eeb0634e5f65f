using System.Runtime.CompilerServices;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;
using Hachi.Vm.Contexts;
using Hachi.Vm.Debug;
using Hachi.Vm.Interpret;
using Hachi.Vm.Machine;

namespace Hachi.Vm;

/// <summary>A program of a <see cref="VmObject"/>, ready to run from any thread.</summary>
public sealed unsafe class VmProgram
{
    [ThreadStatic]
    private static Invocation? t_idle; // the last invocation made on this thread, for whichever object

    private readonly VmObject _object;
    private readonly EbpfUnit? _unit;
    private readonly ContextRules? _rules;

    internal VmProgram(VmObject owner, ProgramSpec spec, List<Diagnostic> diagnostics)
    {
        _object = owner;
        Spec = spec;
        _rules = ContextTable.RulesOf(spec.Type);
        Insn[] insns = [.. spec.Insns];
        int before = diagnostics.Count;
        foreach (InvalidInsn invalid in Validity.Check(insns))
            diagnostics.Add(invalid.Diagnostic);
        if (diagnostics.Count == before)
            _unit = UnitMaker.Make(owner, spec.Type, insns, diagnostics);
        if (_unit is not null && owner.Options.Watch is { } watch)
        {
            VmProgram self = this;
            Release();
            _unit.Engine = InterpreterEngine.Instance;
            _unit.Watch = (invocation, slot, registers) => watch(new VmStep(self, slot, (int)invocation.State->Depth, registers, invocation.Regions[Region.Stack].Memory));
        }
    }

    /// <summary>What was loaded.</summary>
    public ProgramSpec Spec { get; }

    internal VmObject Owner => _object;

    internal EbpfUnit Unit => _unit!;

    /// <summary>Runs on a packet or a record.</summary>
    /// <param name="context">What it runs on: an <see cref="XdpContext"/> for XDP, an <see cref="SkbContext"/> for socket filters, tc and cgroup programs, a <see cref="RecordContext"/> for others.</param>
    /// <param name="fuel">Fuel; 0 for that of the options.</param>
    public VmResult Run(VmContext context, long fuel = 0)
    {
        ArgumentNullException.ThrowIfNull(context);
        bool isXdp = Spec.Type == ProgramType.Xdp, isSkb = _rules is not null && !isXdp;
        if (context is XdpContext != isXdp || context is SkbContext != isSkb)
            throw new ArgumentException($"a program of type {Spec.Type} does not run on a {context.GetType().Name}", nameof(context));
        Invocation invocation = Take();
        long limit = fuel == 0 ? _object.Options.Fuel : fuel;
        invocation.Reset(Unit, limit);
        invocation.Session.Begin();
        invocation.Layout = _rules;
        invocation.Environment = context;
        context.Enter(invocation);
        ulong r0 = Unit.Run(invocation, Region.AddressOf(Region.Context, 0), 0);
        VmResult result = Finish(invocation, r0, limit);
        context.Leave(invocation);
        invocation.Regions[Region.Context].Clear();
        invocation.Layout = null;
        invocation.Environment = null;
        GC.KeepAlive(context);
        return result;
    }

    /// <summary>Runs over plain memory: r1 points at it, r2 is its length.</summary>
    /// <remarks>A program whose type has a context of its own is interpreted here, with the memory in place of the context.</remarks>
    /// <param name="memory">What the program may read and write.</param>
    /// <param name="fuel">Fuel; 0 for that of the options.</param>
    public VmResult Run(Span<byte> memory, long fuel = 0)
    {
        Invocation invocation = Take();
        long limit = fuel == 0 ? _object.Options.Fuel : fuel;
        fixed (byte* bytes = memory)
        {
            invocation.Reset(Unit, limit);
            invocation.Session.Begin();
            ref Region context = ref invocation.Regions[Region.Context];
            if (context.Memory != bytes || context.Length != (uint)memory.Length || !context.IsWritable)
                context.Set(Region.Context, 0, bytes, (uint)memory.Length, isWritable: true);
            ulong address = Region.AddressOf(Region.Context, 0), length = (ulong)memory.Length;
            ulong r0 = _rules is null ? Unit.Run(invocation, address, length) : InterpreterEngine.Instance.Run(invocation, address, length);
            VmResult result = Finish(invocation, r0, limit); // a fault is told in terms of the regions
            return result; // the region keeps an address that means nothing any more: every run sets it anew
        }
    }

    internal void Release() => (_unit?.Engine as IDisposable)?.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Invocation Take()
    {
        ObjectDisposedException.ThrowIf(_object.IsDisposed, _object);
        Invocation? idle = t_idle;
        if (idle is null || idle.IsBusy || !ReferenceEquals(idle.Owner, _object))
            t_idle = idle = _object.MakeInvocation();
        idle.IsBusy = true; // a helper may run another program on this thread
        return idle;
    }

    private static VmResult Finish(Invocation invocation, ulong r0, long limit)
    {
        long left = invocation.State->Fuel;
        Fault? fault = invocation.State->Fault == 0 ? null : invocation.TakeFault();
        invocation.Session.End();
        invocation.IsBusy = false;
        return new VmResult(fault is null ? r0 : 0, limit - Math.Max(0, left), fault);
    }
}
