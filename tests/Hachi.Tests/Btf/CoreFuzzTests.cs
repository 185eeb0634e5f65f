using System.Globalization;
using System.Text;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Object.Relocate;
using Hachi.Uapi;

namespace Hachi.Tests.Btf;

/// <summary>CO-RE on types that nobody thought of: random structures against libbpf, damaged ones against nothing at all.</summary>
public sealed class CoreFuzzTests
{
    [Fact]
    public void Random_structures_are_relocated_as_libbpf_does()
    {
        Random random = Volume.Random(nameof(Random_structures_are_relocated_as_libbpf_does));
        int wanted = Volume.Of(300, 3), tried = 0;
        for (int done = 0; done < wanted;)
        {
            (string target, string source) = RandomPair(random);
            Assert.True(tried++ < wanted * 4 + 10, $"clang refuses nearly all; {Volume.Note}");
            // Of some bit fields in packed structures clang itself says that it cannot.
            if (!IsCompiled(source))
                continue;
            done++;
            CoreRelocationTests.AssertAsLibbpf(source, target, 20, $"{Volume.Note}\n{target}\n{source}\n");
        }
    }

    [Fact]
    public void Damaged_types_never_throw()
    {
        BpfObject bpf = ElfObjectReader.Read(Clang.Build(CoreSources.Corners)).Object!;
        byte[] own = [.. bpf.Btf], theirs = [.. CoreRelocationTests.TypesOf(CoreSources.Target).Section.Span];
        Random random = Volume.Random(nameof(Damaged_types_never_throw));
        int told = 0;
        for (int i = 0; i < Volume.Of(50_000, 500); i++)
        {
            BpfObject damaged = i % 2 == 0 ? bpf with { Btf = [.. BtfFuzzTests.Mutated(own, random)] } : bpf;
            if (!BtfReader.TryRead(i % 2 == 0 ? theirs : BtfFuzzTests.Mutated(theirs, random), out BtfTypes? types, out _))
                continue;
            CoreResult result = CoreRelocator.Apply(damaged, types!);
            told += result.Diagnostics.Count > 0 ? 1 : 0;
            Assert.Equal(result.Object is null, result.Diagnostics.Any(diagnostic => diagnostic.Severity == Hachi.Text.Severity.Error));
        }
        Assert.True(told > 10, Volume.Note);
    }

    [Fact]
    public void Damaged_extension_sections_never_throw()
    {
        byte[] file = Clang.Build(CoreSources.Corners);
        Random random = Volume.Random(nameof(Damaged_extension_sections_never_throw));
        int at = file.AsSpan().IndexOf(".BTF.ext"u8);
        Assert.True(at > 0);
        int refused = 0;
        for (int i = 0; i < Volume.Of(50_000, 300); i++)
        {
            byte[] bytes = [.. file];
            for (int k = 0; k < 8; k++)
                bytes[random.Next(64, bytes.Length)] = (byte)random.Next(256);
            ObjectRead read = ElfObjectReader.Read(bytes);
            refused += read.Success ? 0 : 1;
            if (read.Object is { } bpf && BtfReader.TryRead(bpf.Btf.AsMemory(), out BtfTypes? types, out _))
                _ = (CoreRelocator.Apply(bpf, types!), ElfObjectWriter.Write(bpf), bpf.Variables());
        }
        Assert.True(refused > 10, Volume.Note);
    }

    [Fact]
    public void Types_that_branch_without_end_are_cut()
    {
        // Functions whose parameters are functions, 40 each, 30 deep; structures of structures; all by the same name on both sides.
        BtfTypes Make()
        {
            var writer = new BtfWriter();
            uint number = writer.Int("int");
            uint inner = writer.FuncProto(number);
            for (int i = 0; i < 28; i++)
                inner = writer.FuncProto(inner, [.. Enumerable.Repeat(new BtfParameter("f", inner), 40)]);
            writer.Typedef("branching", inner);
            uint structure = writer.Struct("", 4, [new BtfMember("x", number, 0, 0)]);
            for (int i = 0; i < 28; i++)
                structure = writer.Struct("", 4, [.. Enumerable.Repeat(new BtfMember("", structure, 0, 0), 40)]);
            writer.Struct("deep", 4, [new BtfMember("s", structure, 0, 0)]);
            writer.String("0");
            writer.String("0:0");
            Assert.True(BtfReader.TryRead(writer.ToArray(), out BtfTypes? types, out _));
            return types!;
        }
        BtfTypes types = Make();
        var strings = new BtfWriter(types, isSplit: false);
        uint zero = strings.String("0"), path = strings.String("0:0");
        uint branching = types.Find(BtfKind.Typedef, "branching"), deep = types.Find(BtfKind.Struct, "deep");
        var program = new ProgramSpec("p", ProgramType.Xdp, [new Insn(Opcode.Alu64 | Opcode.Mov, 0, 0, 0, 1), new Insn(Opcode.Jmp | Opcode.Exit)])
        {
            CoreRelocations = [new(0, CoreRelocationKind.TypeExists, branching, zero), new(0, CoreRelocationKind.TypeMatches, branching, zero), new(0, CoreRelocationKind.TypeMatches, deep, zero), new(0, CoreRelocationKind.FieldExists, deep, path)],
        };
        CoreResult result = CoreRelocator.Apply(new BpfObject { Programs = [program], Btf = [.. types.Section.Span] }, Make());
        Assert.Equal(4, result.Changes.Count + result.Diagnostics.Count);
    }

