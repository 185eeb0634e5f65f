using CsCheck;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Tests.Object;

public sealed class ObjectTextTests
{
    private const string Written = """
        # a counter
        .license "GPL"
        .map counts array key 4 value 8 entries 256
        .map "odd name; really # so" hash key 4 value 8 entries 1 flags 0x1 pin
        .program count xdp section "xdp"
                *(u32 *)(r10 - 4) = 3
                r2 = r10
                r2 += -4
                r1 = map[counts] ll
                call bpf_map_lookup_elem
                if r0 == 0 goto out
                r1 = 1
                lock *(u64 *)(r0 + 0) += r1
                r1 = map["odd name; really # so"][0]+8
        out:    r0 = 2
                call twice
                exit
        twice:  r0 <<= 1
                exit
        """;

    [Fact]
    public void Reads_what_people_write()
    {
        BpfObject bpf = Parse(Written);
        Assert.Equal([new MapSpec("counts", MapType.Array, 4, 8, 256), new MapSpec("odd name; really # so", MapType.Hash, 4, 8, 1) { Flags = 1, Pin = "odd name; really # so" }], bpf.Maps);
        ProgramSpec program = bpf.Programs.Single();
        Assert.Equal(("count", ProgramType.Xdp, "xdp"), (program.Name, program.Type, program.Section));
        Assert.Equal([new FunctionSpec("count", 0, IsGlobal: true), new FunctionSpec("twice", 14)], program.Functions);
        Assert.Contains(Insn.Wide(1, Pseudo.MapIdx, 0).First, program.Insns);
        Assert.Contains(new Insn(Opcode.Jmp | Opcode.Call, imm: 1), program.Insns);
        Assert.Empty(Validity.Check(program.Insns.AsSpan(), ValidityRules.Kernel));
    }

    [Fact]
    public void Prints_names_and_labels()
    {
        string text = ObjectPrinter.Print(Parse(Written));
        Assert.Contains(".map counts array key 4 value 8 entries 256\n", text);
        Assert.Contains("        r1 = map[counts]\n", text);
        Assert.Contains("        call bpf_map_lookup_elem#1\n", text);
        Assert.Contains("        if r0 == 0x0 goto L11\n", text);
        Assert.Contains("L11:    r0 = 0x2\n        call twice\n", text);
        Assert.Contains("        r1 = map[\"odd name; really # so\"][0]+0x8\n", text);
        Assert.Contains(".function twice\n        r0 <<= 0x1\n", text);
    }

    [Fact]
    public void Plain_code_is_one_program()
    {
        ProgramSpec program = Parse("r0 = 1\nexit").Programs.Single();
        Assert.Equal(new ProgramSpec("main", ProgramType.Unspec, [.. Assembler.Assemble("r0 = 1\nexit").Insns]), program);
    }

    [Theory]
    [InlineData(".map", "HA0001", 4, 0)]
    [InlineData(".map a hash key 4 vallue 8", "HO0202", 18, 6)]
    [InlineData(".map a hush key 4", "HO0203", 7, 4)]
    [InlineData(".map a hash\n.map a hash", "HO0204", 17, 1)]
    [InlineData(".mop a", "HO0201", 0, 4)]
    [InlineData(".bytes 00", "HO0205", 0, 6)]
    [InlineData("r1 = map[nowhere]\nexit", "HO0203", 9, 7)]
    [InlineData(".map a hash key -1", "HA0003", 16, 2)]
    [InlineData(".map a array key 4\n.bytes 0", "HA0016", 26, 1)]
    [InlineData(".license \"open", "HA0001", 9, 1)]
    public void Mistakes_are_told_where_they_are(string text, string id, int start, int length)
    {
        ObjectRead read = ObjectParser.Parse(text);
        Assert.Null(read.Object);
        Diagnostic first = read.Diagnostics[0];
        Assert.Equal((id, new TextSpan(start, length)), (first.Id, first.Span));
    }

    [Fact]
    public void Clang_objects_come_back_from_their_text()
    {
        foreach (string source in (string[])[Sources.Everything, Sources.Externs, Sources.OldMaps])
            AssertSame(ElfObjectTests.Read(Clang.Build(source)));
    }

    [Fact]
    public void Benchmark_objects_come_back_from_their_text()
    {
        foreach (string file in Directory.GetFiles(Shared.Find("bench/programs"), "*.o"))
            AssertSame(ElfObjectTests.Read(File.ReadAllBytes(file)));
    }

    [Fact]
    public void Parsed_is_what_was_printed() =>
        RandomObjects.Objects.Sample(AssertSame, iter: Volume.Of(100_000, 300), seed: Volume.CsCheckSeed);

    [Fact]
    public void Damaged_text_never_throws()
    {
        Random random = Volume.Random(nameof(Damaged_text_never_throws));
        string[] texts = [Written, ObjectPrinter.Print(ElfObjectTests.Read(Clang.Build(Sources.Externs)))];
        const string Letters = "\"\\#;/.[]{}:+- \n0xfmaplicensebytes\u202e";
        for (int i = 0; i < Volume.Of(200_000, 1500); i++)
        {
            char[] text = texts[random.Next(texts.Length)].ToCharArray();
            for (int k = random.Next(1, 8); k > 0; k--)
                text[random.Next(text.Length)] = random.Next(3) == 0 ? (char)random.Next(0x300) : Letters[random.Next(Letters.Length)];
            ObjectRead read = ObjectParser.Parse(new string(text));
            Assert.Equal(read.Object is null, read.Diagnostics.Any(diagnostic => diagnostic.Severity == Severity.Error));
            foreach (Diagnostic each in read.Diagnostics)
                Assert.InRange(each.Span.End, 0, text.Length);
        }
    }

    private static BpfObject Parse(string text)
    {
        ObjectRead read = ObjectParser.Parse(text);
        Assert.True(read.Success, string.Join('\n', read.Diagnostics.Select(diagnostic => $"{diagnostic.Span} {diagnostic.Message}")));
        return read.Object!;
    }

    private static void AssertSame(BpfObject bpf)
    {
        string text = ObjectPrinter.Print(bpf);
        ObjectRead read = ObjectParser.Parse(text);
        Assert.True(read.Success, string.Join('\n', read.Diagnostics.Select(diagnostic => $"{diagnostic.Span} {diagnostic.Message}")) + "\n" + text);
        Assert.Equal(text, ObjectPrinter.Print(read.Object!));
        BpfObject other = read.Object!;
        Assert.Equal(bpf.Maps, other.Maps);
        Assert.Equal(bpf.Externs, other.Externs);
        for (int i = 0; i < bpf.Programs.Length; i++)
        {
            Assert.Equal(bpf.Programs[i].Insns, other.Programs[i].Insns);
            Assert.Equal(bpf.Programs[i].Functions, other.Programs[i].Functions);
        }
        Assert.True(bpf.Equals(other), "not the same object as\n" + text);
    }
}
