using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Support;

namespace Hachi.Tests.Asm;

public sealed class ConformanceTests
{
    [Fact]
    public void Every_asm_section_assembles_to_its_raw_section()
    {
        int assembled = 0, compared = 0;
        foreach (string file in Directory.GetFiles(Shared.Find("corpus/bpf_conformance"), "*.data"))
        {
            Dictionary<string, string> sections = Sections(file);
            if (!sections.TryGetValue("asm", out string? text))
                continue;
            Assembled result = Assembler.Assemble(text);
            Assert.True(result.Success, $"{Path.GetFileName(file)}: {string.Join("; ", result.Diagnostics)}");
            assembled++;
            Assert.True(Validity.IsValid(result.Insns), $"{Path.GetFileName(file)}: {string.Join("; ", Validity.Check(result.Insns))}");
            Assert.Equal(result.Insns, Assembler.Assemble(Printer.Print(result.Insns)).Insns);
            if (!sections.TryGetValue("raw", out string? raw))
                continue;
            Assert.Equal(Raw(raw), result.Insns);
            compared++;
        }
        Assert.True(assembled > 190, $"{assembled} assembled, {compared} compared");
    }

    [Fact]
    public void What_must_be_refused_is_refused()
    {
        foreach (string file in Directory.GetFiles(Shared.Find("corpus/bpf_conformance/negative"), "*.data"))
        {
            string name = Path.GetFileNameWithoutExtension(file);
            Dictionary<string, string> sections = Sections(file);
            if (name.StartsWith("unused-", StringComparison.Ordinal))
                Assert.False(Validity.IsValid(Raw(sections["raw"])), name);
            else if (name.StartsWith("invalid_", StringComparison.Ordinal) && sections.TryGetValue("asm", out string? text) && text.Trim().Length > 0)
                Assert.False(Assembler.Assemble(text).Success, name);
        }
    }

    private static Dictionary<string, string> Sections(string file)
    {
        var sections = new Dictionary<string, string>();
        string name = "";
        foreach (string line in File.ReadLines(file))
        {
            if (line.StartsWith("-- ", StringComparison.Ordinal))
                name = line[3..].Trim();
            else
                sections[name] = sections.GetValueOrDefault(name, "") + line + "\n";
        }
        return sections;
    }

    // Either hex bytes or one 64-bit number a slot.
    private static Insn[] Raw(string text)
    {
        string[] words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        byte[] bytes = words[0].StartsWith("0x", StringComparison.Ordinal)
            ? [.. words.SelectMany(word => BitConverter.GetBytes(Convert.ToUInt64(word, 16)))]
            : [.. words.Select(word => Convert.ToByte(word, 16))];
        Assert.True(Insn.TryDecode(bytes, out Insn[] insns));
        return insns;
    }
}
