using System.CommandLine;
using System.Globalization;
using Hachi.Asm;
using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Linux.Kernel;
using Hachi.Text;
using Hachi.Vm;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi tour</c>: six steps on the built-in sample, each of which checks what it says.</summary>
internal sealed class TourVerb : IVerb
{
    private const string Expression = "tcp port 443";
    private const string Broken = "tcp prot 443";

    public string Name => "tour";

    public string Summary => "Show in six checked steps what hachi does, without root";

    public string Usage => "tour";

    public string Examples => """
        hachi tour           write a filter, read its code, step a packet through it, break it, run it, ask the kernel
        hachi tour | less    the same, at your own pace
        """;

    public void Build(Command command, Shell shell) => command.SetAction(_ => new Tour(shell).Run());

    /// <summary>One run of the tour.</summary>
    private sealed class Tour(Shell shell)
    {
        private readonly List<byte[]> _packets = ReadSample();
        private readonly CaptureFilter _filter = CaptureFilter.Compile(Expression);
        private int _step;
        private bool _failed;

        public int Run()
        {
            WriteAFilter();
            ReadItsCode();
            StepAPacket();
            BreakItAndMendIt();
            RunItEverywhere();
            AskTheKernel();
            shell.Out.WriteLine(_failed ? "The tour found something wrong: see the lines marked FAILED." : "That was the tour. hachi --help lists every verb.");
            return _failed ? ExitStatus.No : ExitStatus.Done;
        }

        private void WriteAFilter()
        {
            Title("Write a filter", $"hachi filter '{Expression}' --sample");
            int matched = _packets.Count(packet => _filter.Matches(packet));
            shell.Out.WriteLine($"'{Expression}' keeps {matched} of the {_packets.Count} packets of the built-in sample capture.");
            Check(matched > 0 && matched < _packets.Count, "some packets match and some do not");
        }

        private void ReadItsCode()
        {
            Title("Read its code", $"hachi compile '{Expression}'");
            shell.Out.WriteLine($"The expression became {_filter.Program.Length} instructions of classic BPF, what the kernel runs for a packet socket:");
            shell.Out.WriteLine();
            for (int i = 0; i < _filter.Program.Length; i++)
                shell.Out.WriteLine("  " + ClassicPrinter.ListingLine(_filter.Program[i], i));
            Check(ClassicValidity.IsValid(_filter.Program.Insns), "it is a valid program: it ends, and jumps only forward");
        }

        private void StepAPacket()
        {
            int number = _packets.FindIndex(packet => _filter.Matches(packet));
            Title("Step a packet through it", $"hachi debug '{Expression}' FILE");
            shell.Out.WriteLine($"Packet {number + 1} of the sample, {_packets[number].Length} bytes. A is the accumulator, X the index register:");
            shell.Out.WriteLine();
            byte[] packet = _packets[number];
            var state = new ClassicState { Memory = stackalloc uint[Limits.ClassicMemoryWords] };
            uint expected = ClassicInterpreter.Run(_filter.Program, packet, (uint)packet.Length, default);
            int steps = 0;
            while (state.Outcome == ClassicOutcome.Running)
            {
                int at = state.Pc;
                ClassicInterpreter.Step(_filter.Program, ref state, packet, (uint)packet.Length, default);
                string line = ClassicPrinter.ListingLine(_filter.Program[at], at).Split('\t')[0];
                if (line.LastIndexOf(" jt ", StringComparison.Ordinal) is > 0 and int jump)
                    line = line[..jump];
                shell.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {line.TrimEnd(),-32} A={state.A:x8} X={state.X:x8}"));
                steps++;
            }
            shell.Out.WriteLine();
            shell.Out.WriteLine($"It returned {state.Verdict}, the number of bytes to keep, after {steps} of {_filter.Program.Length} instructions.");
            Check(state.Verdict == expected && expected != 0, "stepping and running give the same verdict");
        }

        private void BreakItAndMendIt()
        {
            Title("Break it, and mend it", $"hachi compile '{Broken}'");
            bool compiled = CaptureFilter.TryCompile(Broken, LinkType.Ethernet, null, out _, out IReadOnlyList<Diagnostic> diagnostics);
            foreach (Diagnostic diagnostic in diagnostics)
                shell.Out.WriteLine(Caret.Render(Broken, diagnostic));
            if (diagnostics.Count > 0)
            {
                shell.Out.WriteLine();
                shell.Out.WriteLine($"hachi explain error {diagnostics[0].Id} says more:");
                shell.Out.WriteLine("  " + DiagnosticTable.Find(diagnostics[0].Id)?.Help);
            }
            string mended = Broken.Replace("prot", "port", StringComparison.Ordinal);
            Check(!compiled && diagnostics.Count > 0 && CaptureFilter.Compile(mended).Program.Equals(_filter.Program), "the broken one is refused with its place, the mended one is the first again");
        }

        private void RunItEverywhere()
        {
            Title("Run it in user space", $"hachi filter '{Expression}' --sample --count");
            var engine = new FilterEngine(_filter.Program, FilterEngineKind.Il);
            int same = _packets.Count(packet => engine.Run(packet, (uint)packet.Length) == ClassicInterpreter.Run(_filter.Program, packet, (uint)packet.Length, default));
            shell.Out.WriteLine(engine.IsCompiled
                ? "Two engines ran it: an interpreter that is plain to read, and a compiler to IL."
                : "The interpreter ran it. The compiler to IL needs a JIT: it is there when hachi runs on the .NET runtime, not in this native binary.");
            Check(same == _packets.Count, $"the verdicts are the same on all {_packets.Count} packets");
        }

        private void AskTheKernel()
        {
            Title("Ask this kernel", null);
            if (!OperatingSystem.IsLinux())
            {
                shell.Out.WriteLine("This is not Linux: nothing to ask. Everything before this step works here all the same.");
                shell.Out.WriteLine();
                return;
            }
            int errno = ClassicFilterProbe.Attach(_filter.Program);
            shell.Out.WriteLine("The program was attached to a socket of this process (SO_ATTACH_FILTER); that needs no root.");
            shell.Out.WriteLine($"eBPF programs without root: {UnprivilegedBpf()}.");
            Check(errno == 0, errno == 0 ? "the kernel's own checks took it" : $"the kernel refused it with errno {errno}");
        }

        private static string UnprivilegedBpf()
        {
            const string setting = "/proc/sys/kernel/unprivileged_bpf_disabled";
            try
            {
                return File.ReadAllText(setting).Trim() == "0" ? $"allowed ({setting} is 0)" : $"refused here ({setting}); they need CAP_BPF";
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return $"not known ({setting} cannot be read)";
            }
        }

        private void Title(string title, string? command)
        {
            _step++;
            shell.Out.WriteLine($"{_step}. {title}");
            if (command is not null && VerbList.Find(command.Split(' ')[1]) is not null)
                shell.Out.WriteLine($"   $ {command}");
            shell.Out.WriteLine();
        }

        private void Check(bool holds, string what)
        {
            _failed |= !holds;
            shell.Out.WriteLine($"[{(holds ? "ok" : "FAILED")}] {what}");
            shell.Out.WriteLine();
            shell.Out.Flush();
        }

        private static List<byte[]> ReadSample()
        {
            var packets = new List<byte[]>();
            using CaptureReader? reader = CaptureReader.Open(new MemoryStream(SampleCapture.BuiltIn()), out _);
            while (reader is not null && reader.TryReadBatch(out CaptureBatch batch))
                foreach (PacketRecord record in batch.Records)
                    packets.Add(batch.Data(record).ToArray());
            return packets;
        }
    }
}
