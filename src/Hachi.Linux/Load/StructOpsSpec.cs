namespace Hachi.Linux.Load;

/// <summary>Programs that stand in the members of a structure of functions that the kernel calls (struct_ops): a congestion control, a scheduler.</summary>
/// <param name="Type">The structure, as the kernel's types name it: <c>tcp_congestion_ops</c>.</param>
public sealed record StructOpsSpec(string Type)
{
    /// <summary>The program of each member that has one, by the member's name.</summary>
    public IReadOnlyDictionary<string, string> Programs { get; init; } = new Dictionary<string, string>();

    /// <summary>The bytes of each other member that is not zero, by the member's name: at most as many as the member has.</summary>
    public IReadOnlyDictionary<string, byte[]> Values { get; init; } = new Dictionary<string, byte[]>();
}
