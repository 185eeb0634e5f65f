namespace Hachi.Tests.Trace.Corpus;

/// <summary>Programs of our own that cases trace, built by gcc from <c>targets.txt</c>.</summary>
internal static class TargetPrograms
{
    /// <summary>Builds them all below a folder: <c>testprogs</c> and <c>testlibs</c>.</summary>
    public static void Build(string root)
    {
        string gcc = Tools.Need("gcc"), kept = Shared.InRepository("artifacts/corpus");
        string list = Shared.InRepository("tests/Hachi.Tests/Trace/Corpus/targets.txt");
        if (!File.Exists(Path.Combine(kept, "made")) || File.GetLastWriteTimeUtc(Path.Combine(kept, "made")) < File.GetLastWriteTimeUtc(list))
        {
            if (Directory.Exists(kept))
                Directory.Delete(kept, recursive: true);
            Make(gcc, File.ReadAllText(list), kept);
            File.WriteAllText(Path.Combine(kept, "made"), "");
        }
        Tools.RunOk("cp", ["-r", Path.Combine(kept, "testprogs"), Path.Combine(kept, "testlibs"), root]);
    }

    private static void Make(string gcc, string list, string folder)
    {
        string programs = Directory.CreateDirectory(Path.Combine(folder, "testprogs")).FullName, sources = Directory.CreateDirectory(Path.Combine(folder, "sources")).FullName;
        Directory.CreateDirectory(Path.Combine(folder, "testlibs"));
        foreach (string part in list.Split("\n-- ")[1..])
        {
            string[] head = part[..part.IndexOf('\n', StringComparison.Ordinal)].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            string text = part[(part.IndexOf('\n', StringComparison.Ordinal) + 1)..], name = Path.GetFileName(head[0]);
            string source = Path.Combine(sources, name + (name.EndsWith(".h", StringComparison.Ordinal) ? "" : name.EndsWith(".bin", StringComparison.Ordinal) ? ".s" : ".c"));
            string[] flags = head[1..];
            if (name.EndsWith(".bin", StringComparison.Ordinal))
                (text, flags) = (text[(text.IndexOf('\n', StringComparison.Ordinal) + 1)..], text[..text.IndexOf('\n', StringComparison.Ordinal)].Split(' ')[1..]);
            if (head is [_, "=", string other, ..])
                (source, flags) = (Path.Combine(sources, other + ".c"), head[3..]);
            else
                File.WriteAllText(source, text);
            if (name.EndsWith(".h", StringComparison.Ordinal))
                continue;
            string[] kind = flags.Contains("-pie") || flags.Contains("-shared") ? [] : ["-no-pie"];
            // Libraries come behind what needs them; frame pointers are there for stacks.
            Tools.RunOk(gcc, ["-O0", "-g0", "-w", "-fno-omit-frame-pointer", "-mno-omit-leaf-frame-pointer", "-fno-optimize-sibling-calls", .. kind, "-o", Path.Combine(programs, head[0]), source, .. flags], folder: folder);
        }
        File.Copy(Path.Combine(programs, "uprobe_test"), Path.Combine(programs, "uprobe_test-stripped"));
    }
}
