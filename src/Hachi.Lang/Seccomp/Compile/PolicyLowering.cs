using Hachi.Ir;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Compile;

/// <summary>Lowers a policy: which architecture, then a search for the number, then the tests of arguments.</summary>
internal sealed class PolicyLowering
{
    /// <summary>What a run of numbers that no call has weighs, where a call weighs 1.</summary>
    private const double UnknownWeight = 0.05;

    private const uint NumberOffset = 0, ArchitectureOffset = 4;

    private readonly SeccompPolicy _policy;
    private readonly IrFunction _f;
    private readonly CallLowering _calls;
    private readonly SeccompWeights _weights;
    private readonly List<(IReadOnlyList<SeccompRule> Rules, int Block)> _lowered = [];

    private PolicyLowering(SeccompPolicy policy, IrFunction f, SeccompWeights weights)
    {
        _policy = policy;
        _f = f;
        _weights = weights;
        _calls = new CallLowering(f, policy.DefaultAction);
    }

    public static void Lower(SeccompPolicy policy, IrFunction f, SeccompWeights weights) => new PolicyLowering(policy, f, weights).Lower();

    private void Lower()
    {
        int next = _calls.Return(_policy.OtherArchitectures);
        int architecture = _calls.Word(ArchitectureOffset);
        uint[] audits = [.. _policy.Architectures.Select(each => each.Architecture.Audit()).Distinct()];
        for (int i = audits.Length - 1; i >= 0; i--)
        {
            int search = SearchTree.Build(_f, _calls.Word(NumberOffset), Regions(audits[i]));
            int block = _f.NewBlock();
            _f.Branch(block, IrCompare.Eq, architecture, _f.Const(audits[i]), search, next);
            next = block;
        }
        _f.Entry = next;
    }

    /// <summary>All numbers with this audit architecture.</summary>
    private List<Region> Regions(uint audit)
    {
        var regions = new List<Region>();
        bool isX86 = audit == SeccompArchitecture.X86_64.Audit();
        if (!isX86)
        {
            SeccompArchitecturePolicy only = _policy.Architectures.First(each => each.Architecture.Audit() == audit);
            Add(regions, only, 0, uint.MaxValue);
            return regions;
        }
        Add(regions, _policy.Of(SeccompArchitecture.X86_64), 0, SeccompArchitectures.X32Bit - 1);
        Add(regions, _policy.Of(SeccompArchitecture.X32), SeccompArchitectures.X32Bit, uint.MaxValue - 1);
        Add(regions, _policy.Of(SeccompArchitecture.X86_64), uint.MaxValue, uint.MaxValue); // -1: a call that a tracer has taken away
        return regions;
    }

    /// <summary>The numbers from first to last, as <c>seccomp_data</c> holds them, of one architecture.</summary>
    private void Add(List<Region> regions, SeccompArchitecturePolicy? policy, uint first, uint last)
    {
        if (policy is null)
        {
            regions.Add(new Region(first, last, _calls.Return(_policy.OtherArchitectures), UnknownWeight));
            return;
        }
        SyscallTable table = SyscallTable.Of(policy.Architecture);
        uint next = first;
        foreach ((int number, SeccompCall call) in policy.Calls.OrderBy(row => row.Key))
        {
            uint data = policy.Architecture.DataNumber(number);
            if (data < first || data > last)
                continue;
            if (data > next)
                AddUnruled(regions, policy, table, next, data - 1);
            regions.Add(new Region(data, data, Block(call.Rules), _weights.Of(policy.Architecture, call.Info.Name)));
            if (data == last)
                return;
            next = data + 1;
        }
        AddUnruled(regions, policy, table, next, last);
    }

    private void AddUnruled(List<Region> regions, SeccompArchitecturePolicy policy, SyscallTable table, uint first, uint last)
    {
        int block = _calls.Return(_policy.DefaultAction);
        if (policy.Newer is { } newer && newer.Action != _policy.DefaultAction)
        {
            uint split = policy.Architecture.DataNumber(newer.Last);
            int later = _calls.Return(newer.Action);
            if (split < first)
            {
                block = later;
            }
            else if (split < last)
            {
                regions.Add(new Region(first, split, block, UnknownWeight + Known(table, first, split)));
                (first, block) = (split + 1, later);
            }
        }
        regions.Add(new Region(first, last, block, UnknownWeight + Known(table, first, last)));
    }

    /// <summary>What the calls between two numbers weigh that have no rule: they are made, too, by programs that try.</summary>
    private double Known(SyscallTable table, uint first, uint last)
    {
        double weight = 0;
        foreach (SyscallInfo call in table.All)
            if (table.Architecture.DataNumber(call.Number) is var data && data >= first && data <= last)
                weight += _weights.OfUnruled(table.Architecture, call.Name);
        return weight;
    }

    private int Block(IReadOnlyList<SeccompRule> rules)
    {
        foreach ((IReadOnlyList<SeccompRule> known, int made) in _lowered)
            if (known.Count == rules.Count && known.Zip(rules).All(pair => pair.First.SaysAs(pair.Second)))
                return made;
        int block = _calls.Lower(rules);
        _lowered.Add((rules, block));
        return block;
    }
}
