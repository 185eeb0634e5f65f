using System.Text;
using Hachi.Btf;
using Hachi.Btf.Print;
using Hachi.Object;
using Hachi.Tests.Object;

namespace Hachi.Tests.Btf;

/// <summary>Types as text: raw as bpftool prints them, C as compilers read it.</summary>
public sealed class BtfTextTests
{
    private const string Odd = """
        struct forward; union forward_union;
        enum small { SMALL_A, SMALL_B } __attribute__((packed));
        enum wide { WIDE = 1ull << 40, WIDE_LOW = -1 };
        enum high { HIGH = 0x80000000u };
        typedef int (*callback)(const char *restrict text, struct forward *f, ...);
        typedef callback callbacks[4];
        typedef struct { int x; union { short s; struct { char c : 3, d : 7; } __attribute__((packed)); }; } anonymous;
        struct __attribute__((packed)) packed { char a; long b; int c : 5; int d : 30; };
        struct __attribute__((aligned(64))) cache { int a; __attribute__((aligned(32))) int b; char tail[]; };
        struct bits { int a : 3; int : 5; unsigned b : 20; u8 c : 2; u64 d : 40; _Bool e : 1; enum small f : 2; int : 0; int g : 1; };
        struct tree { struct tree *left, *right; const volatile struct packed *const p; int (*grid)[3][4]; callback (*get)(callback); enum small small; enum { INNER_A, INNER_B } inner; anonymous many[2]; };
        union mixed { struct tree t; double d; float f; __int128 big; union forward_union *u; enum wide w; enum high h; };
        struct gap { char c; struct packed p; struct cache *k; __int128 big; } gap;
        struct { struct tree t; union mixed m; struct cache c; struct bits b; callbacks cb; callback *f; struct gap g; void (*nothing)(void); int (*(*deep)(int))(long); } all;
        static __attribute__((btf_decl_tag("a tag"))) int tagged = 1;
        int __attribute__((btf_type_tag("user"))) *user;
        __noinline int function(int a, long b) { return a + b + tagged; }
        SEC("xdp") int uses(void *c) { return function(1, 2) + (user != 0) + (all.cb != 0); }
        """;

    private static BtfTypes Types() => CoreRelocationTests.TypesOf(Odd);

    [Fact]
    public void Raw_text_is_that_of_bpftool()
    {
        string bpftool = Tools.Need("bpftool");
        foreach (BtfTypes types in (BtfTypes[])[Types(), CoreRelocationTests.TypesOf(Sources.Everything), CoreRelocationTests.TypesOf(CoreSources.Target)])
            Assert.Equal(RawOf(bpftool, types), BtfRawText.Print(types));
    }

