namespace Hachi.Tests.Guest;

/// <summary>The objects that the agent loads: built by clang from tests/Hachi.Guest/Objects, once a run; and the program that they probe, by gcc.</summary>
internal static class GuestObjects
{
    private static readonly Lock s_lock = new();
    private static Dictionary<string, byte[]>? s_built;

    /// <summary>Their bytes, by file name; skips the test where there is no clang.</summary>
    public static IReadOnlyDictionary<string, byte[]> Need()
    {
        lock (s_lock)
            return s_built ??= Build();
    }

    private static Dictionary<string, byte[]> Build()
    {
        var built = Directory.GetFiles(Shared.InRepository("tests/Hachi.Guest/Objects"), "*.c").Order(StringComparer.Ordinal)
            .ToDictionary(file => Path.GetFileNameWithoutExtension(file) + ".o", file => Clang.Build(File.ReadAllText(file), "-mcpu=v3"));
        string output = Path.GetTempFileName();
        try
        {
            Tools.RunOk(Tools.Need("gcc"), ["-static", "-nostdlib", "-O1", "-fno-stack-protector", "-o", output, Shared.InRepository("tests/Hachi.Guest/Programs/probed.c")]);
            built["probed"] = File.ReadAllBytes(output);
        }
        finally
        {
            File.Delete(output);
        }
        return built;
    }
}
