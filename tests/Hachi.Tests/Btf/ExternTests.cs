using System.Buffers.Binary;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Linux;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Object.Relocate;
using Hachi.Text;

namespace Hachi.Tests.Btf;

/// <summary>What objects need of the kernel by name.</summary>
public sealed class ExternTests
{
    private const string Options = """
        enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };
        #define option extern const
        option int LINUX_KERNEL_VERSION SEC(".kconfig");
        option unsigned CONFIG_HZ SEC(".kconfig");
        option _Bool CONFIG_BPF SEC(".kconfig");
        option char CONFIG_LETTER SEC(".kconfig");
        option long long CONFIG_NEGATIVE SEC(".kconfig");
        option char CONFIG_TEXT[8] SEC(".kconfig");
        option int CONFIG_NONE SEC(".kconfig") __attribute__((weak));
        option u64 CONFIG_HEX SEC(".kconfig");
        SEC("socket") u64 use(void *ctx)
        {
            return LINUX_KERNEL_VERSION + CONFIG_HZ * 3 + CONFIG_BPF * 5 + CONFIG_LETTER * 7 + CONFIG_NEGATIVE * 11 + CONFIG_TEXT[0] * 13 + CONFIG_TEXT[7] * 17 + CONFIG_NONE * 19 + CONFIG_HEX;
        }
        """;

    private static readonly Dictionary<string, string> s_configuration = new()
    {
        ["CONFIG_HZ"] = "250",
        ["CONFIG_BPF"] = "y",
        ["CONFIG_LETTER"] = "m",
        ["CONFIG_NEGATIVE"] = "-2",
        ["CONFIG_TEXT"] = "\"a long text\"",
        ["CONFIG_HEX"] = "0x10",
    };

    private static BpfObject Read(string source)
    {
        ObjectRead read = ElfObjectReader.Read(Clang.Build(source));
        Assert.True(read.Success, string.Join('\n', read.Diagnostics.Select(diagnostic => diagnostic.Message)));
        return read.Object!;
    }