    private static bool IsCompiled(string source)
    {
        try
        {
            _ = Clang.Build(source, "-fno-crash-diagnostics");
            return true;
        }
        catch (Xunit.Sdk.XunitException e) when (e.Message.Contains("llvm.bpf.preserve.field.info", StringComparison.Ordinal))
        {
            return false;
        }
    }

    private static readonly string[] s_types = ["char", "signed char", "short", "unsigned short", "int", "unsigned", "long", "u64", "u8", "_Bool", "enum some", "enum other", "void *", "struct part *", "struct part"];

    // A structure, and what another kernel made of it: members moved, of other types, gone, wrapped; each is asked everything about.
    private static (string Target, string Source) RandomPair(Random random)
    {
        const string Common = "enum some { SOME_A = -1, SOME_B }; enum other { OTHER_A, OTHER_B }; struct part { int x; char y; long z; } CORE;\n";
        int count = random.Next(4, 14);
        (string Name, string Type, int Bits, int Length)[] members = [.. Enumerable.Range(0, count).Select(i => Member($"m{i}", random))];
        (string, string, int, int)[] other = [.. members.OrderBy(_ => random.Next()).Select(member => random.Next(4) == 0 ? Member(member.Name, random) : member).Where(_ => random.Next(8) > 0)];
        var source = new StringBuilder(CoreSources.Macros + Common);
        source.Append("struct subject ").Append(Body(members, random)).Append(" CORE;\n");
        source.Append("SEC(\"raw_tp/sched_switch\") int ask(struct subject *s)\n{\n");
        foreach ((string name, string type, int bits, int length) in members)
        {
            string field = length > 0 ? $"s->{name}[{random.Next(length)}]" : type == "struct part" && random.Next(2) == 0 ? $"s->{name}.z" : $"s->{name}";
            bool isNumber = length == 0 && !type.Contains('*') && type != "struct part" || field.EndsWith(".z", StringComparison.Ordinal);
            source.Append(CultureInfo.InvariantCulture, $"    {(isNumber ? "all_of" : "place_of")}({(length > 0 && random.Next(2) == 0 ? "s->" + name : field)});\n");
            if (isNumber && bits == 0 && !type.StartsWith("enum", StringComparison.Ordinal) && type.StartsWith('u') && random.Next(4) == 0)
                source.Append(CultureInfo.InvariantCulture, $"    if (field(2, {field})) put({field});\n");
        }
        source.Append("    put(type_exists(struct subject)); put(type_matches(struct subject)); put(type_size(struct subject)); put(target_id(struct part));\n    return 0;\n}\n");
        return ($"#define CORE\n{Common}struct subject {Body(other, random)} subject; struct part part;", source.ToString());
    }

    private static (string, string, int, int) Member(string name, Random random)
    {
        string type = s_types[random.Next(s_types.Length)];
        bool canBeBits = !type.Contains("struct") && !type.Contains('*') && type != "_Bool";
        int bits = canBeBits && random.Next(4) == 0 ? random.Next(1, type switch { "char" or "signed char" or "u8" => 9, "short" or "unsigned short" => 17, "long" or "u64" => 65, _ => 33 }) : 0;
        return (name, type, bits, bits == 0 && random.Next(6) == 0 ? random.Next(1, 5) : 0);
    }

    private static string Body((string Name, string Type, int Bits, int Length)[] members, Random random)
    {
        var text = new StringBuilder("{\n");
        int open = 0;
        foreach ((string name, string type, int bits, int length) in members)
        {
            if (random.Next(8) == 0)
            {
                text.Append(random.Next(3) == 0 ? "union {\n" : "struct {\n");
                open++;
            }
            text.Append(CultureInfo.InvariantCulture, $"    {type} {name}{(bits > 0 ? $" : {bits}" : length > 0 ? $"[{length}]" : "")};\n");
            if (open > 0 && random.Next(3) == 0)
            {
                text.Append("};\n");
                open--;
            }
        }
        for (; open > 0; open--)
            text.Append("};\n");
        return text.Append('}').Append(random.Next(6) == 0 ? " __attribute__((packed))" : "").ToString();
    }
}
