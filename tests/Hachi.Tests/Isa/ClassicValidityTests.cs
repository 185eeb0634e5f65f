using System.Runtime.InteropServices;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Support;

namespace Hachi.Tests.Isa;

public sealed class ClassicValidityTests
{
    private const int AfInet = 2, SockDgram = 2, SolSocket = 1, SoAttachFilter = 26, Einval = 22, Enomem = 12;

    [Theory]
    [InlineData("ret #0", null)]
    [InlineData("ld [0]", "HA0103")]
    [InlineData(".insn 0xff, 0, 0, 0\nret #0", "HA0102")]
    [InlineData("div #0\nret #0", "HA0104")]
    [InlineData("lsh #32\nret #0", "HA0105")]
    [InlineData(".insn 0x60, 0, 0, 16\nret #0", "HA0106")]
    [InlineData("ld M[1]\nret #0", "HA0107")]
    [InlineData("jeq #1, Lx\nst M[1]\nLx: ld M[1]\nret #0", "HA0107")]
    [InlineData(".insn 0x5, 0, 0, 1\nret #0", "HA0108")]
    [InlineData(".insn 0x20, 0, 0, 0xfffff001\nret #0", "HA0109")]
    [InlineData("", "HA0101")]
    public void The_kernels_rules(string text, string? id)
    {
        ClassicAssembled assembled = ClassicAssembler.Assemble(text);
        Assert.Empty(assembled.Diagnostics);
        Assert.Equal(id, ClassicValidity.Check(assembled.Program!.Insns).Select(invalid => invalid.Diagnostic.Id).FirstOrDefault());
    }

    [Fact]
    public void Too_long_is_too_long()
    {
        var insns = new ClassicInsn[4097];
        Array.Fill(insns, new ClassicInsn(ClassicOpcode.Ret));
        Assert.False(ClassicValidity.IsValid(insns));
        Assert.True(ClassicValidity.IsValid(insns.AsSpan(1)));
    }

    [Fact]
    public void The_verdict_is_that_of_SO_ATTACH_FILTER()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("needs Linux");
        Random random = Volume.Random(nameof(The_verdict_is_that_of_SO_ATTACH_FILTER));
        int count = Volume.Of(1_000_000, 30_000), accepted = 0;
        int socket = Native.socket(AfInet, SockDgram, 0);
        Assert.True(socket >= 0, "socket");
        try
        {
            for (int i = 0; i < count; i++)
            {
                ClassicInsn[] insns = RandomPrograms.Classic(random, random.Next(1, 12), wildness: 200);
                bool expected = Attach(socket, insns);
                accepted += expected ? 1 : 0;
                Assert.True(expected == ClassicValidity.IsValid(insns), $"kernel {expected}, {Volume.Note}\n{ClassicPrinter.Numbers(insns)}{ClassicPrinter.Print(insns)}");
            }
        }
        finally
        {
            _ = Native.close(socket);
        }
        Assert.InRange(accepted, count / 20, count - count / 20);
    }

    private static unsafe bool Attach(int socket, ClassicInsn[] insns)
    {
        byte[] bytes = ClassicNumbers.Encode(insns);
        fixed (byte* filter = bytes)
        {
            var program = new Native.SockFprog { Length = (ushort)insns.Length, Filter = (nint)filter };
            if (Native.setsockopt(socket, SolSocket, SoAttachFilter, &program, (uint)sizeof(Native.SockFprog)) == 0)
                return true;
            int error = Marshal.GetLastPInvokeError();
            if (error == Enomem)
                Assert.Skip("the kernel has no memory left for socket filters (net.core.optmem_max)");
            Assert.Equal(Einval, error);
            return false;
        }
    }

    private static unsafe class Native
    {
        [StructLayout(LayoutKind.Sequential)]
        public struct SockFprog
        {
            public ushort Length;
            public nint Filter;
        }

#pragma warning disable SYSLIB1054, CA2101, IDE1006 // test code; the names are libc's
        [DllImport("libc", SetLastError = true)]
        public static extern int socket(int domain, int type, int protocol);

        [DllImport("libc", SetLastError = true)]
        public static extern int setsockopt(int socket, int level, int option, void* value, uint length);

        [DllImport("libc", SetLastError = true)]
        public static extern int close(int fd);
#pragma warning restore SYSLIB1054, CA2101, IDE1006
    }
}
