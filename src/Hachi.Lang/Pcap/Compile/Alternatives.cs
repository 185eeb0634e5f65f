namespace Hachi.Lang.Pcap.Compile;

/// <summary>
/// Brings the alternatives of a long <c>or</c> together by the test that each begins with: of
/// <c>(ip and a) or (arp and b) or (ip and c) or (arp and d)</c> it makes <c>(ip and (a or c)) or (arp and (b or d))</c>.
/// </summary>
/// <remarks>
/// The tests that alternatives begin with compare one word of the packet with constants, so at most one of them holds; for a packet of whichever kind, the same
/// tests follow in the same order as before, and what fails on a load outside the packet fails as before. The passes over the SSA form would find all this
/// out from the facts on the edges, test by test; lists of hosts are compiled in a third of the time when they need not.
/// </remarks>
internal sealed class Alternatives
{
    private const int AlternativesMin = 6, GroupsMax = 8, DepthMax = 16;

    private readonly List<Test> _flat = [];
    private readonly Stack<Test> _work = new();
    private readonly Group[] _groups = new Group[GroupsMax];
    private int _groupCount;

    private struct Group
    {
        public Test Guard; // one test, or several, of which one must hold
        public uint K;
        public List<Test> Members;
    }

    /// <summary>The same decision with its alternatives brought together; the very same object when there is nothing to gain.</summary>
    /// <param name="or">An <see cref="TestOp.Or"/> that is no operand of another one.</param>
    public Test Gather(Test or)
    {
        if (!IsLong(or))
            return or;
        _flat.Clear();
        _work.Push(or);
        while (_work.TryPop(out Test? test))
        {
            if (test.Op != TestOp.Or)
            {
                _flat.Add(test);
                continue;
            }
            _work.Push(test.Right!);
            _work.Push(test.Left!);
        }
        Test? made = null;
        bool gains = false;
        for (int i = 0; i < _flat.Count;)
        {
            int end = Collect(i);
            bool shares = _groupCount > 0 && _groupCount < end - i;
            gains |= shares;
            if (shares)
            {
                ShareMembers();
                for (int g = 0; g < _groupCount; g++)
                    made = Join(made, And(_groups[g].Guard, Members(_groups[g].Members)));
            }
            else
            {
                for (int j = i; j < end; j++)
                    made = Join(made, _flat[j]);
            }
            i = end;
        }
        return gains ? made! : or;
    }

    /// <summary>Whether there are enough alternatives to be worth a look, and something stands behind the test that the first begins with.</summary>
    private static bool IsLong(Test or) => HasMany(or, AlternativesMin, out Test first) && first.Op == TestOp.And;

    /// <summary>Whether a decision has at least so many alternatives, and the first of them.</summary>
    public static bool HasMany(Test or, int min, out Test first)
    {
        int count = 1;
        first = or;
        for (; first.Op == TestOp.Or; first = first.Left!)
            for (Test right = first; right.Op == TestOp.Or && count < min; right = right.Right!)
                count++;
        return count >= min;
    }

    /// <summary>Fills the groups with a run of alternatives that begin with tests of one word; returns where it ends (at least one further).</summary>
    private int Collect(int from)
    {
        _groupCount = 0;
        Arith? word = null;
        for (int i = from; i < _flat.Count; i++)
        {
            Test? guard = GuardOf(_flat[i]);
            if (guard is null || (word is not null && !Same(word, guard.A, 1)))
                return Math.Max(i, from + 1);
            word ??= guard.A;
            int g = 0;
            while (g < _groupCount && _groups[g].K != guard.B!.K)
                g++;
            if (g == GroupsMax)
                return i;
            if (g == _groupCount)
            {
                ref Group group = ref _groups[_groupCount++];
                (group.Guard, group.K) = (guard, guard.B!.K);
                (group.Members ??= []).Clear();
            }
            _groups[g].Members.Add(_flat[i]);
        }
        return _flat.Count;
    }

    /// <summary>The comparison of a word of the packet with a constant that an alternative begins with, or null.</summary>
    private static Test? GuardOf(Test test)
    {
        for (int depth = 0; test.Op == TestOp.And && depth < DepthMax; depth++)
            test = test.Left!;
        bool compares = test.Op == TestOp.Eq && test.B!.Op == ArithOp.Const
            && test.A!.Op is ArithOp.Load8 or ArithOp.Load16 or ArithOp.Load32 && test.A.A is null;
        return compares ? test : null;
    }

    /// <summary>Groups that go on in the same way become one.</summary>
    private void ShareMembers()
    {
        for (int g = _groupCount - 1; g > 0; g--)
        {
            if (!GoOnAlike(_groups[g - 1].Members, _groups[g].Members))
                continue;
            _groups[g - 1].Guard = Or(_groups[g - 1].Guard, _groups[g].Guard);
            (Group gone, int rest) = (_groups[g], _groupCount - g - 1);
            Array.Copy(_groups, g + 1, _groups, g, rest);
            _groups[--_groupCount] = gone; // (its list is used again)
        }
    }

    private static bool GoOnAlike(List<Test> x, List<Test> y)
    {
        if (x.Count != y.Count)
            return false;
        for (int i = 0; i < x.Count; i++)
            if (x[i].Op != y[i].Op || (x[i].Op == TestOp.And && (x[i].Left!.Op == TestOp.And || !Same(x[i].Right, y[i].Right, DepthMax) || y[i].Left!.Op == TestOp.And)))
                return false;
        return true;
    }

    /// <summary>What a group's alternatives ask behind the test that they share.</summary>
    private static Test Members(List<Test> members)
    {
        Test? made = null;
        foreach (Test member in members)
            made = Join(made, Rest(member));
        return made!;
    }

    private static Test Rest(Test test)
    {
        if (test.Op != TestOp.And)
            return new Test(TestOp.True, test.Span);
        return test.Left!.Op == TestOp.And ? And(Rest(test.Left), test.Right!) : test.Right!; // no deeper than GuardOf has looked
    }

    private static bool Same(Test? x, Test? y, int depth)
    {
        if (x is null || y is null || ReferenceEquals(x, y))
            return ReferenceEquals(x, y);
        return depth > 0 && x.Op == y.Op && (x.K, x.K2, x.K3) == (y.K, y.K2, y.K3) && ReferenceEquals(x.Steps, y.Steps)
            && Same(x.A, y.A, depth - 1) && Same(x.B, y.B, depth - 1) && Same(x.Left, y.Left, depth - 1) && Same(x.Right, y.Right, depth - 1);
    }

    private static bool Same(Arith? x, Arith? y, int depth)
    {
        if (x is null || y is null || ReferenceEquals(x, y))
            return ReferenceEquals(x, y);
        return depth > 0 && x.Op == y.Op && x.K == y.K && Same(x.A, y.A, depth - 1) && Same(x.B, y.B, depth - 1);
    }

    private static Test Join(Test? first, Test second) => first is null ? second : Or(first, second);

    private static Test Or(Test left, Test right) => new(TestOp.Or, left.Span) { Left = left, Right = right };

    private static Test And(Test left, Test right) => new(TestOp.And, left.Span) { Left = left, Right = right };
}
