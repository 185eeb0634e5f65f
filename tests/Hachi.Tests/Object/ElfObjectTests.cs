using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Tests.Object;

public sealed class ElfObjectTests
{
    [Theory]
    [InlineData("-mcpu=v3")]
    [InlineData("-mcpu=v1")]
    public void Reads_all_that_clang_writes(string cpu)
    {
        BpfObject bpf = Read(Clang.Build(Sources.Everything, cpu));
        Assert.Equal("Dual MIT/GPL", bpf.License);
        Assert.Equal([("trace", ProgramType.Tracepoint), ("xdp_first", ProgramType.Xdp), ("xdp_second", ProgramType.Xdp)], bpf.Programs.Select(program => (program.Name, program.Type)).Order());
        ProgramSpec first = bpf.FindProgram("xdp_first")!;
        Assert.Equal("xdp_first", first.Functions[0].Name);
        Assert.Equal(["callback", "shared_global", "twice", "xdp_first"], first.Functions.Select(function => function.Name).Order(StringComparer.Ordinal));
        Assert.Equal(["xdp_second", "twice"], bpf.FindProgram("xdp_second")!.Functions.Select(function => function.Name));
        Assert.True(first.Functions.Single(function => function.Name == "shared_global").IsGlobal);
        foreach (ProgramSpec program in bpf.Programs)
            Assert.Empty(Validity.Check(program.Insns.AsSpan(), ValidityRules.Kernel));
        Assert.NotEmpty(bpf.Btf);
        Assert.All(bpf.Programs, program => Assert.NotEmpty(program.Lines));
        Assert.All(bpf.Programs, program => Assert.All(program.Functions, function => Assert.NotEqual(0u, function.BtfType)));
    }

    [Fact]
    public void Maps_are_what_their_types_say()
    {
        BpfObject bpf = Read(Clang.Build(Sources.Everything));
        MapSpec Map(string name) => bpf.Maps.Single(map => map.Name == name);
        MapSpec counts = Map("counts");
        Assert.Equal((MapType.Hash, 4u, 16u, 1024u, 1u), (counts.Type, counts.KeySize, counts.ValueSize, counts.MaxEntries, counts.Flags));
        Assert.NotEqual(0u, counts.ValueType);
        Assert.Equal(("events", MapType.Ringbuf, 4096u), (Map("events").Name, Map("events").Type, Map("events").MaxEntries));
        Assert.Equal("pinned", Map("pinned").Pin);
        Assert.Equal((MapType.BloomFilter, 8u, 5ul), (Map("bloom").Type, Map("bloom").ValueSize, Map("bloom").Extra));
        MapSpec outer = Map("outer");
        Assert.Equal((MapType.ArrayOfMaps, 4u, 4u), (outer.Type, outer.KeySize, outer.ValueSize));
        Assert.Equal((MapType.Array, 8u, 4u), (outer.Inner!.Type, outer.Inner.ValueSize, outer.Inner.MaxEntries));
        Assert.Equal([(1u, "inner1"), (5u, "inner2")], outer.Slots);
        Assert.Equal([(2u, "xdp_second")], Map("calls").Slots);
        Assert.Equal([7, 0, 0, 0, 0, 0, 0, 0], Map(".data").Data);
        Assert.Equal((64u, 0), (Map(".bss").ValueSize, Map(".bss").Data.Length));
        Assert.True(Map(".rodata").IsFrozen);
        Assert.Contains("hachi", System.Text.Encoding.ASCII.GetString(Map(".rodata").Data.AsSpan()));
    }

    [Fact]
    public void References_name_maps_data_and_functions()
    {
        BpfObject bpf = Read(Clang.Build(Sources.Everything));
        var named = new List<string>();
        ProgramSpec first = bpf.FindProgram("xdp_first")!;
        for (int i = 0; i < first.Insns.Length; i++)
            if (first.Insns[i].IsWide)
            {
                Insn insn = first.Insns[i];
                named.Add(insn.Src switch
                {
                    Pseudo.MapIdx => bpf.Maps[insn.Imm].Name,
                    Pseudo.MapIdxValue => bpf.Maps[insn.Imm].Name + "+",
                    Pseudo.Func => first.FunctionAt(i + 1 + insn.Imm)!.Value.Name,
                    _ => "?",
                });
                i++;
            }
        Assert.Contains("counts", named);
        Assert.Contains("calls", named);
        Assert.Contains(".bss+", named);
        Assert.Contains(".data+", named);
        Assert.Contains(".rodata+", named);
        Assert.Contains("callback", named);
        Assert.DoesNotContain("?", named);
    }

