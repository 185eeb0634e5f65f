using Hachi.Isa;

namespace Hachi.Ir.Emit.Allocate;

/// <summary>
/// Gives virtual registers those of the machine, in one graph: what meets gets different ones, what is copied the same where that makes nothing harder. After George and Appel,
/// "Iterated Register Coalescing".
/// </summary>
internal sealed partial class Colouring
{
    private enum Node : byte
    {
        Machine,
        Simple,
        Frozen,
        Crowded,
        Stacked,
        Coalesced,
        Coloured,
        Spilled,
    }

    private const int NoColour = -1;
    // Those that calls destroy first: the others are for what lives across calls, and each costs the kernel's compiler a push and a pop.
    private static readonly int[] s_order = [1, 2, 3, 4, 5, 0, 6, 7, 8, 9];

    private readonly Interference _graph;
    private readonly LirFunction _f;
    private readonly int _registers, _colours;
    private readonly Node[] _state;
    private readonly int[] _alias, _colour;
    private readonly byte[] _moveState; // 0: may be tried, 1: waits, 2: done
    private readonly Stack<int> _simple = new(), _frozen = new(), _stack = new(), _moves = new();
    private readonly List<int> _crowded = [];

    private Colouring(LirFunction f, Interference graph, int registers)
    {
        (_f, _graph, _registers) = (f, graph, registers);
        _colours = System.Numerics.BitOperations.PopCount((uint)registers);
        _state = new Node[graph.Count];
        _alias = new int[graph.Count];
        _colour = new int[graph.Count];
        _moveState = new byte[graph.Moves.Count];
    }

    /// <summary>The registers that found no place; empty when all did.</summary>
    public List<int> Spilled { get; } = [];

    /// <summary>The machine's register of a register.</summary>
    public int this[int register] => _colour[register];

    /// <summary>Colours a graph, which it changes.</summary>
    public static Colouring Run(LirFunction f, Interference graph, int registers)
    {
        var colouring = new Colouring(f, graph, registers);
        colouring.Run();
        return colouring;
    }

    private void Run()
    {
        for (int n = 0; n < _graph.Count; n++)
        {
            _alias[n] = n;
            _colour[n] = n < Lir.FirstVirtual ? n : NoColour;
            if (n >= Lir.FirstVirtual)
                Sort(n);
        }
        for (int m = _graph.Moves.Count - 1; m >= 0; m--)
            _moves.Push(m);
        while (SimplifyOne() || CoalesceOne() || FreezeOne() || GiveUpOne())
        {
        }
        AssignColours();
    }

    // Puts a node where it belongs: few neighbours and no copies, few neighbours, or many.
    private void Sort(int n)
    {
        if (_graph.Degree[n] >= _colours)
        {
            if (_state[n] != Node.Crowded)
                _crowded.Add(n);
            _state[n] = Node.Crowded;
        }
        else if (IsMoved(n))
        {
            _state[n] = Node.Frozen;
            _frozen.Push(n);
        }
        else
        {
            _state[n] = Node.Simple;
            _simple.Push(n);
        }
    }

    private bool IsMoved(int n)
    {
        foreach (int m in _graph.MovesOf[n])
            if (_moveState[m] < 2)
                return true;
        return false;
    }

    private bool SimplifyOne()
    {
        while (_simple.TryPop(out int n))
        {
            if (_state[n] != Node.Simple)
                continue;
            Stack(n);
            return true;
        }
        return false;
    }

    private void Stack(int n)
    {
        _state[n] = Node.Stacked;
        _stack.Push(n);
        foreach (int m in _graph.Neighbours[n])
            if (IsThere(m))
                LoseNeighbour(m);
    }

    private bool IsThere(int n) => _state[n] is not (Node.Stacked or Node.Coalesced);

    private void LoseNeighbour(int n)
    {
        if (n < Lir.FirstVirtual)
            return;
        int degree = _graph.Degree[n]--;
        if (degree != _colours)
            return;
        EnableMoves(n);
        foreach (int m in _graph.Neighbours[n])
            if (IsThere(m))
                EnableMoves(m);
        Sort(n);
    }

    private void EnableMoves(int n)
    {
        foreach (int m in _graph.MovesOf[n])
            if (_moveState[m] == 1)
            {
                _moveState[m] = 0;
                _moves.Push(m);
            }
    }

    private bool FreezeOne()
    {
        while (_frozen.TryPop(out int n))
        {
            if (_state[n] != Node.Frozen)
                continue;
            _state[n] = Node.Simple;
            _simple.Push(n);
            FreezeMoves(n);
            return true;
        }
        return false;
    }

    private void FreezeMoves(int n)
    {
        foreach (int m in _graph.MovesOf[n])
        {
            if (_moveState[m] == 2)
                continue;
            _moveState[m] = 2;
            (int dst, int src) = _graph.Moves[m];
            int other = Alias(dst) == Alias(n) ? Alias(src) : Alias(dst);
            if (other >= Lir.FirstVirtual && _state[other] == Node.Frozen && !IsMoved(other))
            {
                _state[other] = Node.Simple;
                _simple.Push(other);
            }
        }
    }

    // The one that costs least for the room that it makes goes to the stack of nodes; it may still find a colour.
    private bool GiveUpOne()
    {
        int best = -1;
        float bestCost = float.MaxValue;
        int kept = 0;
        for (int i = 0; i < _crowded.Count; i++)
        {
            int n = _crowded[i];
            if (_state[n] != Node.Crowded)
                continue;
            _crowded[kept++] = n;
            float cost = _f.StageOf(n) >= 2 ? float.MaxValue : _graph.Cost[n] / _graph.Degree[n];
            if (best >= 0 && cost >= bestCost)
                continue;
            (best, bestCost) = (n, cost);
        }
        _crowded.RemoveRange(kept, _crowded.Count - kept);
        if (best < 0)
            return false;
        _state[best] = Node.Simple;
        _simple.Push(best);
        FreezeMoves(best);
        return true;
    }

    /// <summary>The register that found no place, if this one has been made one with it; otherwise the register itself.</summary>
    public int SpilledRoot(int register)
    {
        int root = Alias(register);
        return _state[root] == Node.Spilled ? root : register;
    }

    private int Alias(int n)
    {
        while (_state[n] == Node.Coalesced)
            n = _alias[n];
        return n;
    }

    private void AssignColours()
    {
        while (_stack.TryPop(out int n))
        {
            int free = _registers;
            foreach (int m in _graph.Neighbours[n])
            {
                int other = Alias(m);
                if (other < Limits.FramePointer || _state[other] == Node.Coloured)
                    free &= ~(1 << _colour[other]);
            }
            if (free == 0)
            {
                _state[n] = Node.Spilled;
                Spilled.Add(n);
                continue;
            }
            _state[n] = Node.Coloured;
            _colour[n] = Choose(n, free);
        }
        for (int n = Lir.FirstVirtual; n < _graph.Count; n++)
            if (_state[n] == Node.Coalesced)
                _colour[n] = _colour[Alias(n)];
    }

    // The colour of a register that it is copied from or to, if that is free: a copy less after all.
    private int Choose(int n, int free)
    {
        foreach (int m in _graph.MovesOf[n])
        {
            (int dst, int src) = _graph.Moves[m];
            int other = Alias(dst) == n ? Alias(src) : Alias(dst);
            int colour = other < Lir.FirstVirtual || _state[other] == Node.Coloured ? _colour[other] : NoColour;
            if (colour >= 0 && (free >> colour & 1) != 0)
                return colour;
        }
        foreach (int colour in s_order)
            if ((free >> colour & 1) != 0)
                return colour;
        return NoColour;
    }
}
