using System.Text;
using CsCheck;
using Hachi.Asm;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Tests.Object;

public sealed class ElfWriterTests
{
    private const string Text = """
        .license "GPL"
        .map counts hash key 4 value 8 entries 16 flags 0x1
        .map jumps prog_array key 4 value 4 entries 4
        .slot 2 second
        .map outer array_of_maps key 4 value 4 entries 2
        .inner outer.inner array key 4 value 8 entries 4
        .slot 1 small
        .map small array key 4 value 8 entries 4 pin
        .map bloom bloom_filter key 0 value 8 entries 10 extra 5
        .map .rodata array key 4 value 8 entries 1 flags 0x80 frozen
        .bytes 0102030405060708
        .program first xdp section "xdp"
                r1 = map[counts]
                r2 = map[.rodata][0]+0x4
                call help
                r2 = subprog[each]
                r0 = 2
                exit
        help:   r0 = 0
                exit
        each:   r0 = 1
                exit
        .program second xdp section "xdp"
                call help
                exit
        help:   r0 = 7
                exit
        """;

    [Fact]
    public void Written_objects_are_read_back()
    {
        BpfObject bpf = ObjectParser.Parse(Text).Object!;
        BpfObject read = ElfObjectTests.Read(ElfObjectWriter.Write(bpf));
        Assert.Equal(bpf.Maps, read.Maps.Select(map => map with { KeyType = 0, ValueType = 0 }));
        AssertSamePrograms(bpf, read);
        Assert.Equal("GPL", read.License);
    }

    [Fact]
    public void Clang_objects_survive_writing()
    {
        foreach (string source in (string[])[Sources.Everything, Sources.Externs, Sources.StructOps])
        {
            BpfObject bpf = ElfObjectTests.Read(Clang.Build(source)), read = ElfObjectTests.Read(ElfObjectWriter.Write(bpf));
            Assert.Equal(bpf.Maps, read.Maps);
            Assert.Equal(bpf.License, read.License);
            Assert.True(bpf.Btf.AsSpan().SequenceEqual(read.Btf.AsSpan()));
            Assert.Equal(bpf.Externs.Select(each => (each.Name, each.Kind, each.IsWeak)), read.Externs.Select(each => (each.Name, each.Kind, each.IsWeak)));
            AssertSamePrograms(bpf, read);
        }
    }

    [Fact]
    public void Information_on_functions_lines_and_types_moves_along()
    {
        BpfObject bpf = ElfObjectTests.Read(Clang.Build(Sources.Relocations));
        Assert.Contains(bpf.Programs, program => !program.CoreRelocations.IsEmpty);
        Assert.Contains(bpf.Programs, program => program.Functions.Length > 1);
        AssertSamePrograms(bpf, ElfObjectTests.Read(ElfObjectWriter.Write(bpf)));
        // A map that is changed, or new, is described behind the types that are there.
        BpfObject changed = bpf with { Maps = [.. bpf.Maps.Select(map => map with { MaxEntries = 77 }), new MapSpec("more", MapType.Hash, 4, 8, 3)] };
        BpfObject read = ElfObjectTests.Read(ElfObjectWriter.Write(changed));
        AssertSamePrograms(changed, read);
        Assert.Equal(changed.Maps.Select(map => map with { KeyType = 0, ValueType = 0 }), read.Maps.Select(map => map with { KeyType = 0, ValueType = 0 }));
    }

    [Fact]
    public void Random_objects_can_be_written() => RandomObjects.Objects.Sample(bpf =>
    {
        byte[] file = ElfObjectWriter.Write(bpf);
        ObjectRead read = ElfObjectReader.Read(file);
        Assert.All(read.Diagnostics, diagnostic => Assert.NotEqual("HO0003", diagnostic.Id));
    }, iter: Volume.Of(20_000, 100), seed: Volume.CsCheckSeed);

