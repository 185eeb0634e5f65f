using System.Globalization;

namespace Hachi.Tests.Support;

/// <summary>How much a property test does: a small share as a rule, the full counts with <c>HACHI_VOLUME=1</c> (<c>./test --volume</c>).</summary>
internal static class Volume
{
    /// <summary>Whether the full counts are asked for.</summary>
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("HACHI_VOLUME") is { Length: > 0 } and not "0";

    private static readonly string? s_named = Environment.GetEnvironmentVariable("HACHI_SEED") is { Length: > 0 } named ? named : null;

    /// <summary>The seed of this run: the number in <c>HACHI_SEED</c>, or a new one. Write it in the message of every assertion on random input.</summary>
    public static ulong Seed { get; } = ulong.TryParse(s_named, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed)
        ? seed
        : (ulong)System.Random.Shared.NextInt64(1, 1_000_000_000);

    /// <summary>For CsCheck's <c>seed:</c> argument: what <c>HACHI_SEED</c> holds when it is one of CsCheck's own seeds (as a failure prints them), otherwise null.</summary>
    public static string? CsCheckSeed { get; } = ulong.TryParse(s_named, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? null : s_named;

    /// <summary>The number of cases to run.</summary>
    /// <param name="full">With <c>HACHI_VOLUME</c>: the count that the issue names.</param>
    /// <param name="share">Without: what takes a second or two.</param>
    public static int Of(int full, int share) => IsFull ? full : share;

    /// <summary>A generator that depends on <see cref="Seed"/> and on a name (that of the test), and prints the seed into the test's output.</summary>
    public static Random Random(string name)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in name)
            hash = (hash ^ c) * 1099511628211;
        hash ^= Seed * 0x9E3779B97F4A7C15;
        TestContext.Current.TestOutputHelper?.WriteLine($"{Note}");
        return new Random((int)(hash ^ (hash >> 32)));
    }

    /// <summary>Words for a failure message: how to run the same cases again.</summary>
    public static string Note => $"HACHI_SEED={Seed}{(IsFull ? " HACHI_VOLUME=1" : "")}";
}
