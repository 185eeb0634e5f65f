using Hachi.Vm.Jit;
using Hachi.Vm.Jit.X64;

namespace Hachi.Tests.Vm.Jit;

public sealed unsafe class ExecutableMemoryTests
{
    [Fact]
    public void Programs_that_come_and_go_leave_no_growth()
    {
        if (!X64Compiler.IsSupported)
            Assert.Skip("needs an x86-64 processor");
        var random = new Random(1);
        var kept = new List<(nint Address, int Bytes, uint Result)>();
        long most = 0;
        for (int i = 0; i < 10_000; i++)
        {
            byte[] code = new byte[6 + random.Next(3000)];
            uint result = (uint)random.Next();
            code[0] = 0xb8; // mov eax, result; ret
            BitConverter.TryWriteBytes(code.AsSpan(1), result);
            code[5] = 0xc3;
            kept.Add((ExecutableMemory.Add(code), code.Length, result));
            Assert.NotEqual(0, kept[^1].Address);
            if (kept.Count < 100)
                continue;
            most = Math.Max(most, ExecutableMemory.MappedBytes);
            int at = random.Next(kept.Count);
            (nint address, int bytes, uint expected) = kept[at];
            Assert.Equal(expected, ((delegate* unmanaged<uint>)address)());
            ExecutableMemory.Remove(address, bytes);
            kept.RemoveAt(at);
        }
        foreach ((nint address, int bytes, uint expected) in kept)
        {
            Assert.Equal(expected, ((delegate* unmanaged<uint>)address)());
            ExecutableMemory.Remove(address, bytes);
        }
        // A hundred programs of up to 3 KB at a time; other tests may hold some, too.
        Assert.True(most < 8 << 20, $"{most} bytes were mapped");
        if (OperatingSystem.IsLinux())
            Assert.DoesNotContain(File.ReadLines("/proc/self/maps"), line => line.Contains("hachi-code", StringComparison.Ordinal) && line.Contains("wx", StringComparison.Ordinal));
    }
}
