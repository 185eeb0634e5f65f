using System.Globalization;
using System.Text.RegularExpressions;

namespace Hachi.Tests.Btf;

/// <summary>What libbpf does with an object's CO-RE relocations, read from its debug log. The program that asks it is built while the tests run.</summary>
internal static partial class Libbpf
{
    private const string Source = """
        #include <stdarg.h>
        #include <stdio.h>
        #include <bpf/libbpf.h>
        static int print(enum libbpf_print_level level, const char *format, va_list args) { (void)level; return vprintf(format, args); }
        int main(int argc, char **argv)
        {
            LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = argc > 2 ? argv[2] : 0);
            libbpf_set_print(print);
            struct bpf_object *object = bpf_object__open_file(argv[1], &options);
            if (!object)
                return 1;
            bpf_object__load(object); /* the kernel may refuse: relocations come first */
            bpf_object__close(object);
            return 0;
        }
        """;

    /// <summary>What was filled in (<c>function+slot off=16</c>), and whether candidates differed.</summary>
    public static (SortedSet<string> Changes, bool IsAmbiguous, string Log) Relocate(string folder, byte[] file, byte[]? target)
    {
        Tools.NeedRoot();
        string gcc = Tools.Need("gcc"), oracle = Path.Combine(folder, "oracle"), path = Path.Combine(folder, "a.o"), types = Path.Combine(folder, "target.btf");
        if (!File.Exists("/usr/include/bpf/libbpf.h"))
            Assert.Skip("needs libbpf's headers (Debian package libbpf-dev)");
        if (!File.Exists(oracle))
        {
            File.WriteAllText(oracle + ".c", Source);
            Tools.RunOk(gcc, ["-o", oracle, oracle + ".c", "-lbpf"]);
        }
        File.WriteAllBytes(path, file);
        if (target is not null)
            File.WriteAllBytes(types, target);
        string log = Tools.Run(oracle, target is null ? [path] : [path, types]).Text;
        var changes = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Match match in Patched().Matches(log))
        {
            string field = match.Groups["field"].Value, number = match.Groups["new"].Value;
            if (field == "imm")
                number = unchecked((uint)long.Parse(number, CultureInfo.InvariantCulture)).ToString(CultureInfo.InvariantCulture);
            changes.Add($"{match.Groups["prog"].Value}+{match.Groups["slot"].Value} {field}={number}");
        }
        foreach (Match match in Poisoned().Matches(log))
            changes.Add($"{match.Groups["prog"].Value}+{match.Groups["slot"].Value} invalid");
        return (changes, log.Contains("ambiguity", StringComparison.Ordinal), log);
    }

    [GeneratedRegex(@"prog '(?<prog>\w+)': relo #\d+: patched insn #(?<slot>\d+) \(\S+\) (?<field>\w+) \S+ -> (?<new>\S+)")]
    private static partial Regex Patched();

    [GeneratedRegex(@"prog '(?<prog>\w+)': relo #\d+: substituting insn #(?<slot>\d+) w/ invalid insn")]
    private static partial Regex Poisoned();
}
