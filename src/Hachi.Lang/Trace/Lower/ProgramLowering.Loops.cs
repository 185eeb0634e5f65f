using Hachi.Ir.Build;
using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Loops whose bodies are functions that the kernel calls: over maps, and over ranges that are not known.</summary>
internal sealed partial class ProgramLowering
{
    private const int RoundsMax = 1 << 23;

    private int _functions;

    private void For(ForStatement loop)
    {
        if (loop.End is null)
            ForMap(loop, (MapExpr)loop.From);
        else
            ForRange(loop);
    }

    /// <summary>Makes the body of a loop as a function; variables are shared through the frame, whose address it gets.</summary>
    private FunctionBuilder Body(string name, int parameters, int frameParameter, Action<FunctionBuilder> body)
    {
        (FunctionState outer, FunctionBuilder back) = (_state, _f);
        FunctionBuilder function = _builder.NewFunction($"{name}_{++_functions}", parameters);
        _f = function;
        _f.Origin = back.Origin;
        _state = new FunctionState(function, outer) { Frame = function.Parameter(frameParameter) };
        Open();
        _state.Loops.Push((-1, -1));
        body(function);
        _f.Return(_f.Const(0));
        (_state, _f) = (outer, back);
        return function;
    }

    // A return inside of a loop leaves the probe.
    private void AfterLoop()
    {
        int left = _f.NewBlock(), end = _f.NewBlock();
        _f.Branch(CompareOp.Jne, _f.Load(8, _state.Frame), _f.Const(0), left, end);
        _f.Start(left);
        _f.Return(_f.Const(_state.IsCallback ? 1 : 0));
        _f.Start(end);
    }

    private void ForMap(ForStatement loop, MapExpr map)
    {
        MapInfo info = _script.Maps[map.Name];
        int index = _object.MapOf(map.Name);
        VariableInfo variable = _script[loop.Variable].Variable!;
        TupleLayout layout = variable.Type.Tuple!;
        FunctionBuilder function = Body("each", 4, 4, f =>
        {
            Place pair = PlaceOf(variable, loop);
            ZeroGaps(variable.Type, pair);
            var key = new Place(f.Parameter(2), 0, AddressSpace.Own);
            Copy(Shifted(pair, layout.Items[0].Offset), key, layout.Items[0].Type.SizeBytes);
            Place value = Shifted(pair, layout.Items[1].Offset);
            if (info.Value.IsSummable && IsPerCpu(index))
                _f.Store(8, value.Address, value.Offset, Sum(info.Value, index, key));
            else if (info.Value.IsAggregate && !info.Value.IsSummable)
                NotYet(loop, $"a loop over a map of {info.Value}");
            else
                Copy(value, new Place(f.Parameter(3), 0, AddressSpace.Own), layout.Items[1].Type.SizeBytes);
            Statements(loop.Body.Statements);
        });
        _f.Call(Helper.ForEachMapElem, _f.MapAddress(index), _f.FunctionAddress(function), _state.Frame, _f.Const(0));
        AfterLoop();
    }

    private void ForRange(ForStatement loop)
    {
        VariableInfo variable = _script[loop.Variable].Variable!;
        int from = Scalar(loop.From), end = Scalar(loop.End!);
        // The first number stands in the loop's own variable; the function adds the round to it.
        int first = FrameOffset(variable);
        var start = new VariableInfo("start");
        _f.Store(8, _state.Frame, first, from);
        Write(start, from);
        int run = _f.NewBlock(), after = _f.NewBlock();
        _f.Branch(CompareOp.Jslt, from, end, run, after);
        _f.Start(run);
        if (!_f.IsReached(run))
        {
            _f.Start(after);
            return;
        }
        FunctionBuilder function = Body("round", 2, 2, f =>
        {
            Write(variable, _f.Add(Read(start), f.Parameter(1)));
            Statements(loop.Body.Statements);
        });
        int rounds = _f.Sub(end, from);
        _f.Call(Helper.Loop, _f.Select(CompareOp.Jgt, rounds, _f.Const(RoundsMax), _f.Const(RoundsMax), rounds), _f.FunctionAddress(function), _state.Frame, _f.Const(0));
        AfterLoop();
        _f.Goto(after);
        _f.Start(after);
    }

    /// <summary>How many entries a map has: as many as the kernel visits.</summary>
    private int Count(int map)
    {
        FunctionBuilder function = _builder.NewFunction($"count_{++_functions}", 4);
        function.Return(function.Const(0));
        int nothing = _f.NewSlot(8);
        _f.Store(8, _f.SlotAddress(nothing), 0, _f.Const(0));
        return _f.Call(Helper.ForEachMapElem, _f.MapAddress(map), _f.FunctionAddress(function), _f.SlotAddress(nothing), _f.Const(0));
    }
}
