using System.Text;
using System.Text.Json;
using Hachi.Asm;
using Hachi.Cli;
using Hachi.Isa;

namespace Hachi.Tests.Cli;

public sealed class RunVerbTests
{
    private const string Sum = """
        ; adds the bytes of the memory
                r0 = 0
        next:   if r2 == 0 goto out
                r3 = *(u8 *)(r1 + 0)
                r0 += r3
                r1 += 1
                r2 += -1
                goto next
        out:    exit
        """;

    [Theory]
    [InlineData("010203ff", "0x105\n")]
    [InlineData("", "0x0\n")]
    public void Runs_text_over_memory(string memory, string expected)
    {
        CommandRun run = CommandRun.HachiWith(Encoding.UTF8.GetBytes(Sum), "run", "-", "--mem", memory);
        Assert.Equal((0, expected, ""), (run.Status, run.Text, run.Error));
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("hex")]
    [InlineData("elf")]
    public void Runs_every_form(string form)
    {
        byte[] program = CommandRun.HachiWith(Encoding.UTF8.GetBytes(Sum), "asm", "-", "--to", form).Output;
        Assert.Equal("0x6\n", CommandRun.HachiWith(program, "run", "-", "--mem", "01 02 03").Text);
    }

    [Fact]
    public void Runs_what_clang_builds()
    {
        byte[] file = Clang.Build("static __noinline u64 help(u8 *p, int n) { return n ? p[n - 1] + 1 : 7; } SEC(\"xdp\") int f(u8 *p, int n) { return help(p, n); } SEC(\"tc\") int g(void) { return 3; }");
        Assert.Equal("0xaa\n", CommandRun.HachiWith(file, "run", "-", "--section", "xdp", "--mem", "01a9").Text);
        Assert.Equal("0x3\n", CommandRun.HachiWith(file, "run", "-", "--section", "g").Text);
        CommandRun several = CommandRun.HachiWith(file, "run", "-");
        Assert.Equal(ExitStatus.BadInput, several.Status);
        Assert.Contains("--section: f (xdp), g (tc)", several.Error);
    }

    [Fact]
    public void A_fault_is_told_with_status_3()
    {
        CommandRun run = CommandRun.HachiWith("r2 = *(u64 *)(r1 + 1)\nr0 = 0\nexit"u8.ToArray(), "run", "-", "--mem", "0011223344556677", "--engine", "interp");
        Assert.Equal((ExitStatus.Stopped, ""), (run.Status, run.Text));
        Assert.Contains("instruction 0 of main: read of 8 bytes at offset 1 of the context, which has 8 bytes", run.Error);
        Assert.Contains("r2 = *(u64 *)(r1 + 0x1)", run.Error);
        Assert.Contains("r10 0x", run.Error);
    }

    [Fact]
    public void Endless_programs_run_out_of_fuel()
    {
        CommandRun run = CommandRun.HachiWith("l: goto l"u8.ToArray(), "run", "-", "--fuel", "1000");
        Assert.Equal(ExitStatus.Stopped, run.Status);
        Assert.Contains("fuel", run.Error);
    }

    [Fact]
    public void A_trace_shows_what_changes()
    {
        CommandRun run = CommandRun.HachiWith("r1 = 5\ncall f\nexit\nf: r1 += 1\nr0 = r1\nexit"u8.ToArray(), "run", "-", "--trace");
        string[] lines = [.. run.Text.Split('\n').Select(line => line.TrimEnd())];
        Assert.Equal("    0: r1 = 0x5                               r1 0x5", lines[0]);
        Assert.Equal("    3:   r1 += 0x1                            r1 0x6", lines[2]);
        Assert.Equal("0x6", lines[6]);
    }

    [Fact]
    public void Json_has_result_or_fault()
    {
        using JsonDocument good = JsonDocument.Parse(CommandRun.HachiWith("r0 = 5\nexit"u8.ToArray(), "run", "-", "--json").Output);
        Assert.Equal("0x5", good.RootElement.GetProperty("r0").GetString());
        CommandRun run = CommandRun.HachiWith("r0 = *(u8 *)(r0 + 0)\nexit"u8.ToArray(), "run", "-", "--json");
        Assert.Equal(ExitStatus.Stopped, run.Status);
        using JsonDocument bad = JsonDocument.Parse(run.Output);
        Assert.Equal("ReadOutOfBounds", bad.RootElement.GetProperty("fault").GetProperty("reason").GetString());
    }

