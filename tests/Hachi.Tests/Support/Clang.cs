using System.Text;

namespace Hachi.Tests.Support;

/// <summary>BPF objects built while the tests run, where clang is present: nothing binary lies in the repository.</summary>
internal static class Clang
{
    /// <summary>What every source begins with.</summary>
    public const string Prelude = """
        typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64; typedef int s32; typedef long long s64;
        #define SEC(name) __attribute__((section(name), used))
        #define __uint(name, val) int (*name)[val]
        #define __type(name, val) typeof(val) *name
        #define __array(name, val) typeof(val) *name[]
        #define __noinline __attribute__((noinline))
        static void *(*map_lookup_elem)(void *map, const void *key) = (void *)1;
        static long (*map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
        static u64 (*ktime_get_ns)(void) = (void *)5;
        static long (*tail_call)(void *ctx, void *map, u32 index) = (void *)12;
        static long (*ringbuf_output)(void *map, void *data, u64 size, u64 flags) = (void *)130;
        static long (*for_each_map_elem)(void *map, void *callback, void *ctx, u64 flags) = (void *)164;
        static long (*loop)(u32 n, void *callback, void *ctx, u64 flags) = (void *)181;

        """;

    private static readonly Dictionary<string, byte[]> s_built = [];

    /// <summary>The object file of a source (behind <see cref="Prelude"/>); skips the test when there is no clang.</summary>
    /// <param name="source">C.</param>
    /// <param name="options">Options beyond -O2 -g.</param>
    public static byte[] Build(string source, params string[] options)
    {
        string? clang = Tools.Find("clang-19") ?? Tools.Find("clang") ?? Tools.Find("clang-14");
        if (clang is null)
            Assert.Skip("needs clang: ./test --install (Debian package clang-14)");
        string key = source + "\0" + string.Join('\0', options);
        lock (s_built)
        {
            if (s_built.TryGetValue(key, out byte[]? built))
                return built;
            string folder = Directory.CreateTempSubdirectory("hachi-clang-").FullName;
            try
            {
                File.WriteAllText(Path.Combine(folder, "a.c"), Prelude + source, Encoding.UTF8);
                Tools.RunOk(clang, ["-target", options.Contains("-mbig") ? "bpfeb" : "bpf", "-O2", "-g", "-w", .. options.Where(option => option != "-mbig"), "-c", "-o", "a.o", "a.c"], folder: folder);
                return s_built[key] = File.ReadAllBytes(Path.Combine(folder, "a.o"));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }
}
