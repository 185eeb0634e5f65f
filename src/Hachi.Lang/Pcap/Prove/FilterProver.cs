using Hachi.Isa;
using Hachi.Verify;
using Hachi.Vm;

namespace Hachi.Lang.Pcap.Prove;

/// <summary>
/// Compares a resolved filter with the classic program made from it. Both become functions of the bits of an unknown packet (its bytes, its lengths, its
/// metadata), in one decision diagram where equal functions are one node. It shares nothing with the compiler but the meaning of an operation.
/// </summary>
public static class FilterProver
{
    private const string UsedUp = "the budget is used up", TooWide = "arithmetic on several words";

    /// <summary>
    /// The order in which bits are asked, and how wide a word may be to be compared exactly, decide what a proof costs, and no choice is best for all filters.
    /// The first compares hardly any word exactly: most programs compute what their filter does, and that two words are made alike costs nothing to see.
    /// </summary>
    private static readonly Attempt[] s_attempts = [new(true, 4, 25), new(true, 10, 30), new(false, 10, 20), new(true, 16, 13), new(false, 16, 12)];

    /// <summary>Proves that a program accepts the packets that a filter accepts, and no others; or finds one on which they differ.</summary>
    /// <param name="tree">The filter.</param>
    /// <param name="snapLength">What the program has to return for packets that match.</param>
    /// <param name="program">The program.</param>
    /// <param name="budget">What it may cost; <see cref="ProofBudget.Default"/> when null.</param>
    public static FilterProof Prove(FilterTree tree, int snapLength, ClassicProgram program, ProofBudget? budget = null)
    {
        budget ??= ProofBudget.Default;
        long steps = 0;
        FilterProof? proof = null;
        foreach (Attempt attempt in s_attempts)
        {
            proof = Prove(tree, snapLength, program, budget, attempt);
            steps += proof.Steps;
            if (proof.Reason is not (UsedUp or TooWide))
                break;
        }
        return proof! with { Steps = steps };
    }

    private static FilterProof Prove(FilterTree tree, int snapLength, ClassicProgram program, ProofBudget budget, Attempt attempt)
    {
        var diagram = new DecisionDiagram(budget.StepsMax * attempt.Percent / 100);
        var values = new SymbolicValues(diagram, attempt.CompareSupportMax);
        // The program goes first: bits are ordered as they are met, and a program that searches large sets is cheap to follow only in its own order.
        ClassicVerdicts verdicts = ClassicMeaning.Follow(program, values, (uint)snapLength, budget.StatesMax, attempt.FixedFirst);
        string? reason = verdicts.Refused;
        int matches = DecisionDiagram.False;
        if (reason is null && !IsExhausted())
        {
            var meaning = new TreeMeaning(values, tree.VariableCount);
            matches = meaning.Matches(tree);
            reason = meaning.Refused;
        }
        if (reason is not null || IsExhausted())
            return Undecided(reason ?? UsedUp);

        int differ = diagram.Or(diagram.Xor(matches, verdicts.Returns), verdicts.ReturnsOther);
        var witness = new PacketWitness(values);
        for (int round = 0; round < budget.RoundsMax; round++)
        {
            bool found = witness.TryFind(ref differ, out WitnessPacket? packet);
            if (IsExhausted())
                return Undecided(UsedUp);
            if (!found && differ == DecisionDiagram.False)
                return new FilterProof(ProofOutcome.Proved, null, verdicts.States, diagram.Steps, null);
            if (!found)
                return Undecided("only packets too long to be made seem to differ");
            if (Differ(tree, snapLength, program, packet!))
                return new FilterProof(ProofOutcome.Counterexample, packet, verdicts.States, diagram.Steps, null);
            if (witness.IsAsDescribed)
                return Undecided("a packet that should differ does not");
        }
        return Undecided(TooWide);

        bool IsExhausted() => diagram.IsExhausted || values.IsExhausted;

        FilterProof Undecided(string why) => new(ProofOutcome.Undecided, null, verdicts.States, diagram.Steps, why);
    }

    private static bool Differ(FilterTree tree, int snapLength, ClassicProgram program, WitnessPacket packet)
    {
        bool matches = TreeEvaluator.Matches(tree, packet.Data, (int)packet.WireLength, packet.Metadata);
        uint returned = ClassicInterpreter.Run(program, packet.Data, packet.WireLength, packet.Metadata);
        return returned != (matches ? (uint)snapLength : 0);
    }

    /// <summary>One way to prove.</summary>
    /// <param name="FixedFirst">Whether bytes at fixed offsets are asked first.</param>
    /// <param name="CompareSupportMax">See <see cref="SymbolicValues"/>.</param>
    /// <param name="Percent">Its share of the budget.</param>
    private readonly record struct Attempt(bool FixedFirst, int CompareSupportMax, int Percent);
}