    [Fact]
    public void Raw_text_of_the_running_kernel_is_that_of_bpftool()
    {
        string bpftool = Tools.Need("bpftool");
        BtfTypes types = KernelTypesTests.Kernel().Types;
        string expected = Tools.RunOk(bpftool, ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "raw"]).Text, text = BtfRawText.Print(types);
        Assert.True(expected.Length > 1_000_000);
        // Not Assert.Equal: its difference of two megabytes takes minutes.
        int at = expected.AsSpan().CommonPrefixLength(text);
        Assert.True(at == expected.Length && at == text.Length, $"they differ at {at}: …{expected.Substring(Math.Max(0, at - 100), Math.Min(200, expected.Length - Math.Max(0, at - 100)))}\n…{text.Substring(Math.Max(0, at - 100), Math.Min(200, text.Length - Math.Max(0, at - 100)))}");
    }

    [Fact]
    public void C_is_taken_by_compilers_and_every_member_lies_where_the_types_say() => AssertCompiles(Types());

    [Fact]
    public void C_of_the_running_kernel_is_taken_by_compilers() => AssertCompiles(KernelTypesTests.Kernel().Types);

    [Fact]
    public void One_type_brings_what_it_needs()
    {
        BtfTypes types = Types();
        string text = BtfCText.Print(types, [types.Find(BtfKind.Struct, "gap")]);
        Assert.Contains("struct packed {", text);
        Assert.Contains("struct cache;", text);
        Assert.DoesNotContain("struct tree", text);
        Assert.DoesNotContain("struct cache {", text);
        Assert.Equal("struct tree *t", BtfCText.Declare(types, types.MembersOf(types.Find(BtfKind.Struct, "tree"))[0].Type, "t"));
        Assert.Equal("int (*deep(int))(long)", BtfCText.Declare(types, types[types.MembersOf(types[types.Find(BtfKind.Var, "all")].SizeOrType).Single(member => member.Name == "deep").Type].SizeOrType, "deep").Replace("long int", "long", StringComparison.Ordinal));
    }

    [Fact]
    public void Damaged_types_are_printed_too()
    {
        byte[] whole = [.. Types().Section.Span];
        Random random = Volume.Random(nameof(Damaged_types_are_printed_too));
        int read = 0;
        for (int i = 0; i < Volume.Of(20_000, 300); i++)
            if (BtfReader.TryRead(BtfFuzzTests.Mutated(whole, random), out BtfTypes? types, out _))
            {
                read++;
                _ = BtfRawText.Print(types!);
                _ = BtfCText.Print(types!);
            }
        Assert.True(read > 10, Volume.Note);
    }

    // Sizes and places of members as assertions that the compiler checks.
    private static void AssertCompiles(BtfTypes types)
    {
        string gcc = Tools.Need("gcc"), folder = Directory.CreateTempSubdirectory("hachi-c-").FullName;
        try
        {
            string header = BtfCText.Print(types);
            var source = new StringBuilder("#define BPF_NO_PRESERVE_ACCESS_INDEX\n#include \"types.h\"\n");
            var seen = new HashSet<string>();
            int count = 0;
            for (uint id = 1; id < types.Count; id++)
            {
                BtfType type = types[id];
                // Of types that share a name only the first keeps it.
                string tag = $"{(type.Kind == BtfKind.Struct ? "struct" : "union")} {types.NameOf(id)}";
                if (!(type.IsComposite || type.IsEnum) || type.NameOffset == 0 || !seen.Add(types.NameOf(id)) || type.IsEnum)
                    continue;
                source.Append($"_Static_assert(sizeof({tag}) == {type.SizeOrType}, \"size of {tag}\");\n");
                count++;
                foreach (BtfMember member in types.MembersOf(id))
                    if (member.BitSize == 0 && member.Name.Length > 0)
                        source.Append($"_Static_assert(__builtin_offsetof({tag}, {member.Name}) == {member.BitOffset / 8}, \"{tag}.{member.Name}\");\n");
            }
            Assert.True(count > 3);
            File.WriteAllText(Path.Combine(folder, "types.h"), header);
            File.WriteAllText(Path.Combine(folder, "a.c"), source.ToString());
            ToolResult result = Tools.Run(gcc, ["-fsyntax-only", "-w", "-std=gnu11", "a.c"], folder: folder, timeoutSeconds: 300);
            Assert.True(result.ExitCode == 0, result.Error[..Math.Min(result.Error.Length, 5000)]);
            if (Tools.Find("clang-19") is { } clang)
                Tools.RunOk(clang, ["-target", "bpf", "-fsyntax-only", "-w", "-std=gnu11", "types.h"], folder: folder, timeoutSeconds: 300);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string RawOf(string bpftool, BtfTypes types)
    {
        string folder = Directory.CreateTempSubdirectory("hachi-btf-").FullName;
        try
        {
            string path = Path.Combine(folder, "types.btf");
            File.WriteAllBytes(path, types.Section.ToArray());
            return Tools.RunOk(bpftool, ["btf", "dump", "file", path, "format", "raw"]).Text;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
