using System.Text.Json;
using Hachi.Uapi;
using Hachi.Verify.Rejections;

namespace Hachi.Tests.Verify;

/// <summary>Rejections: what the kernel's logs say, on real ones of Linux 6.18 and on the wordings of other versions.</summary>
public sealed class RejectionTests
{
    private static readonly Lazy<List<RealLog>> s_logs = new(ReadLogs);

    internal sealed record RealLog(string Id, string Log, int Errno, string[] Rows);

    internal static IReadOnlyList<RealLog> Logs => s_logs.Value;

    [Fact]
    public void Every_real_refusal_finds_its_row()
    {
        Assert.Equal(112, Logs.Count);
        foreach (RealLog real in Logs)
        {
            Rejection rejection = Rejection.Parse(real.Log, real.Errno);
            Assert.True(real.Rows.Contains(rejection.Reason.Id), $"{real.Id}: {rejection.Reason.Id}, not {string.Join(" or ", real.Rows)}; message '{rejection.Message}'");
        }
    }

    [Fact]
    public void Every_real_refusal_is_shown_in_few_lines()
    {
        var shown = new StringWriter();
        foreach (RealLog real in Logs)
        {
            string text = RejectionPrinter.Print(Rejection.Parse(real.Log, real.Errno));
            Assert.True(text.Split('\n').Length <= 15, text);
            Assert.DoesNotContain(text, c => c is < ' ' and not '\n' or > '~');
            Assert.Contains("mend: ", text);
            shown.Write($"== {real.Id}\n{text}\n");
        }
        if (Environment.GetEnvironmentVariable("HACHI_SHOW") is { Length: > 0 } file)
            File.WriteAllText(file, shown.ToString());
    }

