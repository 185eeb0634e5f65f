namespace Hachi.Captures.Sample;

/// <summary>SplitMix64: small, fast, and the same on every machine and version, which the framework's generator does not promise.</summary>
internal struct SampleRandom(ulong seed)
{
    private ulong _state = seed;

    internal ulong Next()
    {
        ulong z = _state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// <summary>A number from 0 to <paramref name="bound"/> - 1.</summary>
    internal int Below(int bound) => (int)((Next() >> 32) * (uint)bound >> 32);

    /// <summary>A number from <paramref name="min"/> to <paramref name="max"/>.</summary>
    internal int Between(int min, int max) => min + Below(max - min + 1);

    /// <summary>True in so many cases of a thousand.</summary>
    internal bool PerMille(int chance) => Below(1000) < chance;
}
