using System.Collections.Immutable;
using Hachi.Object;
using Hachi.Text;

namespace Hachi.Ir.Emit;

/// <summary>How eBPF is emitted.</summary>
internal sealed record EmitOptions
{
    /// <summary>
    /// The instruction set (clang's <c>-mcpu</c>): 1; 2: unsigned "less" jumps (Linux 4.14); 3: jumps on 32 bits (5.1), fetching atomics (5.12); 4: signed division, sign-extending moves and
    /// loads, long jumps (6.6).
    /// </summary>
    public int Level { get; init; } = 3;

    /// <summary>Registers that may hold values, as a mask of r0 to r9; tests take some away. r0 to r5 are always used around calls.</summary>
    public int Registers { get; init; } = 0x3ff;
}

/// <summary>What the emitter made.</summary>
/// <param name="Program">The program; null when there are errors.</param>
/// <param name="Origins">For each slot the origin that the front end gave, or -1.</param>
/// <param name="StackBytes">Bytes of stack that each function takes.</param>
/// <param name="Diagnostics">What was wrong. Their spans are empty: <see cref="TextSpan.Start"/> is the origin, or -1.</param>
internal sealed record EmittedProgram(ProgramSpec? Program, ImmutableArray<int> Origins, ImmutableArray<int> StackBytes, ImmutableArray<Diagnostic> Diagnostics);