    // The slot is the last instruction of the log, or the one that the message names.
    [Fact]
    public void Every_real_refusal_has_its_instruction()
    {
        foreach (RealLog real in Logs)
        {
            string? last = real.Log.Split('\n').LastOrDefault(line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^\d+: \(")), named = Named(real.Log);
            int? expected = named is not null ? int.Parse(named) : last is not null ? int.Parse(last[..last.IndexOf(':')]) : null;
            Rejection rejection = Rejection.Parse(real.Log, real.Errno);
            Assert.True(expected == rejection.Slot, $"{real.Id}: {rejection.Slot}, not {expected}");
        }
        static string? Named(string log) => System.Text.RegularExpressions.Regex.Match(log, @"(?:unreachable insn|from insn|detected at insn|ldimm64 insn) (\d+)") is { Success: true } match ? match.Groups[1].Value : null;
    }

    [Fact]
    public void Rows_match_their_own_examples_and_have_ids_of_their_own()
    {
        Assert.Equal(RefusalTable.All.Length, RefusalTable.All.Select(row => row.Id).Distinct().Count());
        foreach (RefusalInfo row in RefusalTable.All.Where(row => row.Patterns.Length > 0 && !row.Message.Contains("without", StringComparison.Ordinal)))
            Assert.Equal((row.Message, row.Id), (row.Message, RefusalTable.OfMessage(row.Message)?.Id));
        foreach (RefusalInfo row in RefusalTable.All)
        {
            Assert.Same(row, RefusalTable.Find(row.Id.ToUpperInvariant()));
            Assert.True(row.Title.Length is > 5 and < 100 && row.Cause.EndsWith('.') && row.Mend.Length > 10, row.Id);
        }
    }

    [Theory]
    [InlineData("map-null", "R0 invalid mem access 'map_value_or_null'")]
    [InlineData("scalar-deref", "R1 invalid mem access 'inv'")]
    [InlineData("helper-not-allowed", "unknown func bpf_probe_read#4")]
    [InlineData("core-poison", "invalid func unknown#195896080")]
    [InlineData("retcode", "At program exit the register R0 has value (0x7; 0x0) should have been in (0x0; 0x1)")]
    [InlineData("loop", "back-edge from insn 3 to 2")]
    [InlineData("size-negative", "R2 unbounded memory access, use 'var &= const' or 'if (var < const)'")]
    [InlineData("stack-indirect", "invalid indirect read from stack R2 off -8+4 size 8")]
    [InlineData("gpl", "cannot call GPL only function from proprietary program")]
    [InlineData("kfunc", "calling kernel function bpf_task_acquire is not allowed")]
    [InlineData("leak", "R0 leaks addr as return value")]
    [InlineData("unbounded-ptr", "math between map_value pointer and register with unbounded min value is not allowed")]
    [InlineData("packet-bounds", "invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)")]
    [InlineData("callback", "R2 type=scalar expected=func")]
    [InlineData("map-value-oob", "R0 min value is negative, either use unsigned index or do a if (index >=0) check.")]
    public void Wordings_of_all_versions_find_their_row(string id, string message) =>
        Assert.Equal(id, Rejection.Parse($"0: (95) exit\n{message}\n", 22).Reason.Id);

    [Fact]
    public void Message_behind_a_jump_without_line_end_is_found()
    {
        Rejection rejection = Rejection.Parse("0: R1=ctx() R10=fp0\n2: (07) r0 += 1    ; R0=scalar()\n3: (55) if r0 != 0x0 goto pc-2 infinite loop detected at insn 2\ncur state: R0=scalar(umin=1)\n");
        Assert.Equal(("loop", 2, "infinite loop detected at insn 2"), (rejection.Reason.Id, rejection.Slot, rejection.Message));
    }

    [Fact]
    public void State_of_branches_calls_and_frames_is_followed()
    {
        const string Log = """
            func#0 @0
            func#1 @6
            0: R1=ctx(off=0,imm=0) R10=fp0
            ; return inner(ctx); @ prog.c:12
            0: (bf) r6 = r1                       ; R1=ctx(off=0,imm=0) R6_w=ctx(off=0,imm=0)
            1: (85) call bpf_get_prandom_u32#7    ; R0_w=scalar()
            2: (15) if r0 == 0x0 goto pc+2        ; R0_w=scalar()
            3: (85) call pc+2
            caller:
             R6=ctx(off=0,imm=0) R10=fp0
            callee:
             frame1: R1=scalar() R10=fp0
            ; *p = 1; @ prog.c:31
            6: (71) r2 = *(u8 *)(r1 +0)
            R1 invalid mem access 'scalar'
            processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
            """;
        Rejection rejection = Rejection.Parse(Log, 13);
        Assert.Equal("scalar-deref", rejection.Reason.Id);
        Assert.Equal(6, rejection.Slot);
        Assert.Equal(("prog.c", 31, "*p = 1;"), (rejection.Source!.Value.File, rejection.Source.Value.Line, rejection.Source.Value.Text));
        Assert.Equal(new RejectionCall(3, "the function at 6"), Assert.Single(rejection.Calls));
        Assert.Equal([new RegisterState("R1", "scalar()")], rejection.Registers);
        Assert.Equal(5, rejection.InsnsProcessed);

        rejection = Rejection.Parse(Log[..Log.IndexOf("caller:", StringComparison.Ordinal)] + "from 2 to 5: R0=0 R6=ctx(off=0,imm=0) R10=fp0\n5: (bf) r0 = r1\nR1 !read_ok\n", 13);
        Assert.Equal(("uninit-reg", 5, (2, 5)), (rejection.Reason.Id, rejection.Slot, Assert.Single(rejection.Branches)));
    }

    [Fact]
    public void What_libbpf_prints_around_a_log_is_read_with_it()
    {
        Rejection rejection = Rejection.Parse("""
            libbpf: prog 'handler': BPF program load failed: Permission denied
            libbpf: prog 'handler': -- BEGIN PROG LOAD LOG --
            0: R1=ctx() R10=fp0
            ; return *p; @ a.bpf.c:7
            0: (61) r0 = *(u32 *)(r2 +0)
            R2 !read_ok
            processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
            -- END PROG LOAD LOG --
            libbpf: prog 'handler': failed to load: -13
            libbpf: failed to load object 'a.bpf.o'
            """);
        Assert.Equal(("uninit-reg", 13, 0, "R2 !read_ok"), (rejection.Reason.Id, rejection.Errno, rejection.Slot, rejection.Message));
        Assert.Equal("a.bpf.c:7", rejection.Source!.Value.Place);
    }

    [Theory]
    [InlineData("scalar()", "any number")]
    [InlineData("inv(id=0)", "any number")]
    [InlineData("scalar(id=1,smax=15)", "a number of at most 15, which may be negative")]
    [InlineData("scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))", "a number from 0 to 4294967295")]
    [InlineData("inv(id=0,umax_value=60,var_off=(0x0; 0x3c))", "a number from 0 to 60, a multiple of 4")]
    [InlineData("scalar(smin=smin32=0,smax=umax=smax32=umax32=8,var_off=(0x0; 0xf))", "a number from 0 to 8")]
    [InlineData("P0", "the number 0")]
    [InlineData("0x51612", "the number 0x51612")]
    [InlineData("map_value_or_null(id=1,ks=4,vs=16)", "the value of a map, or null (16 bytes)")]
    [InlineData("pkt(off=14,r=14)", "a place in the packet, offset 14, 14 bytes proven")]
    [InlineData("fp-8", "the address fp-8 on the stack")]
    [InlineData("ptr_task_struct(off=0,imm=0)", "a kernel's task_struct")]
    [InlineData("", "nothing known")]
    public void States_in_words(string state, string words) => Assert.Equal(words, new RegisterState("R0", state).Words);

    [Fact]
    public void Hostile_and_damaged_logs_do_no_harm()
    {
        Random random = Volume.Random(nameof(Hostile_and_damaged_logs_do_no_harm));
        string[] scraps = ["from 1 to 2:", "frame7: ", "frame999: R1=", "callee:\n", "to caller at 3:\n", "R1=((((((", "99999999999: (", "; a @ b:999999999999", "goto pc+", "processed 99999999999999999999 insns (limit", "\u202e", "\u001b[2J", "\0", "\ud800", "off=99999999999999999999 size=-1 value_size=", "insn -1", "var_off=(0x0; ", "alloc_insn=99999999999999"];
        for (int round = 0; round < Volume.Of(200_000, 2_000); round++)
        {
            RealLog real = Logs[random.Next(Logs.Count)];
            var text = new System.Text.StringBuilder(real.Log.Length > 3000 ? real.Log[^3000..] : real.Log);
            for (int edit = random.Next(1, 6); edit > 0; edit--)
            {
                int at = random.Next(text.Length + 1), length = Math.Min(random.Next(40), text.Length - at);
                if (random.Next(2) == 0)
                    text.Remove(at, length);
                text.Insert(Math.Min(at, text.Length), random.Next(3) == 0 ? ((char)random.Next(0x10000)).ToString() : scraps[random.Next(scraps.Length)]);
            }
            Rejection rejection = Rejection.Parse(text.ToString(), random.Next(-5, 600));
            string shown = RejectionPrinter.Print(rejection);
            Assert.True(shown.Split('\n').Length <= 15, $"{shown}\n{Volume.Note}");
            Assert.Equal(Text.Escaper.Escape(shown, keepLines: true), shown);
        }
    }

    [Fact]
    public void A_long_log_takes_no_memory_and_a_long_line_is_cut()
    {
        string log = string.Concat(Enumerable.Range(0, 200_000).Select(i => $"{i % 5000}: (07) r{i % 10} += {i}    ; R{i % 10}=scalar(id={i})\n")) + new string('R', 1 << 20) + "\nR3 !read_ok\n";
        Rejection.Parse(log);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Rejection rejection = Rejection.Parse(log);
        Assert.Equal("uninit-reg", rejection.Reason.Id);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200_000L * 400);
        Assert.True(rejection.Lines.Max(line => line.Length) <= 2000);
    }

    private static List<RealLog> ReadLogs()
    {
        using var catalogue = JsonDocument.Parse(File.ReadAllText(Shared.Find("data/verifier-catalogue.json")));
        using var errors = JsonDocument.Parse(File.ReadAllText(Shared.Find("data/verifier-errors-6.18.json")));
        var rows = new Dictionary<string, List<string>>();
        foreach (JsonElement row in catalogue.RootElement.EnumerateArray())
            foreach (JsonElement program in row.GetProperty("repro_6_18").EnumerateArray())
                (rows.TryGetValue(program.GetString()!, out List<string>? list) ? list : rows[program.GetString()!] = []).Add(row.GetProperty("id").GetString()!);
        return [.. errors.RootElement.EnumerateArray().Where(each => !each.GetProperty("loaded").GetBoolean()).Select(each => new RealLog(
            each.GetProperty("id").GetString()!,
            string.Join('\n', each.GetProperty("log").EnumerateArray().Select(line => line.GetString())),
            Errno.Number(each.GetProperty("errno").GetString()!)!.Value,
            rows.TryGetValue(each.GetProperty("id").GetString()!, out List<string>? ids) ? [.. ids] : []))];
    }
}
