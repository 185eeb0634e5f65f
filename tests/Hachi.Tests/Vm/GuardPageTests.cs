using System.Runtime.InteropServices;
using Hachi.Captures;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;
using Hachi.Vm.Jit;
using Hachi.Vm.Jit.Packets;

namespace Hachi.Tests.Vm;

/// <summary>
/// Compiled code reads nothing behind the packet: each packet ends where a page ends that nobody may touch behind. One stray access ends the process,
/// which no test runner overlooks.
/// </summary>
public sealed partial class GuardPageTests
{
    private const int PageBytes = 4096, ProtectionNone = 0, ReadWrite = 3, PrivateAnonymous = 0x22;

    [Fact]
    public unsafe void No_engine_reads_behind_the_packet()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("needs mmap of Linux");
        byte* pages = MemoryMap(0, 2 * PageBytes, ReadWrite, PrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, (nint)pages);
        Assert.Equal(0, MemoryProtect(pages + PageBytes, PageBytes, ProtectionNone));
        Random random = Volume.Random(nameof(No_engine_reads_behind_the_packet));
        int compiled = 0;
        for (int i = Volume.Of(50_000, 250); i > 0; i--)
        {
            var program = new ClassicProgram(random.Next(4) == 0 ? ClassicPrograms.Hostile(random) : ClassicPrograms.Plain(random));
            IrFunction? function = IlCompiler.Lift(program);
            VerdictCode? code = function is null ? null : IlCompiler.Verdict(function), machine = function is null ? null : PacketCode.Verdict(function);
            compiled += code is null ? 0 : 1;
            var decoded = new DecodedProgram(program);
            for (int n = 0; n < 80; n++)
            {
                byte[] frame = ClassicPrograms.Frame(random);
                int length = Math.Min(n, frame.Length);
                byte* packet = pages + PageBytes - length;
                frame.AsSpan(0, length).CopyTo(new Span<byte>(packet, length));
                PacketMetadata none = default;
                uint expected = ClassicInterpreter.Run(program, frame.AsSpan(0, length), 99, none);
                uint found = decoded.Run(new ReadOnlySpan<byte>(packet, length), 99, none);
                Assert.True(expected == found, $"{found}, not {expected}, over {length} bytes\n{string.Join('\n', program.Insns.ToArray())}\n{Convert.ToHexString(frame)}\n{Volume.Note}");
                if (code is not null)
                    Assert.Equal(expected, code(packet, (uint)length, 99, &none));
                if (machine is not null)
                    Assert.Equal(expected, machine(packet, (uint)length, 99, &none));
            }
        }
        Assert.True(compiled > 50);
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static unsafe partial byte* MemoryMap(nint address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static unsafe partial int MemoryProtect(byte* address, nuint length, int protection);
}
