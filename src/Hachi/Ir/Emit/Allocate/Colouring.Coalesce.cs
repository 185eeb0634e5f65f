using Hachi.Isa;

namespace Hachi.Ir.Emit.Allocate;

/// <content>Copies: making two registers one.</content>
internal sealed partial class Colouring
{
    private readonly HashSet<int> _seen = [];

    private bool CoalesceOne()
    {
        while (_moves.TryPop(out int m))
        {
            if (_moveState[m] != 0)
                continue;
            int u = Alias(_graph.Moves[m].Dst), v = Alias(_graph.Moves[m].Src);
            if (v < Lir.FirstVirtual)
                (u, v) = (v, u);
            if (u == v || v < Lir.FirstVirtual || _graph.Meet(u, v))
            {
                _moveState[m] = 2; // one already, or never one
                Settle(u);
                Settle(v);
            }
            else if (IsAllowed(u) && (u < Lir.FirstVirtual ? IsHarmless(u, v) : FewCrowded(u, v)))
            {
                _moveState[m] = 2;
                Combine(u, v);
                Settle(u);
            }
            else
            {
                _moveState[m] = 1;
                continue;
            }
            return true;
        }
        return false;
    }

    // What a test takes away from the machine is not to be had through copies either, except around calls.
    private bool IsAllowed(int register) => register >= Lir.FirstVirtual || (_registers >> register & 1) != 0;

    private void Settle(int n)
    {
        if (n < Lir.FirstVirtual || _state[n] != Node.Frozen || IsMoved(n))
            return;
        _state[n] = Node.Simple;
        _simple.Push(n);
    }

    // George's test: every neighbour of v that counts meets the machine's register u already.
    private bool IsHarmless(int u, int v)
    {
        foreach (int n in _graph.Neighbours[v])
            if (IsThere(n) && n >= Limits.FramePointer && _graph.Degree[n] >= _colours && !_graph.Meet(n, u))
                return false;
        return true;
    }

    // Briggs's test: the one register made of both has fewer crowded neighbours than there are colours.
    private bool FewCrowded(int u, int v)
    {
        _seen.Clear();
        int crowded = 0;
        foreach (int n in _graph.Neighbours[u])
            if (IsThere(n) && _seen.Add(n) && (n < Lir.FirstVirtual || _graph.Degree[n] - (_graph.Meet(n, v) ? 1 : 0) >= _colours))
                crowded++;
        foreach (int n in _graph.Neighbours[v])
            if (IsThere(n) && _seen.Add(n) && (n < Lir.FirstVirtual || _graph.Degree[n] >= _colours))
                crowded++;
        return crowded < _colours;
    }

    private void Combine(int u, int v)
    {
        _state[v] = Node.Coalesced;
        _alias[v] = u;
        _graph.MovesOf[u].AddRange(_graph.MovesOf[v]);
        _graph.Cost[u] += _graph.Cost[v];
        EnableMoves(v);
        foreach (int n in _graph.Neighbours[v])
        {
            if (!IsThere(n))
                continue;
            if (!_graph.Meet(n, u))
                _graph.Connect(n, u); // n keeps as many neighbours as it had: v goes, u comes
            LoseNeighbour(n);
        }
        if (u >= Lir.FirstVirtual && _graph.Degree[u] >= _colours && _state[u] == Node.Frozen)
        {
            _state[u] = Node.Crowded;
            _crowded.Add(u);
        }
    }
}
