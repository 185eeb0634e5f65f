using System.Runtime.InteropServices;
using Hachi.Btf;
using Hachi.Linux.Kernel;
using Hachi.Object;
using Hachi.Object.Relocate;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Linux.Load.Fit;

/// <summary>Fits an object to the running kernel: CO-RE relocations, and what it needs by name (kfuncs, ksyms, options of the configuration).</summary>
internal static class KernelFit
{
    /// <summary>The object with everything filled in; itself when there is nothing to fill in.</summary>
    /// <param name="spec">The object.</param>
    /// <param name="given">Types that stand for the kernel's; null for its own.</param>
    /// <param name="modules">Instructions that wait for the types of a module.</param>
    /// <exception cref="BpfException">ENOENT: the kernel lacks something that the object cannot do without, or gives no types.</exception>
    public static BpfObject Apply(BpfObject spec, KernelBtf? given, out IReadOnlyList<ModuleUse> modules)
    {
        modules = [];
        string reason = "";
        bool isRelocated = spec.Programs.Any(program => !program.CoreRelocations.IsEmpty);
        KernelBtf? kernel = isRelocated || spec.Externs.Any(each => each.Kind != ExternKind.Kconfig) ? given ?? RunningTypes.Open(out reason) : null;
        if (isRelocated)
        {
            if (kernel is null)
                throw new BpfException("load", (int)ErrorNumber.ENOENT, $"the object has CO-RE relocations, and {reason} (a file of types for it can be given: LoadOptions.Types)");
            CoreResult fitted = CoreRelocator.Apply(spec, kernel.Types);
            spec = fitted.Object ?? throw Misfit(fitted.Diagnostics);
        }
        if (spec.Externs.IsEmpty)
            return spec;
        ExternResult filled = ExternResolver.Apply(spec, new ExternFacts
        {
            Kernel = kernel?.Types,
            Modules = kernel is null ? [] : ModulesFor(spec, kernel),
            Configuration = KernelConfig.Running?.Values ?? new Dictionary<string, string>(),
            KernelVersion = KernelRelease.Code,
            Virtual = new Dictionary<string, ulong> { ["LINUX_HAS_SYSCALL_WRAPPER"] = HasSyscallWrapper ? 1UL : 0, ["LINUX_HAS_BPF_COOKIE"] = Failure.WhyWithout(KernelFeatures.Of(AttachType.PerfEvent)) is null ? 1UL : 0 },
            AddressOf = Kallsyms.AddressOf,
        });
        modules = filled.Modules;
        return filled.Object ?? throw Misfit(filled.Diagnostics);
    }

    /// <summary>Whether system calls are functions that take their registers in one (<c>__x64_sys_*</c>): by the configuration, or, where that is not kept, on the architectures that have been built so since 4.17.</summary>
    internal static bool HasSyscallWrapper =>
        KernelConfig.Running?.Has("CONFIG_ARCH_HAS_SYSCALL_WRAPPER")
        ?? (KernelRelease.Version >= new Version(4, 17) && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64 or Architecture.S390x);

    // Reading the types of every module takes its time: only for what the kernel itself does not have.
    private static IReadOnlyList<(string Name, BtfTypes Types)> ModulesFor(BpfObject spec, KernelBtf kernel) =>
        spec.Externs.Any(each => each.Kind != ExternKind.Kconfig && kernel.Types.Find(BtfKind.Func, each.Name) == 0 && kernel.Types.Find(BtfKind.Var, each.Name) == 0)
            ? [.. kernel.Modules.Select(name => (name, kernel.Module(name))).Where(each => each.Item2 is not null).Select(each => (each.name, each.Item2!))]
            : [];

    private static BpfException Misfit(IReadOnlyList<Diagnostic> diagnostics) =>
        new("load", (int)ErrorNumber.ENOENT, $"the object does not fit this kernel ({KernelRelease.Text}): {string.Join("; ", diagnostics.Where(each => each.Severity == Severity.Error).Select(each => each.Message))}");
}
