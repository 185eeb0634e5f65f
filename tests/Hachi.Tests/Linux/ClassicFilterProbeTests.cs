using Hachi.Isa;
using Hachi.Linux.Kernel;

namespace Hachi.Tests.Linux;

public sealed class ClassicFilterProbeTests
{
    [Fact]
    public void The_kernel_takes_a_valid_program_and_refuses_an_invalid_one()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("needs Linux");
        const int Einval = 22;
        Assert.Equal(0, ClassicFilterProbe.Attach(new ClassicProgram([new ClassicInsn(ClassicOpcode.Ret, 1)])));
        Assert.Equal(Einval, ClassicFilterProbe.Attach(new ClassicProgram([])));
        Assert.Equal(Einval, ClassicFilterProbe.Attach(new ClassicProgram([new ClassicInsn(ClassicOpcode.Ld, 1)])));
    }
}
