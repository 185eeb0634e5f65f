using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Hachi.Linux.Symbols;

namespace Hachi.Tests.Linux;

/// <summary>Addresses of real processes get the names that their sources gave: C, stripped C with its debug file, .NET as it runs, .NET compiled beforehand.</summary>
public sealed class SymbolTests
{
    [Fact]
    public void Functions_of_libraries_are_named_in_this_process()
    {
        nint library = NativeLibrary.Load("libc.so.6");
        foreach (string name in new[] { "getpgid", "qsort", "strtoul" })
        {
            ulong address = (ulong)NativeLibrary.GetExport(library, name);
            Symbol? found = new ProcessSymbols().Find(Environment.ProcessId, address + 1);
            Assert.Contains("libc", found?.Module);
            Assert.Equal(1ul, found!.Value.Offset);
            // One address may have several names (aliases).
            Assert.True(found.Value.Name.Contains(name, StringComparison.Ordinal) || name.Contains(found.Value.Name.TrimStart('_'), StringComparison.Ordinal), found.Value.Name);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Functions_of_a_program_are_named_stripped_or_not(bool isStripped)
    {
        string gcc = Tools.Need("gcc"), objcopy = Tools.Need("objcopy", "binutils"), folder = Directory.CreateTempSubdirectory("hachi-symbols-").FullName;
        try
        {
            string program = Path.Combine(folder, "prog");
            File.WriteAllText(program + ".c", "#include <stdio.h>\n#include <unistd.h>\nstatic __attribute__((noinline)) int deep_inside(int x) { return x * 3; }\nint main(void) { printf(\"%p %d\\n\", (void *)deep_inside, deep_inside(2)); fflush(stdout); pause(); return 0; }\n");
            Tools.RunOk(gcc, ["-O1", "-o", program, program + ".c"], folder: folder);
            if (isStripped)
            {
                Tools.RunOk(objcopy, ["--only-keep-debug", program, program + ".debug"], folder: folder);
                Tools.RunOk(objcopy, ["--strip-all", "--add-gnu-debuglink=prog.debug", program], folder: folder);
            }
            using Process child = Process.Start(new ProcessStartInfo(program) { RedirectStandardOutput = true })!;
            try
            {
                ulong address = ulong.Parse(child.StandardOutput.ReadLine()!.Split(' ')[0].AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                var symbols = new ProcessSymbols();
                Assert.Equal(new Symbol("deep_inside", 2, program), symbols.Find(child.Id, address + 2));
                Assert.Null(symbols.Find(child.Id, 16));
                child.Kill();
                child.WaitForExit();
                // What was read stays when the process is gone.
                Assert.Equal("deep_inside", symbols.Find(child.Id, address)?.Name);
            }
            finally
            {
                if (!child.HasExited)
                    child.Kill();
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Methods_compiled_beforehand_are_named_in_their_assembly()
    {
        // The base library is compiled beforehand; a method that nobody calls in a loop stays so. The table itself is asked, by its own entries.
        string path = typeof(object).Assembly.Location;
        using var image = new System.Reflection.PortableExecutable.PEReader(File.OpenRead(path));
        SymbolTable? table = ReadyToRun.Read(image);
        Assert.NotNull(table);
        Assert.True(table.Count > 10_000, $"{table.Count} methods");
        ulong? concat = table.AddressOf("System.String::Concat");
        Assert.NotNull(concat);
        Assert.Equal(("System.String::Concat", 3ul), table.Find(concat.Value + 3));
    }

    [Fact]
    public void A_running_dotnet_process_tells_the_names_of_its_methods()
    {
        string dotnet = Tools.Need("dotnet");
        string tool = Path.Combine(AppContext.BaseDirectory, "Hachi.Cli.dll");
        using Process child = Process.Start(new ProcessStartInfo(dotnet, [tool, "disasm", "-"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        string map = $"/tmp/perf-{child.Id}.map";
        try
        {
            string? refusal = "not asked";
            for (int attempt = 0; attempt < 100 && refusal is not null; attempt++)
            {
                refusal = DotnetRuntime.TryEnablePerfMap(child.Id);
                if (refusal is not null)
                    Thread.Sleep(50);
            }
            Assert.Null(refusal);
            Assert.True(DotnetRuntime.IsDotnet(child.Id));
            string[]? row = null;
            for (int attempt = 0; attempt < 100 && row is null; attempt++)
            {
                row = File.Exists(map) ? Array.Find(File.ReadAllLines(map), line => line.Contains("Hachi.Cli", StringComparison.Ordinal))?.Split(' ', 3) : null;
                if (row is null)
                    Thread.Sleep(50);
            }
            Assert.NotNull(row);
            ulong address = ulong.Parse(row[0].Replace("0x", "", StringComparison.Ordinal), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            string name = new ProcessSymbols().Find(child.Id, address)!.Value.Name;
            Assert.Equal(DotnetName.Short(row[2]), name);
            Assert.StartsWith("Hachi.Cli", name);
        }
        finally
        {
            child.Kill();
            child.WaitForExit();
            File.Delete(map);
        }
    }

    [Theory]
    [InlineData("void [Work] Work.Inner::Run()[QuickJitted]", "Work.Inner::Run[QuickJitted]")]
    [InlineData("instance valuetype [System.Runtime]System.TimeSpan [xunit.core] Xunit.Timer`1[System.__Canon]::Measure(class [netstandard]System.Func`1<valuetype [System.Runtime]System.TimeSpan>)[OptimizedTier1]", "Xunit.Timer`1[System.__Canon]::Measure[OptimizedTier1]")]
    [InlineData("instance valuetype [A]S.Task`1<valuetype [B]S.Span> [xunit.core] Xunit.Timer+<>c::<Measure>b__0(int32)[PreJIT]", "Xunit.Timer+<>c::<Measure>b__0[PreJIT]")]
    [InlineData("LazyCompile:~work /app/main.js:3", "LazyCompile:~work /app/main.js:3")]
    [InlineData("stub GenerateLookupStub<GenerateLookupStub>", "stub GenerateLookupStub<GenerateLookupStub>")]
    [InlineData("a::b", "a::b")]
    public void Methods_are_called_by_type_and_name(string written, string expected) => Assert.Equal(expected, DotnetName.Short(written));

    [Theory]
    [InlineData("_ZN3WKS7gc_heap14virtual_commitEPvmiiPb", "WKS::gc_heap::virtual_commit")]
    [InlineData("_Z12InitializeGCv", "InitializeGC")]
    [InlineData("_ZL6hiddeni", "hidden")]
    [InlineData("_ZNK1A3getEv", "A::get")]
    [InlineData("_ZN1AC2Ei", "A::A")]
    [InlineData("_ZN1AD0Ev", "A::~A")]
    [InlineData("_ZN12_GLOBAL__N_13runEv", "(anonymous namespace)::run")]
    [InlineData("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write")]
    [InlineData("_ZN60_$LT$alloc..vec..Vec$LT$u8$GT$$u20$as$u20$std..io..Write$GT$5write17h0123456789abcdefE", "<alloc::vec::Vec<u8> as std::io::Write>::write")]
    [InlineData("_ZNSt6vectorIiSaIiEE9push_backEOi", "_ZNSt6vectorIiSaIiEE9push_backEOi")]
    [InlineData("_ZN3fooIiEEvT_", "_ZN3fooIiEEvT_")]
    [InlineData("_Z3maxIiET_S0_S0_", "_Z3maxIiET_S0_S0_")]
    [InlineData("_ZN999foo", "_ZN999foo")]
    [InlineData("_ZN", "_ZN")]
    [InlineData("_Z", "_Z")]
    [InlineData("_ZN3foo", "_ZN3foo")]
    [InlineData("main", "main")]
    public void Names_of_cpp_and_rust_are_readable(string symbol, string expected) => Assert.Equal(expected, MangledName.Readable(symbol));

    [Fact]
    public void Those_that_are_no_dotnet_processes_are_told() => Assert.Contains("no diagnostics socket", DotnetRuntime.TryEnablePerfMap(1));

    [Fact]
    public void The_kernel_names_its_own()
    {
        Tools.NeedRoot();
        var symbols = new KernelSymbols();
        ulong? address = symbols.AddressOf("schedule");
        if (address is null)
            Assert.Skip("needs addresses in /proc/kallsyms (kernel.kptr_restrict)");
        Assert.Equal("schedule", symbols.Find(address.Value + 4)?.Name);
        Assert.Null(symbols.Find(0));
    }
}
