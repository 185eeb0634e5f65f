using System.Text.Json;
using Hachi.Isa;
using Hachi.Linux;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;
using Hachi.Verify.Rejections;

namespace Hachi.Tests.Linux;

/// <summary>What the running kernel's verifier refuses arrives as a rejection that says why.</summary>
public sealed class VerifierExceptionTests
{
    private const string Source = """
        struct { __uint(type, 1); __uint(max_entries, 64); __type(key, u32); __type(value, u64); } counts SEC(".maps");
        char _license[] SEC("license") = "GPL";
        struct xdp { u32 data, end; };

        SEC("tc") int no_null_test(void *ctx)
        {
            u32 key = 7;
            u64 *value = map_lookup_elem(&counts, &key);
            return *value;
        }

        SEC("xdp") int no_bounds(struct xdp *ctx)
        {
            return *(u8 *)(long)ctx->data;
        }
        """;

    [Theory]
    [InlineData("no_null_test", "map-null", "return *value;")]
    [InlineData("no_bounds", "packet-bounds", "return *(u8 *)(long)ctx->data;")]
    public void Refused_objects_name_the_source_line(string name, string reason, string line)
    {
        Tools.NeedRoot();
        BpfObject bpf = ElfObjectReader.Read(Clang.Build(Source)).Object!;
        var refused = Assert.Throws<BpfVerifierException>(() => bpf.Load(new LoadOptions { Programs = [name] }).Dispose());
        Assert.Equal((reason, name), (refused.Rejection.Reason.Id, refused.ProgramName));
        Assert.Equal(line, refused.Rejection.Source!.Value.Text);
        Assert.Contains($"program {name} at instruction {refused.Rejection.Slot} (a.c:{refused.Rejection.Source.Value.Line}): {refused.Rejection.Message}", refused.Message);
        Assert.Contains(line, RejectionPrinter.Print(refused.Rejection));
    }

    // The programs whose logs are known, through this kernel, whichever it is: its wording may differ, its reason may not be unknown.
    [Fact]
    public void What_this_kernel_refuses_is_in_the_table()
    {
        Tools.NeedRoot();
        using var known = JsonDocument.Parse(File.ReadAllText(Shared.Find("data/verifier-errors-6.18.json")));
        int refusals = 0;
        foreach (JsonElement each in known.RootElement.EnumerateArray())
        {
            // Descriptors of maps were the writer's; a million steps are too long.
            if (each.GetProperty("insns").GetString() is not { } digits || !Insn.TryDecode(Convert.FromHexString(digits), out Insn[] insns) || insns.Length > 1000
                || insns.Any(insn => insn is { Opcode: 0x18, Src: not 0 }) || each.GetProperty("errno").GetString() is "ENOSPC" or "EPERM")
                continue;
            ProgramType type = Enum.GetValues<ProgramType>().Single(type => type.KernelName() == "BPF_PROG_TYPE_" + each.GetProperty("prog_type").GetString());
            try
            {
                Program.Load(type, insns, "refusal").Dispose();
            }
            catch (BpfVerifierException e)
            {
                refusals++;
                Assert.True(e.Rejection.Reason != RefusalTable.Unknown, e.Log);
            }
            catch (BpfException e)
            {
                // Without a log: the kind of program, or its length.
                Assert.Contains((ErrorNumber)e.Errno, (ErrorNumber[])[ErrorNumber.EINVAL, ErrorNumber.EPERM, ErrorNumber.E2BIG]);
            }
        }
        Assert.InRange(refusals, 40, 123);
    }
}
