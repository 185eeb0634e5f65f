using System.Diagnostics;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>Places of another program, found by what its file says: a function's name, a statically defined probe. The program is tests/Hachi.Guest/Programs/probed.c.</summary>
internal static class SymbolChecks
{
    private const string Programs = "Functions of programs";

    // struct pt_regs of x86-64: the first argument, which is also where the probe's note says that its argument is.
    private static readonly string s_code = $"        r3 = *(u64 *)(r6 + 112)\n{Witness.Note(1, "r3")}\n{Witness.Count}\n        r0 = 0\n        exit";

    public static IEnumerable<Check> All =>
    [
        new("uprobe-symbol", Programs, "uprobe by a function's name, in another process", "argument seen", _ => Found("0", (program, file, pid) => AtPlace(program, $"uprobe:{file}:work", pid))) { Features = ["other uprobe"] },
        new("uprobe-multi-symbol", Programs, "uprobe on many places, by name, in another process", "argument seen", _ => Found("0", (program, file, pid) => AtPlace(program, $"uprobe:{file}:work", pid), "uprobe.multi")) { Features = ["attach trace_uprobe_multi"] },
        new("usdt", Programs, "statically defined probe (USDT), by name", "argument seen, semaphore raised and lowered", _ => Found("1", (program, file, pid) => AtPlace(program, $"usdt:{file}:hachi:tick", pid))) { Features = ["other uprobe"] },
    ];

    private static Link AtPlace(Program program, string text, int pid)
    {
        That(Place.TryParse(text, out Place? place, out string problem), problem);
        return program.Attach(place!, pid);
    }

    /// <summary>The program counts what it is told to; its answer is the semaphore's value.</summary>
    private static void Found(string semaphore, Func<Program, string, int, Link> attach, string section = "uprobe")
    {
        string file = Path.Combine(ObjectChecks.Folder, "probed");
        using Process child = Process.Start(new ProcessStartInfo(file) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            using Witness witness = Witness.Load(section, s_code);
            using (attach(witness.Program, file, child.Id))
            {
                Same(semaphore, Ask(child), "the semaphore");
                Same((3UL, 42UL), (witness[0], witness[1]), "runs, and the last argument");
            }
            Same("0", Ask(child), "the semaphore after the link was disposed");
            Same(3UL, witness[0], "runs after the link was disposed");
        }
        finally
        {
            child.Kill();
            child.WaitForExit();
        }
    }

    private static string Ask(Process child)
    {
        child.StandardInput.Write('x');
        child.StandardInput.Flush();
        return ((char)child.StandardOutput.Read()).ToString();
    }
}
