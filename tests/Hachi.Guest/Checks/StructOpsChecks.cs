using System.Buffers.Binary;
using System.Text;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Object;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>Structures of functions that programs stand in for.</summary>
internal static unsafe class StructOpsChecks
{
    private const int ProtocolTcp = 6, TcpCongestion = 13;

    // init is told of each connection; the others are those that the kernel asks for.
    private const string Source = """
        .license "GPL"
        .map seen array key 4 value 8 entries 1
        .program start struct_ops section "struct_ops/start"
                r1 = map[seen][0]+0
                r2 = 1
                lock *(u64 *)(r1 + 0) += r2
                r0 = 0
                exit
        .program threshold struct_ops section "struct_ops/threshold"
                r0 = 8
                exit
        .program avoid struct_ops section "struct_ops/avoid"
                r0 = 0
                exit
        .program undo struct_ops section "struct_ops/undo"
                r0 = 8
                exit
        """;

    public static IEnumerable<Check> All =>
    [
        new("struct-ops", "Structures of functions", "struct_ops (tcp_congestion_ops)", "connections began with our congestion control", _ => Congestion()) { Features = ["program struct_ops"] },
    ];

    private static void Congestion()
    {
        NetworkLab.Enter();
        string name = $"h{Environment.ProcessId}";
        var spec = new StructOpsSpec("tcp_congestion_ops")
        {
            Programs = new Dictionary<string, string> { ["init"] = "start", ["ssthresh"] = "threshold", ["cong_avoid"] = "avoid", ["undo_cwnd"] = "undo" },
            Values = new Dictionary<string, byte[]> { ["name"] = Encoding.ASCII.GetBytes(name) },
        };
        using LoadedObject loaded = ObjectParser.Parse(Source).Object!.Load(new LoadOptions { StructOps = [spec] });
        That(!Choose(name), "there is such a congestion control already");
        using (loaded.AttachStructOps(spec))
        {
            for (int i = 0; i < 3; i++)
                That(Choose(name), "the congestion control cannot be chosen");
            byte[] seen = new byte[8];
            loaded.Map("seen").TryGet([0, 0, 0, 0], seen);
            Same(3UL, BinaryPrimitives.ReadUInt64LittleEndian(seen), "connections seen");
        }
        That(!Choose(name), "the congestion control is there after the link was disposed");
    }

    private static bool Choose(string name)
    {
        using var connection = new Connection();
        byte[] bytes = Encoding.ASCII.GetBytes(name);
        fixed (byte* pointer = bytes)
            return Calls.SetSockOpt((int)connection.Client.Handle, ProtocolTcp, TcpCongestion, pointer, (uint)bytes.Length) == 0 && connection.Passes();
    }
}