    [Fact]
    public void Llvm_reads_them()
    {
        string objdump = Tools.Need("llvm-objdump-19", "llvm-19");
        string folder = Directory.CreateTempSubdirectory("hachi-elf-").FullName;
        try
        {
            string path = Path.Combine(folder, "a.o");
            File.WriteAllBytes(path, ElfObjectWriter.Write(ObjectParser.Parse(Text).Object!));
            string listing = Tools.RunOk(objdump, ["-d", "-r", path]).Text;
            Assert.Contains("Disassembly of section xdp:", listing);
            Assert.Contains("<first>:", listing);
            Assert.Contains("R_BPF_64_64\tcounts", listing);
            Assert.Contains("R_BPF_64_64\t.rodata", listing);
            Assert.Contains("R_BPF_64_32\t.text", listing);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // `bpftool gen skeleton` opens an object with libbpf, which reads maps and programs, and loads nothing.
    [Fact]
    public void Libbpf_reads_them_as_we_do()
    {
        string bpftool = Tools.Need("bpftool");
        string folder = Directory.CreateTempSubdirectory("hachi-elf-").FullName;
        try
        {
            string path = Path.Combine(folder, "a.o");
            foreach (byte[] file in (byte[][])[ElfObjectWriter.Write(ObjectParser.Parse(Text).Object!), Clang.Build(Sources.Everything), ElfObjectWriter.Write(ElfObjectTests.Read(Clang.Build(Sources.Everything)))])
            {
                File.WriteAllBytes(path, file);
                string skeleton = Tools.RunOk(bpftool, ["gen", "skeleton", path, "name", "x"]).Text;
                BpfObject bpf = ElfObjectTests.Read(file);
                foreach (MapSpec map in bpf.Maps)
                    Assert.Contains($"struct bpf_map *{map.Name.TrimStart('.')};", skeleton);
                foreach (ProgramSpec program in bpf.Programs)
                    Assert.Contains($"struct bpf_program *{program.Name};", skeleton);
                Assert.Equal(bpf.Maps.Length, skeleton.Split("struct bpf_map *").Length - 1);
                Assert.Equal(bpf.Programs.Length, skeleton.Split("struct bpf_program *").Length - 1);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Programs may come in another order, and functions behind the first too: what they do is compared by names.
    private static void AssertSamePrograms(BpfObject expected, BpfObject actual)
    {
        Assert.Equal(expected.Programs.Select(program => program.Name).Order(StringComparer.Ordinal), actual.Programs.Select(program => program.Name).Order(StringComparer.Ordinal));
        foreach (ProgramSpec program in expected.Programs)
        {
            ProgramSpec other = actual.FindProgram(program.Name)!;
            Assert.Equal((program.Type, program.Section, program.Flags, program.AttachType), (other.Type, other.Section, other.Flags, program.AttachType is null ? null : other.AttachType));
            Assert.Equal(Functions(expected, program), Functions(actual, other));
            Assert.Equal(Information(expected, program), Information(actual, other));
        }
    }

    // Types of functions, lines and relocations, by the function that they stand in.
    private static SortedSet<string> Information(BpfObject bpf, ProgramSpec program)
    {
        _ = BtfReader.TryRead(bpf.Btf.AsMemory(), out BtfTypes? types, out _);
        var all = new SortedSet<string>(StringComparer.Ordinal);
        foreach (FunctionSpec function in program.Functions.Where(function => function.BtfType != 0))
            all.Add($"{function.Name}: {function.BtfType}");
        foreach (LineInfo line in program.Lines)
            all.Add($"{At(line.Slot)}: {line.Line}:{line.Column} {types?.StringAt(line.FileName)} {types?.StringAt(line.Text)}");
        foreach (CoreRelocation relocation in program.CoreRelocations)
            all.Add($"{At(relocation.Slot)}: {relocation.Kind} {relocation.Type} {types?.StringAt(relocation.Access)}");
        return all;

        string At(int slot)
        {
            FunctionSpec function = program.Functions.LastOrDefault(function => function.Start <= slot);
            return $"{function.Name}+{slot - function.Start}";
        }
    }

    private static SortedDictionary<string, string> Functions(BpfObject bpf, ProgramSpec program)
    {
        var texts = new SortedDictionary<string, string>(StringComparer.Ordinal);
        string name = program.Name;
        foreach ((int slot, string line) in ObjectPrinter.Lines(bpf, program))
        {
            name = program.FunctionAt(slot)?.Name ?? name;
            string text = line.Trim();
            text = text.StartsWith('L') && text.Contains(':') ? text[(text.IndexOf(':') + 1)..].Trim() : text;
            texts[name] = texts.GetValueOrDefault(name, "") + (text.Contains("goto") ? text[..text.IndexOf("goto", StringComparison.Ordinal)] : text) + "\n";
        }
        return texts;
    }
}
