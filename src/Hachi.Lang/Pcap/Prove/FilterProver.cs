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
    private const string UsedUp = "the budget is used up";

    /// <summary>Proves that a program accepts the packets that a filter accepts, and no others; or finds one on which they differ.</summary>
    /// <param name="tree">The filter.</param>
    /// <param name="snapLength">What the program has to return for packets that match.</param>
    /// <param name="program">The program.</param>
    /// <param name="budget">What it may cost; <see cref="ProofBudget.Default"/> when null.</param>
    public static FilterProof Prove(FilterTree tree, int snapLength, ClassicProgram program, ProofBudget? budget = null)
    {
        budget ??= ProofBudget.Default;
        FilterProof proof = Prove(tree, snapLength, program, budget, budget.StepsMax / 2, fixedFirst: true);
        if (proof.Reason != UsedUp)
            return proof;
        long steps = proof.Steps;
        proof = Prove(tree, snapLength, program, budget, budget.StepsMax - steps, fixedFirst: false);
        return proof with { Steps = proof.Steps + steps };
    }

    private static FilterProof Prove(FilterTree tree, int snapLength, ClassicProgram program, ProofBudget budget, long stepsMax, bool fixedFirst)
    {
        var diagram = new DecisionDiagram(stepsMax);
        var values = new SymbolicValues(diagram);
        // The program goes first: bits are ordered as they are met, and a program that searches large sets is cheap to follow only in its own order.
        ClassicVerdicts verdicts = ClassicMeaning.Follow(program, values, (uint)snapLength, budget.StatesMax, fixedFirst);
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
        return Undecided("arithmetic on several words");

        bool IsExhausted() => diagram.IsExhausted || values.IsExhausted;

        FilterProof Undecided(string why) => new(ProofOutcome.Undecided, null, verdicts.States, diagram.Steps, why);
    }

    private static bool Differ(FilterTree tree, int snapLength, ClassicProgram program, WitnessPacket packet)
    {
        bool matches = TreeEvaluator.Matches(tree, packet.Data, (int)packet.WireLength, packet.Metadata);
        uint returned = ClassicInterpreter.Run(program, packet.Data, packet.WireLength, packet.Metadata);
        return returned != (matches ? (uint)snapLength : 0);
    }
}
