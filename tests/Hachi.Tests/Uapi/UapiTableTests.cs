using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Hachi.Uapi;
using Hachi.UapiTables;

namespace Hachi.Tests.Uapi;

public sealed class UapiTableTests
{
    private static readonly string s_tables = Shared.InRepository("eng/uapi");
    private static readonly string s_output = Shared.InRepository("src/Hachi/Uapi");

    [Fact]
    public void Generated_files_are_fresh()
    {
        SortedDictionary<string, string> files = Generator.Generate(Directory.EnumerateFiles(s_tables, "*.txt").ToDictionary(file => Path.GetFileName(file), File.ReadAllText));
        Assert.Equal(files.Keys, Directory.EnumerateFiles(s_output, "*.g.cs").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        foreach ((string name, string text) in files)
            Assert.True(File.ReadAllText(Path.Combine(s_output, name)) == text, name + " is stale: run eng/generate.sh");
    }

    // The C compiler says what each name of the tables is in the installed headers; names that these are too old for are left out.
    [Fact]
    public void Numbers_are_those_of_the_headers()
    {
        string header = Header();
        var wanted = new List<(string Name, long Value)>();
        foreach (string file in Directory.EnumerateFiles(s_tables, "*.txt"))
            foreach (string[] row in File.ReadLines(file).Select(line => line.Split(' ')).Where(row => row.Length == 2 && Regex.IsMatch(row[0], "^(-?[0-9]+|0x[0-9a-f]+)$")))
                // These two are the kernel's own.
                if (row[1] is not ("ENOTSUPP" or "ERESTARTSYS") && (row[1][0] == 'E' || Regex.IsMatch(header, $@"\b{row[1]}\b")))
                    wanted.Add((row[1], row[0].StartsWith("0x", StringComparison.Ordinal) ? (long)ulong.Parse(row[0].AsSpan(2), NumberStyles.HexNumber, null) : long.Parse(row[0], null)));
        foreach (HelperPrototype helper in HelperTable.All)
            if (Regex.IsMatch(header, $@"FN\({helper.Name[4..]}\b"))
                wanted.Add(("BPF_FUNC_" + helper.Name[4..], (int)helper.Id));
        Assert.InRange(wanted.Count, 400, 1000);
        AssertCompiler(wanted);
    }

    [Fact]
    public void No_name_of_the_headers_is_missing()
    {
        string header = Header();
        string[] ours = [.. Directory.EnumerateFiles(s_tables, "*.txt").SelectMany(File.ReadLines).SelectMany(line => line.Split(' '))];
        // Old names and names of the kernel's own tree, which say the same as newer ones.
        string[] left = ["BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED", "BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED"];
        foreach (string prefix in (string[])["BPF_MAP_TYPE_", "BPF_PROG_TYPE_", "BPF_TRACE_", "BPF_CGROUP_", "BPF_SK_", "BPF_RB_", "XDP_"])
            foreach (Match match in Regex.Matches(header, $@"^\t({prefix}[A-Z0-9_]+)(,| =)", RegexOptions.Multiline))
                if (!left.Contains(match.Groups[1].Value) && !match.Groups[1].Value.StartsWith("BPF_CGROUP_ITER", StringComparison.Ordinal) && match.Groups[1].Value is not ("BPF_SK_STORAGE_GET_F_CREATE" or "BPF_SK_LOOKUP_F_REPLACE" or "BPF_SK_LOOKUP_F_NO_REUSEPORT"))
                    Assert.Contains(match.Groups[1].Value, ours);
        foreach (Match match in Regex.Matches(header, @"\bFN\(([a-z0-9_]{3,})"))
            Assert.True(match.Groups[1].Value == "unspec" || HelperTable.Find(match.Groups[1].Value) is not null, match.Value);
    }

    [Fact]
    public void Contexts_lie_as_the_compiler_lays_them()
    {
        string header = Header();
        var wanted = new List<(string Name, long Value)>();
        foreach (ContextLayout layout in (ContextLayout[])[ContextLayouts.SkBuff, ContextLayouts.XdpMd, ContextLayouts.Sock, ContextLayouts.SockAddr, ContextLayouts.SockOps, ContextLayouts.SkMsgMd,
            ContextLayouts.SkReuseportMd, ContextLayouts.SkLookup, ContextLayouts.Sysctl, ContextLayouts.Sockopt, ContextLayouts.CgroupDevCtx, ContextLayouts.TcpSock])
        {
            string body = Regex.Match(header, $@"^struct {layout.Name} \{{.*?^\}};", RegexOptions.Multiline | RegexOptions.Singleline).Value;
            foreach (ContextField field in layout.Fields.Where(field => Regex.IsMatch(body, $@"\b{field.Name}\b")))
            {
                wanted.Add(($"__builtin_offsetof(struct {layout.Name}, {field.Name})", field.Offset));
                wanted.Add(($"sizeof(((struct {layout.Name} *)0)->{field.Name})", field.SizeBytes));
            }
        }
        Assert.InRange(wanted.Count, 250, 500);
        AssertCompiler(wanted);
    }

    [Fact]
    public void Look_ups_find_what_the_tables_have()
    {
        Assert.Equal(211, HelperTable.All.Count());
        Assert.Equal(Helper.RingbufOutput, HelperTable.Find("bpf_ringbuf_output")!.Id);
        Assert.Same(HelperTable.Find(1), HelperTable.Find("map_lookup_elem"));
        Assert.Null(HelperTable.Find(0));
        Assert.Null(HelperTable.Find(-1));
        Assert.Null(HelperTable.Find("bpf_no_such_helper"));
        Assert.Equal(new HelperArgument(ArgumentKind.Mem, ArgumentFlags.Uninit | ArgumentFlags.Write), HelperTable.Find((int)Helper.SkbLoadBytes)!.Arguments[2]);
        Assert.Equal("percpu_hash", MapType.PercpuHash.Name());
        Assert.Equal("BPF_PROG_TYPE_SCHED_CLS", ProgramType.SchedCls.KernelName());
        Assert.True(MapTypeNames.TryParse("lpm_trie", out MapType type) && type == MapType.LpmTrie);
        Assert.False(ProgramTypeNames.TryParse("nothing", out _));
        Assert.Equal(192, ContextLayouts.Of(ProgramType.SchedCls)!.SizeBytes);
        Assert.Equal(ContextFieldKind.PacketEnd, ContextLayouts.Of(ProgramType.Xdp)!.Find("data_end")!.Value.Kind);
    }

    private static string Header()
    {
        const string Path = "/usr/include/linux/bpf.h", Classifier = "/usr/include/linux/pkt_cls.h";
        if (!File.Exists(Path) || !File.Exists(Classifier))
            Assert.Skip($"needs {Path}: ./test --install (Debian package linux-libc-dev)");
        return File.ReadAllText(Path) + File.ReadAllText(Classifier);
    }

    private static void AssertCompiler(List<(string Name, long Value)> wanted)
    {
        string gcc = Tools.Need("gcc");
        string folder = Directory.CreateTempSubdirectory("hachi-uapi-").FullName;
        try
        {
            var source = new StringBuilder("#include <stdio.h>\n#include <errno.h>\n#include <linux/bpf.h>\n#include <linux/pkt_cls.h>\nint main(void) {\n");
            foreach ((string name, _) in wanted)
                source.Append(CultureInfo.InvariantCulture, $"printf(\"%lld\\n\", (long long)({name}));\n");
            File.WriteAllText(Path.Combine(folder, "a.c"), source.Append("return 0; }\n").ToString());
            Tools.RunOk(gcc, ["-w", "-o", "a", "a.c"], folder: folder);
            string[] lines = Tools.RunOk(Path.Combine(folder, "a"), []).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(wanted.Count, lines.Length);
            for (int i = 0; i < lines.Length; i++)
                Assert.Equal((wanted[i].Name, wanted[i].Value), (wanted[i].Name, long.Parse(lines[i], null)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