    [Theory]
    [InlineData("run")]
    [InlineData("run", "/nonexistent")]
    [InlineData("run", "-", "--mem", "xyz")]
    [InlineData("run", "-", "--engine", "warp")]
    [InlineData("run", "-", "--section", "nowhere")]
    [InlineData("run", "-", "--fuel", "0")]
    public void Bad_usage(params string[] args) => Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith("r0 = 0\nexit"u8.ToArray(), args).Status);

    [Fact]
    public void Whatever_the_input_it_is_told()
    {
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith([1, 2, 3], "run", "-").Status);
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith([], "run", "-").Status);
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith("r0 = \nexit"u8.ToArray(), "run", "-").Status);
        Assert.Equal(ExitStatus.Stopped, CommandRun.HachiWith(Clang.Build(Object.Sources.Externs), "run", "-").Status);
    }

    [Fact]
    public void The_conformance_suite_through_the_plugin_protocol()
    {
        var wrong = new List<string>();
        int run = 0;
        foreach (string file in Directory.GetFiles(Shared.Find("corpus/bpf_conformance"), "*.data"))
        {
            Dictionary<string, string> sections = Sections(file);
            if (!sections.TryGetValue("result", out string? expected))
                continue;
            byte[] program = sections.TryGetValue("asm", out string? text)
                ? Insn.Encode(Assembler.Assemble(text).Insns)
                : Convert.FromHexString(string.Concat(sections["raw"].Where(char.IsAsciiHexDigit)));
            string[] memory = sections.TryGetValue("mem", out string? bytes) ? [string.Concat(bytes.Split('\n').Select(line => line.Split('#')[0])).Replace(" ", "", StringComparison.Ordinal)] : [];
            CommandRun answer = CommandRun.HachiWith(Encoding.ASCII.GetBytes(string.Join(' ', program.Select(b => b.ToString("x2", null)))), ["run", "--conformance", .. memory]);
            run++;
            ulong value = expected.StartsWith("0x", StringComparison.Ordinal) ? Convert.ToUInt64(expected.Trim(), 16) : unchecked((ulong)long.Parse(expected, null));
            if (answer.Status != 0 || Convert.ToUInt64(answer.Text.Trim(), 16) != value)
                wrong.Add($"{Path.GetFileName(file)}: {answer.Text.Trim()} {answer.Error}, not {expected}");
        }
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {run}:\n" + string.Join('\n', wrong));
        Assert.InRange(run, 200, 1000);
    }

    // Reserved fields that are set: nothing may run them.
    [Fact]
    public void The_suite_s_malformed_programs_are_refused()
    {
        int run = 0;
        foreach (string file in Directory.GetFiles(Shared.Find("corpus/bpf_conformance/negative"), "unused-*.data"))
        {
            string digits = string.Concat(Sections(file)["raw"].Split('\n').Select(line => line.Split('#')[0] + " ")).Replace("0x", "", StringComparison.Ordinal);
            if (!digits.Any(char.IsAsciiHexDigit))
                continue;
            CommandRun answer = CommandRun.HachiWith(Encoding.ASCII.GetBytes(digits), "run", "--conformance");
            Assert.True(answer.Status == ExitStatus.BadInput && answer.Error.Contains("HA02", StringComparison.Ordinal), $"{Path.GetFileName(file)}: status {answer.Status} {answer.Error}");
            run++;
        }
        Assert.InRange(run, 30, 1000);
    }

    private static Dictionary<string, string> Sections(string file)
    {
        var sections = new Dictionary<string, string>();
        string? current = null;
        foreach (string line in File.ReadLines(file))
            if (line.StartsWith("-- ", StringComparison.Ordinal))
                sections[current = line[3..].Trim()] = "";
            else if (current is not null && !line.StartsWith('#'))
                sections[current] += line + "\n";
        return sections;
    }
}
