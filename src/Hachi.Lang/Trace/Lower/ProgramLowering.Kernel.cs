using System.Text;
using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Functions that reach into the kernel: its trace pipe, its paths, its per-processor variables, packets, the memory of the process.</summary>
internal sealed partial class ProgramLowering
{
    private const int DebugArguments = 3, PacketBytesMax = 9216;

    /// <summary><c>debugf</c>: a line in the kernel's trace pipe (bpf_trace_printk).</summary>
    private void Debug(CallExpr call)
    {
        if (call.Args.Count - 1 > DebugArguments)
        {
            NotYet(call, $"debugf() with more than {DebugArguments} values");
            return;
        }
        string format = LongConversions(_script[call.Args[0]].Text ?? "");
        int size = Utf8(format).Length + 1;
        Place text = Temp(size, call);
        StoreText(format, size, text);
        var arguments = new List<int> { AddressOf(text), _f.Const(size) };
        foreach (Expr arg in call.Args.Skip(1))
            arguments.Add(Scalar(arg));
        if (!NeedsScratch)
            _f.Call(Helper.TracePrintk, [.. arguments]);
    }

    // Numbers here have 64 bits: %d becomes %lld.
    private static string LongConversions(string format)
    {
        var text = new StringBuilder(format.Length + 8);
        for (int i = 0; i < format.Length; i++)
        {
            text.Append(format[i]);
            if (format[i] != '%')
                continue;
            int end = i + 1;
            while (end < format.Length && format[end] is '-' or '+' or ' ' or '#' or '.' or (>= '0' and <= '9'))
                end++;
            text.Append(format, i + 1, end - i - 1);
            int conversion = end;
            while (conversion < format.Length && format[conversion] is 'h' or 'l' or 'j' or 'z' or 't')
                conversion++;
            char letter = conversion < format.Length ? format[conversion] : '%';
            text.Append(letter is 'd' or 'i' or 'u' or 'x' or 'X' or 'o' ? "ll" : "").Append(letter);
            i = conversion;
        }
        return text.ToString();
    }

    /// <summary><c>write_user</c>: writes into the memory of the process; what the kernel gives back.</summary>
    private int WriteUser(CallExpr call)
    {
        int to = Scalar(call.Args[0]);
        Value source = Lower(call.Args[1]);
        int size = Scalar(call.Args[2]);
        Place from;
        if (source.IsPlace)
            from = Own(source, call);
        else
        {
            from = Temp(8, call);
            _f.Store(8, from.Address, from.Offset, source.Id);
        }
        int bytes = source.IsPlace ? source.Type.SizeBytes : 8;
        size = _f.IsConst(size, out long known) ? _f.Const(Math.Clamp(known, 0, bytes)) : _f.Select(CompareOp.Jgt, size, _f.Const(bytes), _f.Const(bytes), size);
        return NeedsScratch ? size : _f.Call(Helper.ProbeWriteUser, to, AddressOf(from), size);
    }

    /// <summary><c>path</c>: what the kernel calls a struct path (bpf_d_path).</summary>
    private void Path(CallExpr call, TraceType type, Place to)
    {
        Value path = Lower(call.Args[0]);
        Zero(to, type.SizeBytes);
        if (!NeedsScratch)
            Told(Helper.DPath, path.IsPlace ? AddressOf(path.Place) : path.Id, AddressOf(to), _f.Const(type.SizeBytes));
    }

    /// <summary>Where a variable of the kernel lies that each processor has: its offset and the processor's base (0 where there is no such processor).</summary>
    private Value PerCpuAddress(CallExpr call, TraceType type)
    {
        string name = _script[call.Args[0]].Text ?? "";
        if (_object.Facts.AddressOf(null, name) is not ulong offset || _object.Facts.AddressOf(null, "__per_cpu_offset") is not ulong bases)
        {
            _diagnostics.Add(DiagnosticTable.TraceSymbol.At(call.Span, name));
            return Word(type, _f.Const(0));
        }
        int cpu = call.Args.Count > 1 ? Scalar(call.Args[1]) : _f.Call(Helper.GetSmpProcessorId);
        int here = _f.NewBlock(), none = _f.NewBlock(), end = _f.NewBlock(), result = _f.NewVariable();
        _f.Branch(CompareOp.Jlt, cpu, _f.Const(_object.Facts.Processors), here, none);
        _f.Start(here);
        int place = _f.Add(_f.ShiftLeft(cpu, _f.Const(3)), _f.Const((long)bases));
        _f.Write(result, _f.Add(Load(new Place(place, 0, AddressSpace.Kernel), TraceType.UInt64), _f.Const((long)offset)));
        _f.Goto(end);
        _f.Start(none);
        _f.Write(result, _f.Const(0));
        _f.Goto(end);
        _f.Start(end);
        return Word(type, _f.Read(result));
    }

    /// <summary>How many frames the stack has here, as far as they are wanted.</summary>
    private int StackLength(TraceType type, CallExpr call)
    {
        Effect(call.Args[0]);
        int bytes = 8 * (int)Math.Clamp(type.Numbers[0], 1, 127);
        Place frames = Temp(bytes, call);
        if (NeedsScratch)
            return _f.Const(0);
        int size = Told(Helper.GetStack, _f.Context, AddressOf(frames), _f.Const(bytes), _f.Const(type.Kind == TypeKind.UserStack ? 1 << 8 : 0));
        return _f.Select(CompareOp.Jslt, size, _f.Const(0), _f.Const(0), _f.ShiftRight(size, _f.Const(3)));
    }

    /// <summary><c>skboutput</c>: bytes of a packet for a capture file. Gives 0, or a negative number when they could not be read.</summary>
    private int Packet(CallExpr call)
    {
        if (_script.Types.Kernel?.Find("struct sk_buff")?.Struct?.Find("data") is not StructField data)
        {
            NotYet(call, "skboutput() without the kernel's types");
            return _f.Const(0);
        }
        int packet = Scalar(call.Args[1]), wanted = Scalar(call.Args[2]), skip = Scalar(call.Args[3]);
        int most = (int)Math.Clamp(_script[call.Args[2]].Number ?? PacketBytesMax, 1, PacketBytesMax);
        TraceType buffer = TraceType.Buffer(8 + most);
        int start = _f.Add(Load(new Place(packet, data.Offset, AddressSpace.Kernel), TraceType.UInt64), skip);
        int size = _f.IsConst(wanted, out _) ? _f.Const(most) : _f.Select(CompareOp.Jgt, wanted, _f.Const(most), _f.Const(most), wanted);
        int time = _f.Call(Helper.KtimeGetBootNs), bytes = HeaderBytes + 8 + TupleLayout.Up(buffer.SizeBytes, 8);
        PlanField[] fields = [new(HeaderBytes, PlanTypes.Of(TraceType.UInt64, _script.Types)), new(HeaderBytes + 8, PlanTypes.Of(buffer, _script.Types))];
        int number = _object.AddEvent(PlanAction.Packet, _script[call.Args[0]].Text ?? "", bytes, fields, -1, call.Span);
        int result = _f.NewVariable();
        _f.Write(result, _f.Const(-1));
        int done = Reserve(bytes, number, out Place record);
        _f.Store(8, record.Address, HeaderBytes, time);
        _f.Store(4, record.Address, HeaderBytes + 8, size);
        _f.Store(4, record.Address, HeaderBytes + 12, _f.Const(0));
        _f.Write(result, _f.Call(Helper.ProbeReadKernel, _f.AddConst(record.Address, HeaderBytes + 16), size, start));
        Submit(record, bytes, done);
        return _f.Read(result);
    }
}
