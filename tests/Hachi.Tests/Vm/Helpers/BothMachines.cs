using Hachi.Object;
using Hachi.Vm;
using Hachi.Vm.Helpers;
using Hachi.Vm.Maps;

namespace Hachi.Tests.Vm.Helpers;

/// <summary>One object in the running kernel and in each engine here, for programs of type syscall, whose context is plain memory.</summary>
internal sealed class BothMachines : IDisposable
{
    private readonly KernelObject _theirs;
    private readonly VmObject[] _ours;

    private BothMachines(KernelObject theirs, VmObject[] ours) => (_theirs, _ours) = (theirs, ours);

    /// <summary>The machine of each engine.</summary>
    public IReadOnlyList<VmObject> Ours => _ours;

    public KernelObject Theirs => _theirs;

    public static BothMachines Load(string text, VmHost? host = null)
    {
        BpfObject spec = Parse(text);
        KernelObject? theirs = KernelObject.Load(spec, out string log);
        Assert.True(theirs is not null, $"the kernel refuses\n{text}\n{log}");
        return new BothMachines(theirs, [.. EbpfEngines.All.Select(engine => LoadHere(spec, engine, host))]);
    }

    public static BpfObject Parse(string text)
    {
        ObjectRead read = ObjectParser.Parse(text);
        Assert.True(read.Object is not null, string.Join('\n', read.Diagnostics.Select(diagnostic => diagnostic.Message)) + "\n" + text);
        return read.Object;
    }

    public static VmObject LoadHere(BpfObject spec, VmEngine engine, VmHost? host = null)
    {
        VmLoad load = VmObject.Load(spec, new VmOptions { Engine = engine, Host = host ?? new VmHost(), Maps = new MapSettings { Cpus = Math.Max(KernelMap.Cpus, 4) } });
        Assert.True(load.Object is not null, string.Join('\n', load.Diagnostics.Select(diagnostic => diagnostic.Message)));
        return load.Object;
    }

    /// <summary>Runs once in each; the context afterwards, which is the same everywhere.</summary>
    public byte[] Run(byte[] context, string note)
    {
        KernelOutcome expected = _theirs.Run([], context);
        Assert.True(expected.Errno == 0, $"errno {expected.Errno}");
        foreach (VmObject machine in _ours)
        {
            byte[] memory = [.. context];
            VmResult result = machine.Programs[0].Run(memory);
            Assert.True(result.Success, $"{machine.Options.Engine}: {result.Fault?.Message}\n{note}");
            Assert.True(expected.R0 == (uint)result.R0, $"{machine.Options.Engine}: r0 is 0x{result.R0:x}, in the kernel 0x{expected.R0:x}\n{note}");
            Assert.True(expected.Context.AsSpan().SequenceEqual(memory), $"{machine.Options.Engine}: {Convert.ToHexString(memory)}\nkernel: {Convert.ToHexString(expected.Context)}\n{note}");
        }
        return expected.Context;
    }

    public void Dispose()
    {
        _theirs.Dispose();
        foreach (VmObject machine in _ours)
            machine.Dispose();
    }
}
