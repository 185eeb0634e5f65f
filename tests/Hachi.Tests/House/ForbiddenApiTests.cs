namespace Hachi.Tests.House;

/// <summary>What a room must not call, read off the built assemblies.</summary>
public sealed class ForbiddenApiTests
{
    // Types, or single members, that make a result depend on the machine, the hour or chance, or that do I/O.
    private static readonly string[] s_impure =
    [
        "System.Console", "System.Environment", "System.Diagnostics.Stopwatch", "System.Diagnostics.Process", "System.TimeProvider",
        "System.IO.File", "System.IO.FileInfo", "System.IO.FileStream", "System.IO.Directory", "System.IO.DirectoryInfo", "System.IO.RandomAccess",
        "System.IO.MemoryMappedFiles.MemoryMappedFile", "Microsoft.Win32.SafeHandles.SafeFileHandle",
        "System.Net.Dns", "System.Net.Sockets.Socket", "System.Net.Http.HttpClient",
        "System.Security.Cryptography.RandomNumberGenerator",
        "System.DateTime::get_Now", "System.DateTime::get_UtcNow", "System.DateTime::get_Today",
        "System.DateTimeOffset::get_Now", "System.DateTimeOffset::get_UtcNow",
        "System.Random::get_Shared", "System.Random::.ctor/0", "System.Guid::NewGuid",
        "System.TimeZoneInfo", "System.Text.StringBuilder::AppendLine",
    ];

    // Not trimmable, or not there under NativeAOT.
    private static readonly string[] s_dynamic =
    [
        "System.Linq.Expressions.Expression", "System.Reflection.Emit.AssemblyBuilder", "System.Reflection.Assembly", "System.Activator", "System.Type::GetType",
    ];

    [Theory]
    [InlineData("Hachi")]
    [InlineData("Hachi.Lang")]
    public void Same_input_same_output_everywhere(string assembly) => AssertNone(assembly, s_impure);

    [Theory]
    [InlineData("Hachi")]
    [InlineData("Hachi.Lang")]
    [InlineData("Hachi.Linux")]
    public void No_reflection_in_libraries(string assembly) => AssertNone(assembly, s_dynamic);

    [Fact]
    public void Libraries_never_write_to_the_console() => AssertNone("Hachi.Linux", ["System.Console"]);

    [Fact]
    public void Native_calls_only_where_they_belong()
    {
        Assert.Empty(AssemblyFacts.Of("Hachi.Lang").NativeCallers);
        Assert.Empty(AssemblyFacts.Of("Hachi.Cli").NativeCallers);
        Assert.All(AssemblyFacts.Of("Hachi.Linux").NativeCallers, type => Assert.StartsWith("Hachi.Linux.Sys.", type));
        SortedSet<string> mappers = AssemblyFacts.Of("Hachi").NativeCallers;
        Assert.True(mappers.Count <= 1, "executable memory is mapped in one file: " + string.Join(' ', mappers));
        Assert.All(mappers, type => Assert.StartsWith("Hachi.Vm.Jit.", type));
    }

    [Fact]
    public void Emitted_code_has_one_door()
    {
        string[] users = [.. AssemblyFacts.All.SelectMany(facts => facts.Uses)
            .Where(use => use.Target.StartsWith("System.Reflection.Emit.DynamicMethod::.ctor", StringComparison.Ordinal)).Select(use => use.User).Distinct()];
        Assert.True(users.Length <= 1, "DynamicMethod is made in one place: " + string.Join(' ', users));
        Assert.All(users, type => Assert.StartsWith("Hachi.Vm.Jit.", type));
        // The door asks first whether the runtime can.
        foreach (string user in users)
            Assert.Contains(AssemblyFacts.Of("Hachi").Uses, use => use.User == user
                && use.Target == "System.Runtime.CompilerServices.RuntimeFeature::get_IsDynamicCodeSupported");
    }

    [Fact]
    public void The_walk_sees_what_is_there()
    {
        // The frame of the command line uses the console: if this walk did not see it, the tests above would prove nothing.
        Assert.Contains(AssemblyFacts.Of("Hachi.Cli").Uses, use => use.Target.StartsWith("System.Console::", StringComparison.Ordinal));
        Assert.Contains(AssemblyFacts.Of("Hachi.Cli").Uses, use => use is { Namespace: "Hachi.Cli", Target: "Hachi.Text.Diagnostic" });
    }

    private static void AssertNone(string assembly, string[] forbidden)
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Use use in AssemblyFacts.Of(assembly).Uses)
            if (forbidden.Contains(use.Target))
                found.Add($"{use.User} uses {use.Target}");
        Assert.True(found.Count == 0, "forbidden here:\n" + string.Join('\n', found));
    }
}
