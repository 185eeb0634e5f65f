using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Lower;
using Hachi.Linux.Kernel;
using Hachi.Linux.Run;

namespace Hachi.Tests.Trace;

/// <summary>Scripts that need nothing but themselves, run in the kernel: what they print.</summary>
public sealed class RunTests
{
    private static readonly KernelFacts s_facts = new();

    [Theory]
    [InlineData("BEGIN { printf(\"%d %s %x\\n\", 1, \"a\", 255); }", "1 a ff\n\n")]
    [InlineData("BEGIN { @ = count(); @ = count(); }", "\n@: 2\n")]
    [InlineData("BEGIN { @a[1, \"x\"] = (1, \"abc\", (int8)3); }", "\n@a[1, x]: (1, abc, 3)\n")]
    [InlineData("BEGIN { @x = avg(1); @x = avg(5); @y = sum(-3); @z = min(7); @z = min(4); @w = stats(6); }", "\n@w: { .count = 1, .average = 6, .total = 6 }\n\n@x: 3\n\n@y: -3\n@z: 4\n")]
    [InlineData("BEGIN { @ = hist(0); @ = hist(1); @ = hist(5); @ = hist(-1); }", "\n@: \n(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n[0]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n[1]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n[2, 4)                 0 |                                                    |\n[4, 8)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n\n")]
    [InlineData("BEGIN { @ = lhist(12, 0, 100, 10); }", "\n@: \n[10, 20)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n\n")]
    [InlineData("BEGIN { $i = 0; while ($i < 5) { $i++; if ($i == 2) { continue; } if ($i == 4) { break; } print($i); } }", "1\n3\n\n")]
    [InlineData("BEGIN { @m[1] = 2; $n = 1; for ($kv : @m) { print($kv); $n += $kv.1; } for ($i : 1..$n) { print($i); } clear(@m); }", "(1, 2)\n1\n2\n\n")]
    [InlineData("BEGIN { @s = \"hello\"; if (@s == \"hello\") { print(\"same\"); } if (strncmp(@s, \"help\", 3) == 0) { print(\"three\"); } clear(@s); }", "same\nthree\n\n")]
    [InlineData("struct A { int x : 3, y : 5; char c; } BEGIN { print((sizeof(struct A), offsetof(struct A, c), (uint8)300, -7 / 2, -7 % 2, 7 >> 1)); }", "(4, 1, 44, -3, -1, 3)\n\n")]
    [InlineData("macro add(a, $b) { $b += a; $b } BEGIN { $x = 1; print(add(2, $x)); print($x); } END { print(\"end\"); }", "3\n3\nend\n\n")]
    [InlineData("BEGIN { print(strcontains(\"hello world\", str($1))); print(1 ? \"a\" : \"bc\"); print(ntop(0x0100007f)); exit(); print(9); }", "true\na\n127.0.0.1\n\n", "wor")]
    public void It_prints(string script, string expected, params string[] parameters)
    {
        Tools.NeedRoot();
        TraceCompilation made = TraceCompiler.Compile(script, new TraceOptions { Parameters = parameters }, s_facts);
        Assert.True(made.Object is not null, string.Join('\n', made.Diagnostics));
        using var output = new StringWriter();
        using var errors = new StringWriter();
        using (var run = new TraceRun(made.Object, output, errors))
            run.Run();
        Assert.Equal(expected, output.ToString());
        Assert.StartsWith("Attached ", errors.ToString(), StringComparison.Ordinal);
    }
}