    [Fact]
    public void Options_of_the_configuration_are_read_by_programs()
    {
        ExternResult result = ExternResolver.Apply(Read(Options), new ExternFacts { Configuration = s_configuration, KernelVersion = 0x60c00 });
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Select(diagnostic => diagnostic.Message)));
        Assert.Empty(result.Object!.Externs);
        Assert.True(result.Object.Maps.Single(map => map.Name == ExternResolver.ConfigurationMap).IsFrozen);
        Tools.NeedRoot();
        using LoadedObject loaded = result.Object.Load();
        long expected = 0x60c00 + 250 * 3 + 5 + 'm' * 7 - 2 * 11 + 'a' * 13 + 16;
        Assert.Equal((uint)expected, loaded.Program("use").Run(new byte[64]).ReturnValue);
    }

    [Theory]
    [InlineData("CONFIG_HZ", null, "does not have it")]
    [InlineData("CONFIG_HZ", "y", "no number")]
    [InlineData("CONFIG_HZ", "-1", "does not fit")]
    [InlineData("CONFIG_HZ", "4294967296", "does not fit")]
    [InlineData("CONFIG_BPF", "m", "truth value")]
    [InlineData("CONFIG_BPF", "7", "truth value")]
    [InlineData("CONFIG_TEXT", "12", "no text")]
    public void Options_that_do_not_fit_are_told(string name, string? value, string message)
    {
        var configuration = new Dictionary<string, string>(s_configuration);
        configuration.Remove(name);
        if (value is not null)
            configuration[name] = value;
        ExternResult result = ExternResolver.Apply(Read(Options), new ExternFacts { Configuration = configuration });
        Assert.Null(result.Object);
        Diagnostic diagnostic = result.Diagnostics.Single();
        Assert.Equal(DiagnosticTable.ExternOption.Id, diagnostic.Id);
        Assert.Contains(name, diagnostic.Message);
        Assert.Contains(message, diagnostic.Message);
    }

    [Fact]
    public void Symbols_and_functions_of_the_running_kernel()
    {
        Tools.NeedRoot();
        BtfTypes kernel = KernelTypesTests.Kernel().Types;
        if (kernel.Find(BtfKind.Func, "bpf_task_from_pid") == 0)
            Assert.Skip("this kernel has no bpf_task_from_pid (it came with 6.2)");
        // Without CONFIG_KALLSYMS_ALL the kernel finds functions only.
        bool hasVariables = File.ReadLines("/proc/kallsyms").Any(line => line.EndsWith(" runqueues", StringComparison.Ordinal));
        BpfObject bpf = Read((hasVariables ? "#define VARIABLES\n" : "") + """
            struct task_struct { int pid; } __attribute__((preserve_access_index));
            struct rq { int cpu; } __attribute__((preserve_access_index));
            extern struct task_struct *bpf_task_from_pid(int pid) SEC(".ksyms");
            extern void bpf_task_release(struct task_struct *p) SEC(".ksyms");
            extern int bpf_no_such_function(int x) SEC(".ksyms") __attribute__((weak));
            extern const struct rq runqueues SEC(".ksyms");
            extern const void bpf_link_fops SEC(".ksyms");
            extern const void no_such_symbol SEC(".ksyms") __attribute__((weak));
            static u64 (*get_current_pid_tgid)(void) = (void *)14;
            static void *(*per_cpu_ptr)(const void *variable, u32 cpu) = (void *)153;
            SEC("syscall") int use(void *ctx)
            {
                int result = 1;
                struct task_struct *task = bpf_task_from_pid((int)get_current_pid_tgid());
                if (task) {
                    result += 2 + 32 * (task->pid == (int)get_current_pid_tgid());
                    bpf_task_release(task);
                }
                if (&bpf_no_such_function)
                    result += bpf_no_such_function(3);
            #ifdef VARIABLES
                struct rq *rq = per_cpu_ptr(&runqueues, 0);
                if (rq)
                    result += 4 * (rq->cpu == 0);
            #endif
                result += 8 * (&bpf_link_fops == (void *)0xffffffff81234568);
                result += 16 * (&no_such_symbol != 0);
                return result;
            }
            """);
        CoreResult fitted = CoreRelocator.Apply(bpf, kernel);
        Assert.True(fitted.Success);
        ExternResult result = ExternResolver.Apply(fitted.Object!, new ExternFacts { Kernel = kernel, AddressOf = name => name == "bpf_link_fops" ? 0xffffffff81234568 : null });
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Select(diagnostic => diagnostic.Message)));
        Assert.Empty(result.Modules);
        Insn call = bpf.Externs.Where(each => each.Name == "bpf_task_from_pid").Select(each => result.Object!.Programs[0].Insns[each.Uses[0].Slot]).Single();
        Assert.Equal((Pseudo.KfuncCall, kernel.Find(BtfKind.Func, "bpf_task_from_pid")), (call.Src, (uint)call.Imm));
        using LoadedObject loaded = (result.Object! with { License = "GPL" }).Load();
        Assert.Equal(1u + 2 + 32 + (hasVariables ? 4u : 0) + 8, loaded.Program("use").Run().ReturnValue);
    }

    [Fact]
    public void What_is_missing_and_not_weak_is_an_error_by_name()
    {
        BpfObject bpf = Read("""
            extern int bpf_missing(int x) SEC(".ksyms");
            extern const void symbol_missing SEC(".ksyms");
            extern int variable_missing SEC(".ksyms");
            SEC("tc") int use(void *ctx) { return bpf_missing(3) + (long)&symbol_missing + variable_missing; }
            """);
        ExternResult result = ExternResolver.Apply(bpf, new ExternFacts { Kernel = CoreRelocationTests.TypesOf(CoreSources.Target) });
        Assert.Null(result.Object);
        Assert.Equal(3, result.Diagnostics.Count);
        Assert.All(result.Diagnostics, diagnostic => Assert.Equal(DiagnosticTable.ExternMissing.Id, diagnostic.Id));
        foreach (string name in (string[])["bpf_missing", "symbol_missing", "variable_missing"])
            Assert.Contains(result.Diagnostics, diagnostic => diagnostic.Message.Contains(name));
    }

    [Fact]
    public void Functions_of_modules_wait_for_a_descriptor()
    {
        BtfTypes kernel = CoreRelocationTests.TypesOf(CoreSources.Target);
        uint number = kernel.Find(BtfKind.Int, "int");
        var writer = new BtfWriter(kernel, isSplit: true);
        uint function = writer.Func("bpf_of_module", writer.FuncProto(number, [new BtfParameter("x", number)]));
        writer.Func("bpf_differs", writer.FuncProto(number));
        Assert.True(BtfReader.TryRead(writer.ToArray(), kernel, out BtfTypes? module, out _));
        var facts = new ExternFacts { Kernel = kernel, Modules = [("some_module", module!)] };
        ExternResult result = ExternResolver.Apply(Read("extern int bpf_of_module(int x) SEC(\".ksyms\"); SEC(\"tc\") int use(void *c) { return bpf_of_module(3); }"), facts);
        ModuleUse use = Assert.Single(result.Modules);
        Assert.Equal("some_module", use.Module);
        Assert.Equal((int)function, result.Object!.Programs[0].Insns[use.Slot].Imm);
        ExternResult other = ExternResolver.Apply(Read("extern int bpf_differs(int x) SEC(\".ksyms\"); SEC(\"tc\") int use(void *c) { return bpf_differs(3); }"), facts);
        Assert.Equal(DiagnosticTable.ExternDiffers.Id, other.Diagnostics.Single().Id);
    }

    [Fact]
    public void Types_without_externs_keep_their_numbers()
    {
        BpfObject bpf = Read(Hachi.Tests.Object.Sources.Externs), without = ExternTypes.WithoutExterns(bpf);
        Assert.True(BtfReader.TryRead(bpf.Btf.AsMemory(), out BtfTypes? before, out _) & BtfReader.TryRead(without.Btf.AsMemory(), out BtfTypes? after, out _));
        Assert.Equal(before!.Count, after!.Count);
        for (uint id = 1; id < before.Count; id++)
            if (after[id].Kind == before[id].Kind)
                Assert.Equal((before.NameOf(id), before[id].SizeOrType), (after.NameOf(id), after[id].SizeOrType));
        Assert.Equal(0u, after.Find(BtfKind.Datasec, ".ksyms"));
        Assert.NotEqual(0u, before.Find(BtfKind.Datasec, ".ksyms"));
    }
}
