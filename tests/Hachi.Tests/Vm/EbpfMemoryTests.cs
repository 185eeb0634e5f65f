using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;
using Hachi.Vm.Jit;

namespace Hachi.Tests.Vm;

/// <summary>What is loaded and dropped leaves nothing behind.</summary>
[Collection(AloneCollection.Name)]
public sealed class EbpfMemoryTests
{
    [Fact]
    public void Dropped_programs_leave_no_memory()
    {
        Random random = Volume.Random(nameof(Dropped_programs_leave_no_memory));
        var programs = new RandomEbpf(random);
        Insn[][] some = [.. Enumerable.Range(0, 20).Select(_ => programs.Make(12))];
        LoadAndDrop(some, 200);
        long managed = Managed(), mapped = ExecutableMemory.MappedBytes, resident = Environment.WorkingSet;
        LoadAndDrop(some, Volume.Of(10_000, 400));
        Assert.True(Managed() - managed < 4 << 20, $"{Managed() - managed} bytes more on the managed heap");
        Assert.True(ExecutableMemory.MappedBytes - mapped < 4 << 20, // other tests use it meanwhile
            $"{ExecutableMemory.MappedBytes} bytes of executable memory, {mapped} before");
        Assert.True(Environment.WorkingSet - resident < 64 << 20, $"{Environment.WorkingSet - resident} bytes more resident");
    }

    private static void LoadAndDrop(Insn[][] programs, int count)
    {
        byte[] memory = new byte[RandomEbpf.ContextBytes];
        for (int i = 0; i < count; i++)
            foreach (VmEngine engine in EbpfEngines.All)
            {
                using VmObject vm = EbpfEngines.Load(programs[i % programs.Length], engine).Object!;
                Assert.True(vm.Programs[0].Run(memory).Success);
            }
    }

    private static long Managed()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
