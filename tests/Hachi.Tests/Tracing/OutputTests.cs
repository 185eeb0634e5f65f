using System.Text.Json;

namespace Hachi.Tests.Tracing;

/// <summary>What is printed, in every form; and what is said before anything runs.</summary>
public sealed class OutputTests
{
    [Fact]
    public void Tables_are_comma_separated_values()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("trace", "--csv", "-e", "BEGIN { printf(\"%d is %s\\n\", 42, \"a, \\\"b\\\"\"); @n[1, \"x\"] = 2; @h = hist(5); @s = stats(6); @s = stats(8); }");
        Assert.Equal(0, run.Status);
        Assert.Equal("42,\"a, \"\"b\"\"\"\n@h,4,8,1\n@n,1,x,2\n@s,2,7,14\n", run.Text);
    }

    [Fact]
    public void Every_line_of_json_is_an_object_with_type_and_data()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("trace", "-f", "json", "-e", "BEGIN { printf(\"hi\\n\"); print((1, \"two\")); @n[1, \"x\"] = 2; @h = hist(5); @c = count(); time(\"now\\n\"); }");
        Assert.Equal(0, run.Status);
        string[] types = [.. run.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).Select(line => line.GetProperty("data").ValueKind == JsonValueKind.Undefined ? "" : line.GetProperty("type").GetString()!)];
        Assert.Equal(["attached_probes", "printf", "value", "time", "map", "hist", "map"], types);
    }

    [Fact]
    public void Top_draws_the_largest_first_and_again()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("trace", "--top", "-q", "-e", "BEGIN { @a[1] = 5; @a[2] = 9; @a[3] = 7; } interval:ms:2500 { exit(); }");
        Assert.Equal(0, run.Status);
        Assert.True(run.Text.Split("@a[2]: 9\n@a[3]: 7\n@a[1]: 5\n").Length >= 3, run.Text);
    }

    [Fact]
    public void Explain_says_what_fires_and_what_it_costs()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("trace", "--explain", "-e", "tracepoint:sched:sched_switch { @[comm] = count(); } profile:hz:99 { @s[kstack] = count(); } BEGIN { printf(\"x\"); }");
        Assert.True(run.Status == 0, run.Error);
        foreach (string word in (string[])["tracepoint:sched:sched_switch\n", "a fixed place in the kernel", "times a second on this machine now", " instructions, ", " as the kernel has rewritten them", "hit all the time", "profile:hz:99\n", "@ ", "Nothing was attached.\n"])
            Assert.Contains(word, run.Text);
    }

    [Fact]
    public void Probes_are_listed_with_their_arguments()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("trace", "-l", "-v", "t:syscalls:sys_enter_openat");
        Assert.Equal((0, "tracepoint:syscalls:sys_enter_openat\n    int __syscall_nr\n    int dfd\n    const char * filename\n    int flags\n    umode_t mode\n"), (run.Status, run.Text));
        Assert.Equal($"uprobe:{Workload.Program}:work_called\n", CommandRun.Hachi("trace", "-l", $"uprobe:{Workload.Program}:work_cal*").Text);
        Assert.Equal(["tracepoint:sched:sched_wakeup\n", "tracepoint:sched:sched_wakeup_new\n"], CommandRun.Hachi("trace", "-l", "tracepoint:sched:sched_wakeup*").Text.Split("\n").Where(line => line.Length > 0).Select(line => line + "\n"));
        Assert.Equal("interval:ms:\n", CommandRun.Hachi("trace", "-l", "interval:ms*").Text);
        Assert.Equal(1, CommandRun.Hachi("trace", "-l", "tracepoint:nobody:nothing").Status);
    }

    [Fact]
    public void What_helpers_could_not_do_is_told_when_asked()
    {
        Tools.NeedRoot();
        const string Script = "BEGIN { @[1] = 1; $a = @[2]; $b = kstr(8); delete(@, 3); }";
        CommandRun told = CommandRun.Hachi("trace", "-q", "-k", "-e", Script), silent = CommandRun.Hachi("trace", "-q", "-e", Script), json = CommandRun.Hachi("trace", "-q", "-k", "-f", "json", "-e", Script);
        Assert.Equal(
            $"stdin:1:24-28: WARNING: Can't lookup map element because it does not exist.\nAdditional Info - helper: map_lookup_elem, retcode: 0\n{Script}\n{new string(' ', 23)}~~~~\n" +
            $"stdin:1:35-42: WARNING: Numerical result out of range\nAdditional Info - helper: probe_read_kernel_str, retcode: -34\n{Script}\n{new string(' ', 34)}~~~~~~~\n" +
            $"stdin:1:44-56: WARNING: Can't delete map element because it does not exist.\nAdditional Info - helper: map_delete_elem, retcode: -2\n{Script}\n{new string(' ', 43)}~~~~~~~~~~~~\n", told.Error);
        Assert.Equal(("", "\n@[1]: 1\n"), (silent.Error, silent.Text));
        Assert.Contains("{\"type\": \"helper_error\", \"msg\": \"Numerical result out of range\", \"helper\": \"probe_read_kernel_str\", \"retcode\": -34, \"filename\": \"stdin\", \"line\": 1, \"col\": 35}\n", json.Text);
    }

    [Fact]
    public void A_full_map_is_told()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("trace", "-e", "config = { max_map_keys = 3 } BEGIN { @a[1] = 1; @a[2] = 1; @a[3] = 1; @a[4] = 1; }");
        Assert.Contains("WARNING: Map full;", run.Error);
    }

    [Fact]
    public void What_is_lost_is_counted_by_probe()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("trace", "-q", "-e", "config = { perf_rb_pages = 1 } BEGIN { for ($i : 0..1000) { printf(\"line %d of many\\n\", $i); } }");
        int delivered = run.Text.Split('\n').Count(line => line.StartsWith("line ", StringComparison.Ordinal));
        var lost = System.Text.RegularExpressions.Regex.Match(run.Error, @"WARNING: Lost (\d+) events: begin: ");
        Assert.True(lost.Success, run.Error);
        Assert.Equal(1000, delivered + int.Parse(lost.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
    }
}
