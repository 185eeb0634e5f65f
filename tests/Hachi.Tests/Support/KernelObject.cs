using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Object;
using static Hachi.Tests.Support.KernelCalls;

namespace Hachi.Tests.Support;

/// <summary>What a test run of the kernel gave.</summary>
/// <param name="R0">The program's verdict (32 bits).</param>
/// <param name="Errno">0, or the error of the run.</param>
/// <param name="Data">The packet afterwards.</param>
/// <param name="Context">The context afterwards.</param>
internal readonly record struct KernelOutcome(uint R0, int Errno, byte[] Data, byte[] Context);

/// <summary>An object loaded into the running kernel, as an oracle: its maps, one program, BPF_PROG_TEST_RUN.</summary>
internal sealed unsafe class KernelObject : IDisposable
{
    private const int ProgLoad = 5, ProgTestRun = 10, Sleepable = 1 << 4, LogBytes = 1 << 20;

    private int _fd = -1;

    private KernelObject(KernelMap[] maps) => Maps = maps;

    [StructLayout(LayoutKind.Explicit, Size = 152)]
    private struct LoadAttributes
    {
        [FieldOffset(0)] public uint ProgType;
        [FieldOffset(4)] public uint InsnCount;
        [FieldOffset(8)] public ulong Insns;
        [FieldOffset(16)] public ulong License;
        [FieldOffset(24)] public uint LogLevel;
        [FieldOffset(28)] public uint LogSize;
        [FieldOffset(32)] public ulong LogBuffer;
        [FieldOffset(44)] public uint Flags;
        [FieldOffset(120)] public ulong FdArray;
    }

    [StructLayout(LayoutKind.Explicit, Size = 80)]
    private struct RunAttributes
    {
        [FieldOffset(0)] public uint ProgFd;
        [FieldOffset(4)] public uint ReturnValue;
        [FieldOffset(8)] public uint DataSizeIn;
        [FieldOffset(12)] public uint DataSizeOut;
        [FieldOffset(16)] public ulong DataIn;
        [FieldOffset(24)] public ulong DataOut;
        [FieldOffset(40)] public uint ContextSizeIn;
        [FieldOffset(44)] public uint ContextSizeOut;
        [FieldOffset(48)] public ulong ContextIn;
        [FieldOffset(56)] public ulong ContextOut;
    }

    /// <summary>The maps, in the object's order.</summary>
    public KernelMap[] Maps { get; }

    /// <summary>Loads an object's first program and its maps. Null, with the verifier's log, when the kernel refuses; skips the test without root.</summary>
    public static KernelObject? Load(BpfObject spec, out string log)
    {
        Tools.NeedRoot();
        var maps = new List<KernelMap>();
        foreach (MapSpec map in spec.Maps)
        {
            KernelMap? made = KernelMap.TryCreate(map, out int errno);
            Assert.True(made is not null, $"the kernel refuses {map}: errno {errno}");
            maps.Add(made);
            if (map.Data.Length > 0)
            {
                byte[] value = new byte[map.ValueSize];
                map.Data.CopyTo(value);
                Assert.Equal(0, made.Update(new byte[4], value, 0));
            }
            if (map.IsFrozen)
                Assert.Equal(0, made.Freeze());
        }
        var loaded = new KernelObject([.. maps]);
        log = loaded.LoadProgram(spec);
        if (loaded._fd >= 0)
            return loaded;
        loaded.Dispose();
        return null;
    }

    /// <summary>Runs the program once.</summary>
    /// <param name="data">The packet; empty for programs without one.</param>
    /// <param name="context">The context, as the program type takes it; empty for none.</param>
    public KernelOutcome Run(ReadOnlySpan<byte> data, ReadOnlySpan<byte> context)
    {
        byte[] dataOut = new byte[data.Length == 0 ? 0 : data.Length + 8192], contextOut = context.ToArray();
        fixed (byte* dataIn = data, dataTo = dataOut, contextIn = context, contextTo = contextOut)
        {
            var attributes = new RunAttributes
            {
                ProgFd = (uint)_fd,
                DataSizeIn = (uint)data.Length,
                DataIn = (ulong)dataIn,
                DataSizeOut = (uint)dataOut.Length,
                DataOut = (ulong)dataTo,
                ContextSizeIn = (uint)context.Length,
                ContextIn = (ulong)contextIn,
            };
            // A system-call program writes back to where its context came from; for others the kernel fills a second buffer.
            bool isSyscall = data.Length == 0;
            attributes.ContextIn = (ulong)(isSyscall ? contextTo : contextIn);
            attributes.ContextOut = isSyscall ? 0 : (ulong)contextTo;
            attributes.ContextSizeOut = isSyscall ? 0 : (uint)contextOut.Length;
            if ((int)Bpf(SysBpf, ProgTestRun, &attributes, sizeof(RunAttributes)) < 0)
                return new KernelOutcome(0, Marshal.GetLastPInvokeError(), [], []);
            return new KernelOutcome(attributes.ReturnValue, 0, dataOut[..(int)Math.Min(attributes.DataSizeOut, (uint)dataOut.Length)], contextOut);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_fd >= 0)
            Close(_fd);
        foreach (KernelMap map in Maps)
            map.Dispose();
    }

    private string LoadProgram(BpfObject spec)
    {
        ProgramSpec program = spec.Programs[0];
        byte[] insns = Insn.Encode(program.Insns.AsSpan());
        byte[] log = new byte[LogBytes];
        int[] fds = [.. Maps.Select(map => map.Fd), 0];
        fixed (byte* code = insns)
        fixed (byte* license = "GPL\0"u8, logBuffer = log)
        fixed (int* fdArray = fds)
        {
            var attributes = new LoadAttributes
            {
                ProgType = (uint)program.Type,
                InsnCount = (uint)insns.Length / 8,
                Insns = (ulong)code,
                License = (ulong)license,
                FdArray = (ulong)fdArray,
                Flags = program.Type == Hachi.Uapi.ProgramType.Syscall ? (uint)Sleepable : 0,
            };
            _fd = (int)Bpf(SysBpf, ProgLoad, &attributes, sizeof(LoadAttributes));
            if (_fd >= 0)
                return "";
            attributes.LogLevel = 1;
            attributes.LogSize = LogBytes;
            attributes.LogBuffer = (ulong)logBuffer;
            _ = Bpf(SysBpf, ProgLoad, &attributes, sizeof(LoadAttributes));
            int errno = Marshal.GetLastPInvokeError();
            return $"errno {errno}\n" + System.Text.Encoding.UTF8.GetString(log, 0, Math.Max(0, Array.IndexOf(log, (byte)0)));
        }
    }
}
