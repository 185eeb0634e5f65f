using Hachi.Linux;
using Hachi.Linux.Kernel;
using Hachi.Linux.Kernel.Report;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;
using Hachi.Verify.Rejections;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>What the kernel answers: its verifier's logs are understood, and what it can do agrees with the table of features.</summary>
internal static class AnswerChecks
{
    private const string Answers = "The kernel's answers";

    // Each must be refused for the reason of its row, whatever this kernel's words are. {0}: a look-up in an array by a key on the stack, which leaves r0.
    private static readonly (string Row, string Type, string Code)[] s_refused =
    [
        ("uninit-reg", "socket_filter", "r0 = r2\nexit"),
        ("uninit-reg", "socket_filter", "r6 = r1\ncall bpf_get_prandom_u32\nr0 = r1\nexit"),
        ("packet-bounds", "xdp", "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit"),
        ("packet-bounds", "xdp", "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 14\nif r4 > r3 goto out\nr5 = *(u32 *)(r2 + 14)\nout: r0 = 2\nexit"),
        ("map-null", "socket_filter", "{0}\nr0 = *(u64 *)(r0 + 0)\nexit"),
        ("map-value-oob", "socket_filter", "{0}\nif r0 == 0 goto out\nr3 = *(u64 *)(r0 + 12)\nout: r0 = 0\nexit"),
        ("unbounded-ptr", "socket_filter", "r7 = *(u32 *)(r1 + 0)\n{0}\nif r0 == 0 goto out\nr0 += r7\nr3 = *(u8 *)(r0 + 0)\nout: r0 = 0\nexit"),
        ("scalar-deref", "socket_filter", "r1 = 0\nr0 = *(u64 *)(r1 + 0)\nexit"),
        ("stack-512", "socket_filter", "*(u64 *)(r10 - 520) = r1\nr0 = 0\nexit"),
        ("align", "socket_filter", "r1 = 0\n*(u64 *)(r10 - 9) = r1\nr0 = 0\nexit"),
        ("ctx-access", "xdp", "r0 = *(u32 *)(r1 + 200)\nexit"),
        ("ctx-modified", "socket_filter", "r1 += 8\nr0 = *(u32 *)(r1 + 0)\nexit"),
        ("ptr-alu", "socket_filter", "r1 += r10\nr0 = 0\nexit"),
        ("loop", "socket_filter", "r0 = 0\nl: if r0 == 0 goto l\nexit"),
        ("arg-type", "socket_filter", "r2 = 0\nr1 = map[values]\ncall bpf_map_lookup_elem\nr0 = 0\nexit"),
        ("arg-type", "socket_filter", "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nr0 = 0\nexit"),
        ("helper-not-allowed", "socket_filter", "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_probe_read\nr0 = 0\nexit"),
        ("map-func", "socket_filter", "r1 = map[values]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nr0 = 0\nexit"),
        ("retcode", "cgroup_skb", "r0 = 7\nexit"),
        ("ref-leak", "tracepoint", "r1 = map[ring]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nr0 = 0\nexit"),
        ("fill", "socket_filter", "*(u64 *)(r10 - 8) = r1\nr2 = *(u32 *)(r10 - 8)\nr0 = 0\nexit"),
        ("size-negative", "kprobe", "call bpf_get_prandom_u32\nr2 = r0\nr1 = r10\nr1 += -8\nr3 = 0\ncall bpf_probe_read_kernel\nr0 = 0\nexit"),
    ];

    private const string Lookup = "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[values]\ncall bpf_map_lookup_elem";

    public static IEnumerable<Check> All =>
    [
        new("refusals", Answers, "programs that the verifier refuses", "reason, instruction and registers read from its log", _ => Refusals()),
        new("doctor", Answers, "what `hachi doctor` tries", "nothing newer than the kernel is there, and what it should have is", lab => Doctor(lab)),
    ];

    private static void Refusals()
    {
        var wrong = new List<string>();
        foreach ((string row, string type, string code) in s_refused)
        {
            string text = $"""
                .license "GPL"
                .map values hash key 4 value 16 entries 1
                .map ring ringbuf entries 4096
                .program refused {type}
                {code.Replace("{0}", Lookup, StringComparison.Ordinal)}
                """;
            BpfObject bpf = ObjectParser.Parse(text) is { Object: { } read } ? read : throw new CheckException($"{string.Join('\n', ObjectParser.Parse(text).Diagnostics)}\n{text}");
            try
            {
                bpf.Load().Dispose();
                wrong.Add($"{row}: accepted\n{text}");
            }
            catch (BpfVerifierException e)
            {
                Rejection rejection = e.Rejection;
                string words = $"{e.Log}\n{RejectionPrinter.Print(rejection)}";
                if (rejection.Reason.Id != row)
                    wrong.Add($"{row}: {rejection.Reason.Id}\n{words}");
                else if (rejection.Slot is null || rejection.Insn.Length == 0)
                    wrong.Add($"{row}: no instruction\n{words}");
                else if (row is not ("uninit-reg" or "arg-type") && rejection.Registers.Any(register => register.State.Length == 0))
                    wrong.Add($"{row}: unknown registers\n{words}");
            }
        }
        That(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static void Doctor(Lab lab)
    {
        KernelReport report = KernelReport.Probe();
        foreach (Feature feature in report.Features)
        {
            string row = $"{feature.Kind.ToString().ToLowerInvariant()} {feature.Name}";
            That(feature.Availability == Availability.Yes || feature.Why is not null, $"{row}: no reason");
            Version? since = feature.Kind == FeatureKind.Helper ? KernelNeeds.Of(Enum.Parse<Helper>(HelperTable.Find(feature.Name)!.Id.ToString())) : KernelFeatures.Find(row)?.Since;
            if (since is null)
                continue;
            string? option = KernelFeatures.Find(row)?.Option;
            if (since > Kernel)
                That(feature.Availability == Availability.No && feature.Why!.Reason.Contains($"since Linux {since}", StringComparison.Ordinal), $"{row}: {feature.Availability} ({feature.Why}), although it is there since {since}");
            else if (lab.IsGuest && (option is null || report.State.IsConfigured(option) is true))
                That(feature.Availability == Availability.Yes, $"{row}: {feature.Availability} ({feature.Why}), although it is there since {since}");
        }
    }
}