    [Fact]
    public void Externs_are_told_and_kept()
    {
        ObjectRead read = ElfObjectReader.Read(Clang.Build(Sources.Externs));
        Assert.True(read.Success, Words(read));
        Assert.Equal([(ExternKind.Kconfig, "LINUX_KERNEL_VERSION", false), (ExternKind.Ksym, "bpf_link_fops", true), (ExternKind.Kfunc, "bpf_kfunc_example", false)],
            read.Object!.Externs.OrderByDescending(each => each.Kind).Select(each => (each.Kind, each.Name, each.IsWeak)));
        Assert.Equal(3, read.Diagnostics.Count(diagnostic => diagnostic.Id == DiagnosticTable.LinkExtern.Id));
        (int program, int slot) = read.Object.Externs.Single(each => each.Kind == ExternKind.Kfunc).Uses.Single();
        Assert.Equal(Pseudo.KfuncCall, read.Object.Programs[program].Insns[slot].Src);
    }

    [Fact]
    public void Structures_of_functions_are_maps_whose_slots_are_members()
    {
        BpfObject bpf = Read(Clang.Build(Sources.StructOps));
        Assert.Equal(["first", "second", "third"], bpf.Maps.Where(map => map.Type == MapType.StructOps).Select(map => map.Name).Order());
        MapSpec Of(string name) => bpf.Maps.Single(map => map.Name == name);
        Assert.Equal([(1u, "undo"), (2u, "threshold")], Of("first").Slots);
        Assert.Equal([(2u, "threshold")], Of("second").Slots);
        Assert.Equal([(1u, "undo")], Of("third").Slots);
        Assert.Equal(((uint)MapFlags.Link, 0u, 48u), (Of("first").Flags, Of("third").Flags, Of("first").ValueSize));
        Assert.Equal("first\0"u8, Of("first").Data.AsSpan()[..6]);
        Assert.Equal(5, Of("first").Data[32]);
        Assert.Equal((ProgramType.StructOps, 16u), (bpf.FindProgram("undo")!.Type, bpf.FindProgram("undo")!.Flags));
        // As text and back.
        Assert.Equal(bpf, ObjectParser.Parse(ObjectPrinter.Print(bpf)).Object);
    }

    [Fact]
    public void Older_maps_and_versions()
    {
        BpfObject bpf = Read(Clang.Build(Sources.OldMaps));
        Assert.Equal(0x50a00u, bpf.KernelVersion);
        Assert.Equal([new MapSpec("first", MapType.Hash, 4, 8, 16), new MapSpec("second", MapType.Array, 4, 16, 3) { Flags = 0x400 }], bpf.Maps);
        Assert.Equal(ProgramType.SocketFilter, bpf.Programs.Single().Type);
    }

    [Fact]
    public void Numbers_of_64_bits_are_enumerations() =>
        Assert.Equal(0x1_0000_0005ul, Read(Clang.Build("struct { __uint(type, 30); __uint(value_size, 8); enum { extra = 0x100000005ull } map_extra; } bloom SEC(\".maps\"); SEC(\"xdp\") int f(void *c) { return 2; }")).Maps.Single().Extra);

    [Fact]
    public void Functions_of_text_alone_are_programs()
    {
        BpfObject bpf = Read(Clang.Build("static __noinline int help(int x) { return x * 3; } int entry(void *ctx) { return help((int)(long)ctx); }"));
        Assert.Equal(["entry"], bpf.Programs.Select(program => program.Name));
        Assert.Equal(["entry", "help"], bpf.Programs[0].Functions.Select(function => function.Name));
    }

