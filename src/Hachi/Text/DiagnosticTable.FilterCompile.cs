namespace Hachi.Text;

/// <summary>What the compiler of capture filters says once an expression is understood.</summary>
public static partial class DiagnosticTable
{
    /// <summary>Nothing can match.</summary>
    public static readonly DiagnosticInfo FilterRejectsAll = Add("HF0901", Severity.Error, "expression rejects all packets",
        "No packet can match: two parts contradict each other, or the link type never carries the protocol. Ask for each part alone to see which.");

    /// <summary>M[] is too small.</summary>
    public static readonly DiagnosticInfo FilterOutOfMemoryWords = Add("HF0902", Severity.Error, "out of registers",
        "The arithmetic needs more intermediate results than the sixteen words of scratch memory of classic BPF. Split it, or drop parentheses that nest on the right.");
}
