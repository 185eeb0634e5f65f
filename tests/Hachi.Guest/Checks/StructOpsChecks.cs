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
        new("struct-ops-object", "Structures of functions", "structures in an object of clang (.struct_ops, .struct_ops.link)", "connections began with both", _ => FromObject("struct_ops", ("linked", "hachi_linked"), ("plain", "hachi_plain"))) { Features = ["program struct_ops"] },
        new("module-functions", "Structures of functions", "a module's functions called (kfuncs of tcp_dctcp)", "connections began, the module's function among what ran", _ => FromObject("module", ("module", "hachi_module"))) { Features = ["program struct_ops"], IsGuestOnly = true },
    ];

    /// <summary>Each structure of an object is registered, is used by three connections, and is gone afterwards.</summary>
    private static void FromObject(string file, params (string Map, string Name)[] structures)
    {
        NetworkLab.Enter();
        using LoadedObject loaded = ObjectChecks.Load(file);
        ulong expected = 0;
        foreach ((string map, string name) in structures)
        {
            That(!Choose(name), "there is such a congestion control already");
            using (loaded.AttachStructOps(map))
                for (int i = 0; i < 3; i++)
                    That(Choose(name), $"the congestion control {name} cannot be chosen");
            Same(expected += 3, ObjectChecks.Variable(loaded, "connections"), "connections seen");
            That(!Choose(name), $"the congestion control {name} is there after the link was disposed");
        }
    }

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