    [Fact]
    public void Instructions_know_their_source()
    {
        BpfObject bpf = Read(Clang.Build("""
            static __noinline u64 help(u64 x)
            {
                return x * 1234567;
            }
            SEC("xdp") u64 first(u64 x) { return help(x) + 1; }
            SEC("xdp") u64 second(u64 x) { return help(x) + 3; }
            """));
        var sources = new SourceLines(bpf);
        foreach (ProgramSpec program in bpf.Programs)
        {
            int multiply = program.Insns.ToList().FindIndex(insn => insn.Imm == 1234567);
            SourceLine source = sources.At(program, multiply)!.Value;
            Assert.Equal("return x * 1234567;", source.Text);
            Assert.StartsWith("a.c:", source.Place);
            Assert.Contains(program.Name, sources.At(program, 0)!.Value.Text);
        }
        Assert.True(new SourceLines(Read(Clang.Build(Sources.OldMaps, "-g0"))).IsEmpty);
    }

    [Fact]
    public void Other_files_are_refused_with_the_reason()
    {
        Assert.Contains("big-endian", Words(ElfObjectReader.Read(Clang.Build("SEC(\"xdp\") int f(void *c) { return 2; }", "-mbig"))));
        Assert.Contains("machine", Words(ElfObjectReader.Read(File.ReadAllBytes("/proc/self/exe"))));
        Assert.Contains("no ELF", Words(ElfObjectReader.Read("hello"u8)));
        Assert.Contains("no program", Words(ElfObjectReader.Read(Clang.Build("int x;"))));
        byte[] file = Clang.Build(Sources.Everything);
        Assert.Contains("damaged", Words(ElfObjectReader.Read(file.AsSpan(0, file.Length - 1))));
    }

    [Fact]
    public void Stripped_of_types_is_told()
    {
        ObjectRead read = ElfObjectReader.Read(Clang.Build(Sources.Everything, "-g0"));
        Assert.False(read.Success);
        Assert.Contains(read.Diagnostics, diagnostic => diagnostic.Id == DiagnosticTable.ElfNoBtf.Id);
    }

    [Fact]
    public void The_benchmark_objects_have_the_code_of_their_listings()
    {
        string folder = Shared.Find("bench/programs");
        string[] files = Directory.GetFiles(folder, "*.o");
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            BpfObject bpf = Read(File.ReadAllBytes(file));
            string hex = File.ReadAllText(Path.ChangeExtension(file, ".hex"));
            Assert.Equal(string.Concat(hex.Where(char.IsAsciiHexDigit)).ToLowerInvariant(), Convert.ToHexStringLower(Insn.Encode(bpf.Programs.Single().Insns.AsSpan())));
        }
    }

    [Fact]
    public void Damage_never_throws()
    {
        byte[][] files = [Clang.Build(Sources.Everything), Clang.Build(Sources.Externs), Clang.Build(Sources.OldMaps)];
        Random random = Volume.Random(nameof(Damage_never_throws));
        int ok = 0;
        for (int i = 0; i < Volume.Of(1_000_000, 3000); i++)
        {
            byte[] whole = files[random.Next(files.Length)], file = [.. whole];
            for (int k = random.Next(1, 6); k > 0; k--)
                file[random.Next(3) == 0 ? random.Next(file.Length) : Aim(whole, random)] = (byte)(random.Next(2) == 0 ? random.Next(256) : random.Next(4) * 85);
            if (random.Next(10) == 0)
                file = file[..random.Next(file.Length)];
            ObjectRead read = ElfObjectReader.Read(file);
            Assert.Equal(read.Object is null, read.Diagnostics.Any(diagnostic => diagnostic.Severity == Severity.Error));
            ok += read.Success ? 1 : 0;
            foreach (ProgramSpec program in read.Object?.Programs ?? [])
                _ = new SourceLines(read.Object!).At(program, random.Next(program.Insns.Length));
        }
        Assert.InRange(ok, 1, int.MaxValue);
    }

    // Headers, the section table and symbols, where damage does most.
    private static int Aim(byte[] file, Random random)
    {
        int table = (int)BitConverter.ToUInt64(file, 40);
        return random.Next(2) == 0 ? random.Next(64) : Math.Clamp(table + random.Next(file.Length - table + 1), 0, file.Length - 1);
    }

    internal static BpfObject Read(byte[] file)
    {
        ObjectRead read = ElfObjectReader.Read(file);
        Assert.True(read.Success, Words(read));
        return read.Object!;
    }

    private static string Words(ObjectRead read) => string.Join('\n', read.Diagnostics.Select(diagnostic => $"{diagnostic.Id} {diagnostic.Message}"));
}
