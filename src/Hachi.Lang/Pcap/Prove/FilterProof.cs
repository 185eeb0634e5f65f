using Hachi.Verify;

namespace Hachi.Lang.Pcap.Prove;

/// <summary>What a proof may cost, counted in steps so that the same filter gives the same answer on every machine.</summary>
/// <param name="StepsMax">Steps of the decision diagram.</param>
/// <param name="StatesMax">Places of the program, times what its registers hold there.</param>
/// <param name="RoundsMax">Packets that are tried when the two sides seem to differ.</param>
public sealed record ProofBudget(long StepsMax = 100_000_000, int StatesMax = 200_000, int RoundsMax = 200)
{
    /// <summary>Enough for a thousand hosts, or two tunnels in each other behind VLAN tags.</summary>
    public static ProofBudget Default { get; } = new();
}

/// <summary>How a proof ends.</summary>
public enum ProofOutcome : byte
{
    /// <summary>The program decides as the expression does, on every packet there is.</summary>
    Proved,

    /// <summary>There is a packet on which they differ.</summary>
    Counterexample,

    /// <summary>Neither was found.</summary>
    Undecided,
}

/// <summary>The answer of the prover.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Packet">The packet on which they differ; run, and seen to differ.</param>
/// <param name="Paths">States of the program that were followed; each stands for all paths that lead to it.</param>
/// <param name="Steps">Steps of the decision diagram.</param>
/// <param name="Reason">Why it is undecided, in words, or null.</param>
public sealed record FilterProof(ProofOutcome Outcome, WitnessPacket? Packet, int Paths, long Steps, string? Reason);
