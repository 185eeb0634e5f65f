namespace Hachi.Verify;

/// <summary>Compares arrays by what is in them.</summary>
internal sealed class ArrayComparer : IEqualityComparer<int[]>
{
    public static ArrayComparer Instance { get; } = new();

    public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

    public int GetHashCode(int[] array)
    {
        uint hash = 2166136261;
        foreach (int element in array)
            hash = (hash ^ (uint)element) * 16777619 ^ (hash >> 15);
        return (int)hash;
    }
}
