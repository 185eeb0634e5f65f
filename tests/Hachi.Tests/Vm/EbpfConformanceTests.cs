using System.Globalization;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;

namespace Hachi.Tests.Vm;

/// <summary>The public conformance suite on each engine, in process.</summary>
public sealed class EbpfConformanceTests
{
    public static TheoryData<VmEngine> Engines => new(EbpfEngines.All);

    [Theory, MemberData(nameof(Engines))]
    public void Every_case_gives_its_result(VmEngine engine)
    {
        int run = 0;
        var wrong = new List<string>();
        foreach (string file in Directory.GetFiles(Shared.Find("corpus/bpf_conformance"), "*.data"))
        {
            ConformanceCase test = ConformanceCase.Read(file);
            if (test.Result is not { } expected)
                continue;
            run++;
            VmLoad load = EbpfEngines.Load(test.Insns, engine);
            if (load.Object is null)
            {
                wrong.Add($"{test.Name}: {load.Diagnostics[0].Message}");
                continue;
            }
            VmResult result = load.Object.Programs[0].Run(test.Memory.ToArray());
            if (!result.Success || result.R0 != expected)
                wrong.Add($"{test.Name}: 0x{result.R0:x}, not 0x{expected:x} {result.Fault}");
        }
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {run}:\n" + string.Join('\n', wrong));
        Assert.True(run > 200);
    }

    private sealed record ConformanceCase(string Name, Insn[] Insns, byte[] Memory, ulong? Result)
    {
        public static ConformanceCase Read(string file)
        {
            var sections = new Dictionary<string, List<string>>();
            List<string>? current = null;
            foreach (string line in File.ReadLines(file))
                if (line.StartsWith("-- ", StringComparison.Ordinal))
                    sections[line[3..].Trim()] = current = [];
                else if (!line.StartsWith('#'))
                    current?.Add(line);
            byte[] memory = Bytes(sections.GetValueOrDefault("mem", []));
            Insn[] insns = [];
            if (sections.TryGetValue("asm", out List<string>? asm))
                insns = Assembler.Assemble(string.Join('\n', asm)).Insns;
            else if (sections.TryGetValue("raw", out List<string>? raw))
                Assert.True(Insn.TryDecode(Bytes(raw), out insns));
            ulong? result = sections.TryGetValue("result", out List<string>? text) ? Number(string.Concat(text).Trim()) : null;
            return new ConformanceCase(Path.GetFileNameWithoutExtension(file), insns, memory, result);
        }

        private static ulong Number(string text) => text.StartsWith("0x", StringComparison.Ordinal)
            ? ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : unchecked((ulong)long.Parse(text, CultureInfo.InvariantCulture));

        private static byte[] Bytes(IEnumerable<string> lines) => Convert.FromHexString(string.Concat(string.Concat(lines.Select(line => line.Split('#')[0])).Where(c => !char.IsWhiteSpace(c))));
    }
}
