using System.Collections.Immutable;
using Hachi.Asm;
using Hachi.Lang.CSharp;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Tests.CSharp;

/// <summary>C# compiled to BPF: what the kernel answers is what the same method answers as C#, over random frames, maps included.</summary>
public sealed unsafe class CSharpCompilerTests
{
    private delegate XdpAction Xdp(ref XdpContext context);

    private static readonly ImmutableArray<byte> s_assembly = [.. File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Hachi.Tests.dll"))];
    private static readonly ImmutableArray<byte> s_pdb = [.. File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Hachi.Tests.pdb"))];

    [Theory]
    [InlineData(nameof(Programs.CountBySource))]
    [InlineData(nameof(Programs.UdpFirewall))]
    [InlineData(nameof(Programs.Pointers))]
    [InlineData(nameof(Programs.Loop))]
    public void The_kernel_answers_what_csharp_answers(string name)
    {
        Xdp method = name switch
        {
            nameof(Programs.CountBySource) => Programs.CountBySource,
            nameof(Programs.UdpFirewall) => Programs.UdpFirewall,
            nameof(Programs.Pointers) => Programs.Pointers,
            _ => Programs.Loop,
        };
        Random random = Volume.Random(name);
        BpfObject bpf = Compile(name, 3);
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {bpf.Programs[0].Insns.Length} instructions");
        Assert.NotEmpty(bpf.Programs[0].Lines);
        using KernelObject? kernel = KernelObject.Load(bpf, out string log);
        Assert.True(kernel is not null, $"{log}\n{Printer.Print(bpf.Programs[0].Insns.AsSpan())}");
        for (int i = 0; i < Volume.Of(10_000, 300); i++)
        {
            byte[] frame = Frame(random);
            KernelOutcome there = kernel.Run(frame, []);
            Assert.Equal(0, there.Errno);
            fixed (byte* data = frame)
            {
                var context = new XdpContext { Data = data, DataEnd = data + frame.Length };
                XdpAction here = method(ref context);
                Assert.True(here == (XdpAction)there.R0, $"{name}, frame {i}: {here} here, 0x{there.R0:x} in the kernel: {Convert.ToHexString(frame)}\n{Printer.Print(bpf.Programs[0].Insns.AsSpan())}\n{Volume.Note}");
            }
        }
    }

    [Fact]
    public void A_socket_filter_answers_what_csharp_answers()
    {
        Random random = Volume.Random(nameof(A_socket_filter_answers_what_csharp_answers));
        BpfObject bpf = Compile(nameof(Programs.Tcp), 3);
        using KernelObject? kernel = KernelObject.Load(bpf, out string log);
        Assert.True(kernel is not null, $"{log}\n{Printer.Print(bpf.Programs[0].Insns.AsSpan())}");
        for (int i = 0; i < Volume.Of(5_000, 200); i++)
        {
            byte[] frame = Frame(random);
            byte[] data = [.. new byte[14], .. frame]; // a test run hides the first 14 bytes from a socket filter; the kernel refuses short frames that these call IPv4
            KernelOutcome there = kernel.Run(data, []);
            Assert.Equal(0, there.Errno);
            fixed (byte* first = frame)
            {
                var context = new SocketContext(first, frame.Length);
                int here = Programs.Tcp(ref context);
                Assert.True(here == (int)there.R0, $"frame {i}: {here} here, {(int)there.R0} in the kernel: {Convert.ToHexString(frame)}\n{Printer.Print(bpf.Programs[0].Insns.AsSpan())}\n{Volume.Note}");
            }
        }
    }

    [Theory]
    [InlineData(nameof(RefusedPrograms.Heap), "HM0005", 0)]
    [InlineData(nameof(RefusedPrograms.Text), "HM0004", 1)]
    [InlineData(nameof(RefusedPrograms.Recursive), "HM0007", 1)]
    [InlineData(nameof(RefusedPrograms.Static), "HM0010", 1)]
    [InlineData(nameof(RefusedPrograms.Catch), "HM0009", 0)]
    [InlineData(nameof(RefusedPrograms.Shape), "HM0002", 1)]
    public void What_is_refused_is_told_with_its_place(string name, string id, int hasLine)
    {
        CSharpCompilation compiled = CSharpCompiler.Compile(s_assembly, s_pdb, new CSharpOptions { Methods = [name] });
        Assert.Null(compiled.Object);
        CSharpDiagnostic diagnostic = Assert.Single(compiled.Diagnostics);
        TestContext.Current.TestOutputHelper?.WriteLine(diagnostic.ToString());
        Assert.Equal(id, diagnostic.What.Id);
        if (hasLine == 1)
            Assert.Contains("Programs.cs(", diagnostic.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_assemblies_are_refused()
    {
        Random random = Volume.Random(nameof(Damaged_assemblies_are_refused));
        for (int i = 0; i < Volume.Of(2_000, 10); i++)
        {
            byte[] damaged = [.. s_assembly];
            for (int n = 0; n < 200; n++)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            CSharpCompilation compiled = CSharpCompiler.Compile([.. damaged], default, new CSharpOptions { Methods = [nameof(Programs.CountBySource), nameof(Programs.UdpFirewall)] });
            Assert.True(compiled.Object is not null || compiled.Diagnostics.Length > 0);
        }
    }

    private static BpfObject Compile(string name, int level)
    {
        CSharpCompilation compiled = CSharpCompiler.Compile(s_assembly, s_pdb, new CSharpOptions { Methods = [name], Level = level });
        Assert.True(compiled.Object is not null, string.Join('\n', compiled.Diagnostics));
        return compiled.Object;
    }

    private static byte[] Frame(Random random)
    {
        byte[] frame = new byte[random.Next(14, 120)];
        random.NextBytes(frame);
        if (random.Next(8) != 0)
            (frame[12], frame[13]) = (8, 0);
        byte[] header = [(byte)(0x40 + random.Next(4, 8)), 0, 0, 0, 0, 0, 0, 0, 64, random.Next(3) == 0 ? (byte)6 : (byte)17, 0, 0, 10, 0, 0, (byte)random.Next(4)];
        for (int i = 0; i < header.Length && 14 + i < frame.Length; i++)
            frame[14 + i] = header[i];
        int udp = 14 + ((header[0] & 15) * 4);
        if (udp + 4 <= frame.Length)
            (frame[udp + 2], frame[udp + 3]) = random.Next(3) switch { 0 => ((byte)0, (byte)53), 1 => ((byte)0, (byte)80), _ => ((byte)random.Next(256), (byte)random.Next(4)) };
        return frame;
    }
}
