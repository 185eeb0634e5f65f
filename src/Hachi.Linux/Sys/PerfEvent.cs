using System.Runtime.InteropServices;

namespace Hachi.Linux.Sys;

/// <summary>perf_event_open(2), and what is done to its descriptors.</summary>
internal static unsafe class PerfEvent
{
    public const uint TypeHardware = 0, TypeSoftware = 1, TypeTracepoint = 2, TypeHardwareCache = 3, TypeRaw = 4, TypeBreakpoint = 5;
    public const ulong SampleIp = 1, SampleTid = 2, SampleTime = 4, SampleRaw = 1 << 10;
    public const ulong FlagDisabled = 1, FlagExcludeUser = 1 << 4, FlagExcludeKernel = 1 << 5, FlagFrequency = 1 << 10;
    public const int AnyProcess = -1, AnyProcessor = -1;
    private const int IoctlEnable = 0x2400, IoctlDisable = 0x2401, IoctlSetBpf = 0x40042408, FlagCloexec = 8;

    /// <summary>struct perf_event_attr, as of its size 112 (PERF_ATTR_SIZE_VER5).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Attributes
    {
        public uint Type, Size;
        public ulong Config, SamplePeriodOrFrequency, SampleType, ReadFormat, Flags;
        public uint WakeupEvents, BreakpointType;
        public ulong Config1, Config2, BranchSampleType, SampleRegsUser;
        public uint SampleStackUser;
        public int ClockId;
        public ulong SampleRegsInterrupt;
        public uint AuxWatermark;
        public ushort SampleMaxStack, Reserved;
    }

    /// <summary>Opens an event.</summary>
    /// <param name="attributes">Which; its size is filled in.</param>
    /// <param name="pid">The process, or <see cref="AnyProcess"/>.</param>
    /// <param name="cpu">The processor, or <see cref="AnyProcessor"/> with a process.</param>
    /// <returns>The descriptor, or minus the error number.</returns>
    public static int Open(ref Attributes attributes, int pid, int cpu)
    {
        attributes.Size = (uint)sizeof(Attributes);
        fixed (Attributes* pointer = &attributes)
            return (int)Syscall.Invoke(Syscall.PerfEventOpen, (nint)pointer, pid, cpu, -1, FlagCloexec);
    }

    public static int SetProgram(FileHandle perf, int program) => (int)Syscall.Invoke(Syscall.Ioctl, perf.Descriptor, IoctlSetBpf, program);

    public static int Enable(FileHandle perf) => (int)Syscall.Invoke(Syscall.Ioctl, perf.Descriptor, IoctlEnable, 0);

    public static int Disable(FileHandle perf) => (int)Syscall.Invoke(Syscall.Ioctl, perf.Descriptor, IoctlDisable, 0);
}
