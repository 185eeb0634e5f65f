using Hachi.Isa;

namespace Hachi.Tests;

public sealed class SmokeTests
{
    [Fact]
    public void Programs_compare_by_content() =>
        Assert.Equal(new ClassicProgram([new ClassicInsn(ClassicOpcode.Ret, 1)]), new ClassicProgram([new ClassicInsn(ClassicOpcode.Ret, 1)]));
}
