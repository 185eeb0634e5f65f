using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Captures;
using Hachi.Ir;

namespace Hachi.Vm.Jit.Packets;

/// <summary>What a compiled loop over a batch is given.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FilterBatch
{
    /// <summary>The bytes that the records point into.</summary>
    public byte* Bytes;

    /// <summary>The first record; there is one at least.</summary>
    public PacketRecord* Records;

    /// <summary>Behind the last record.</summary>
    public PacketRecord* End;

    /// <summary>Gets the indexes of accepted records.</summary>
    public int* Accepted;
}

/// <summary>What stands around the body of a filter: where it finds the packet, and what it does with a verdict.</summary>
internal sealed class PacketFrame(bool isBatch)
{
    private static readonly int s_dataOffset = OffsetOf(static (ref r) => ref Unsafe.AsRef(in r.DataOffset));
    private static readonly int s_capturedLength = OffsetOf(static (ref r) => ref Unsafe.AsRef(in r.CapturedLength));
    private static readonly int s_originalLength = OffsetOf(static (ref r) => ref Unsafe.As<uint, int>(ref Unsafe.AsRef(in r.OriginalLength)));

    private int _accept, _next, _record, _index, _count, _counted;

    private delegate ref int FieldOf(ref PacketRecord record);

    /// <summary>Host address of the packet.</summary>
    public int Packet { get; private set; }

    /// <summary>Its captured length, 64 bits wide.</summary>
    public int Length { get; private set; }

    /// <summary>Where the body begins.</summary>
    public int Body { get; private set; }

    /// <summary>The block that rejects the packet.</summary>
    public int Reject { get; private set; }

    /// <summary>Makes what stands in front of the body.</summary>
    public void Begin(IrFunction g)
    {
        g.Entry = g.NewBlock();
        Body = g.NewBlock();
        Reject = g.NewBlock();
        if (!isBatch)
        {
            g.Goto(g.Entry, Body);
            Packet = g.Intern(IrOp.Param, 8, 0, 0, 1, -1);
            Length = g.Intern(IrOp.ZeroExtend, 4, g.Intern(IrOp.Param, 8, 0, 0, 2, -1), 0, 0, -1);
            return;
        }
        (_accept, _next) = (g.NewBlock(), g.NewBlock());
        _record = g.AddPhi(Body);
        _index = g.AddPhi(Body);
        _count = g.AddPhi(Body); // the newest stands first
        g.Goto(g.Entry, Body, g.AddEdgeArgs([IrFunction.Zero, IrFunction.Zero, Word(g, 1)]));
        Packet = g.Intern(IrOp.Add, 8, Word(g, 0), Load(g, Body, _record, s_dataOffset, 4), 0, -1);
        Length = Load(g, Body, _record, s_capturedLength, 4);
        _counted = g.AddPhi(_next);
    }

    /// <summary>Makes what stands behind it.</summary>
    public void End(IrFunction g)
    {
        if (!isBatch)
        {
            g.Return(Reject, IrFunction.Zero);
            return;
        }
        int place = g.Intern(IrOp.Add, 8, Word(g, 3), g.Intern(IrOp.Shl, 8, _count, g.Const(2), 0, -1), 0, -1);
        g.AddEffect(_accept, new IrEffect { Kind = IrEffectKind.Store, Size = 4, Access = IrAccess.Host, Address = place, Source = _index, Origin = -1 });
        g.Goto(_accept, _next, g.AddEdgeArgs([g.Intern(IrOp.Add, 8, _count, g.Const(1), 0, -1)]));
        g.Goto(Reject, _next, g.AddEdgeArgs([_count]));
        int record = g.Intern(IrOp.Add, 8, _record, g.Const((uint)Unsafe.SizeOf<PacketRecord>()), 0, -1), done = g.NewBlock();
        g.Branch(_next, IrCompare.Gt64, Word(g, 2), record, Body, done);
        g.Blocks[_next].TrueArgs = g.AddEdgeArgs([_counted, g.Intern(IrOp.Add, 8, _index, g.Const(1), 0, -1), record]);
        g.Return(done, _counted);
    }

    /// <summary>Ends a block with a verdict.</summary>
    public void Return(IrFunction g, int verdict, int at)
    {
        if (!isBatch)
            g.Return(at, verdict);
        else if (g.IsConst(verdict, out uint k))
            g.Goto(at, k == 0 ? Reject : _accept);
        else
            g.Branch(at, IrCompare.Eq, verdict, IrFunction.Zero, Reject, _accept);
    }

    /// <summary>The length on the wire, made in a block.</summary>
    public int WireLength(IrFunction g, int at) =>
        isBatch ? Load(g, at, _record, s_originalLength, 4) : g.Intern(IrOp.Shr, 8, g.Intern(IrOp.Param, 8, 0, 0, 2, -1), g.Const(32), 0, -1);

    /// <summary>Appends a load from the host's memory to a block.</summary>
    public static int Load(IrFunction g, int at, int address, int displacement, int size)
    {
        var effect = new IrEffect { Kind = IrEffectKind.Load, Size = (byte)size, Access = IrAccess.Host, Address = address, Displacement = displacement, Origin = -1 };
        int added = g.AddEffect(at, effect); // apart: the array may be another one then
        return g.Effects[added].Value;
    }

    /// <summary>A word of <see cref="FilterBatch"/>.</summary>
    private static int Word(IrFunction g, int index) => g.Intern(IrOp.StateWord, 8, 0, 0, (ulong)(index * sizeof(long)), -1);

    private static int OffsetOf(FieldOf field)
    {
        PacketRecord record = default;
        return (int)Unsafe.ByteOffset(ref Unsafe.As<PacketRecord, int>(ref record), ref field(ref record));
    }
}
