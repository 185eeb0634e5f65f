using System.Text;

namespace Hachi.Uapi;

/// <summary>Something that kernels can have.</summary>
/// <param name="Name">What, in words: <c>program type netfilter</c>.</param>
/// <param name="Since">The first version of Linux with it, two numbers.</param>
/// <param name="Option">The option of the kernel's configuration that brings it (<c>CONFIG_FPROBE</c>); null where every kernel with BPF has it.</param>
public sealed record KernelFeature(string Name, Version Since, string? Option);

/// <summary>Since when kernels have what: the text table <c>eng/uapi/features.txt</c>.</summary>
public static class KernelFeatures
{
    private static readonly Lazy<Dictionary<string, KernelFeature>> s_rows = new(Read);

    /// <summary>All of them, in no order.</summary>
    public static IReadOnlyCollection<KernelFeature> All => s_rows.Value.Values;

    /// <summary>A kind of program; null when nothing is known of it.</summary>
    public static KernelFeature? Of(ProgramType type) => Find("program " + type.Name());

    /// <summary>A kind of map; null when nothing is known of it.</summary>
    public static KernelFeature? Of(MapType type) => Find("map " + type.Name());

    /// <summary>A kind of place; null when nothing is known of it.</summary>
    public static KernelFeature? Of(AttachType type) => Find("attach " + type.Name());

    /// <summary>By the first two words of its row: <c>program xdp</c>, <c>attach tcx_ingress</c>, <c>map ringbuf</c>, <c>other uprobe</c>; null for no such row.</summary>
    public static KernelFeature? Find(string row) => s_rows.Value.GetValueOrDefault(row);

    private static Dictionary<string, KernelFeature> Read()
    {
        var rows = new Dictionary<string, KernelFeature>(StringComparer.Ordinal);
        foreach (string line in Encoding.UTF8.GetString(FeatureText.Rows).Split('\n'))
        {
            string[] row = line.Split(' ');
            string words = row[0] switch
            {
                "program" => $"program type {row[1]}",
                "attach" => $"attach type {row[1]}",
                "map" => $"map type {row[1]}",
                _ => row[1].Replace('_', ' '),
            };
            rows.Add($"{row[0]} {row[1]}", new KernelFeature(words, Version.Parse(row[2]), row[3] == "-" ? null : row[3]));
        }
        return rows;
    }
}
