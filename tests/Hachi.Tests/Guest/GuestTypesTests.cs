using Hachi.Tests.Btf;

namespace Hachi.Tests.Guest;

/// <summary>CO-RE on the types of the test kernels: the same numbers at the same instructions as libbpf. The objects themselves run there (<see cref="KernelTests"/>).</summary>
public sealed class GuestTypesTests
{
    [Theory]
    [InlineData("6.1")]
    [InlineData("6.12")]
    public void Relocations_are_libbpf_s(string series) =>
        CoreRelocationTests.AssertAsLibbpf(CoreSources.Kernel, GuestKernel.Need(series).ReadTypes(), isRunning: false, 60);
}
