namespace Hachi.Tests.Guest;

/// <summary>The objects that the agent loads: built by clang from tests/Hachi.Guest/Objects, once a run.</summary>
internal static class GuestObjects
{
    private static readonly Lock s_lock = new();
    private static Dictionary<string, byte[]>? s_built;

    /// <summary>Their bytes, by file name; skips the test where there is no clang.</summary>
    public static IReadOnlyDictionary<string, byte[]> Need()
    {
        lock (s_lock)
            return s_built ??= Directory.GetFiles(Shared.InRepository("tests/Hachi.Guest/Objects"), "*.c").Order(StringComparer.Ordinal)
                .ToDictionary(file => Path.GetFileNameWithoutExtension(file) + ".o", file => Clang.Build(File.ReadAllText(file), "-mcpu=v3"));
    }
}
