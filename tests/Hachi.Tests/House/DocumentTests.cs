using System.Text.RegularExpressions;

namespace Hachi.Tests.House;

/// <summary>
/// Every command in README and docs is run. In a fenced block marked <c>console</c> a line <c>$ COMMAND</c> is given to a shell, in one folder a document,
/// and what it prints must be the lines below it; a line <c>...</c> stands for any lines. Blocks marked <c>sh</c> are not run and must not call hachi;
/// one marked <c>file NAME</c> is a file that the commands find. One marked <c>console root</c> is run as root, in a network namespace that has only a
/// loopback interface; by anybody else it is not run.
/// </summary>
public sealed class DocumentTests
{
    private const string RootBlock = "console root";

    private static readonly string[] s_documents = [.. SourceTree.Files(".", ".md").Select(SourceTree.Name)];

    public static TheoryData<string> Documents => [.. s_documents];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Commands_print_what_the_document_says(string document)
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs a POSIX shell");
        List<(string Kind, List<string> Lines)> blocks = Blocks(document);
        foreach ((string _, List<string> lines) in blocks.Where(block => block.Kind is "sh" or "bash" or ""))
            Assert.DoesNotContain(lines, line => Regex.IsMatch(line, @"^\s*(\$ )?(\./)?hachi "));

        string folder = Directory.CreateTempSubdirectory("hachi-doc-").FullName;
        try
        {
            // hachi and ./hachi are the build that this test runs in.
            string shim = Path.Combine(folder, "hachi");
            File.WriteAllText(shim, $"#!/bin/sh\nexec dotnet '{Path.Combine(AppContext.BaseDirectory, "Hachi.Cli.dll")}' \"$@\"\n");
            File.SetUnixFileMode(shim, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            foreach ((string kind, List<string> lines) in blocks.Where(block => block.Kind.StartsWith("file ", StringComparison.Ordinal)))
                File.WriteAllLines(Path.Combine(folder, Path.GetFileName(kind["file ".Length..])), lines);
            foreach ((string kind, List<string> lines) in blocks.Where(block => block.Kind == "console" || (block.Kind == RootBlock && Tools.IsRoot && OperatingSystem.IsLinux())))
                RunBlock(document, folder, lines, kind == RootBlock);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Links_between_documents_lead_somewhere()
    {
        foreach (string document in s_documents)
            foreach (Match link in Regex.Matches(File.ReadAllText(Shared.InRepository(document)), @"\]\((?!https?:|#)([^)#]+)"))
            {
                string target = Path.Combine(Path.GetDirectoryName(Shared.InRepository(document))!, link.Groups[1].Value);
                Assert.True(Path.Exists(target), $"{document} links to {link.Groups[1].Value}, which is not there");
            }
    }

    [Fact]
    public void Readme_shows_the_consumer_that_is_tested()
    {
        string code = string.Join('\n', Blocks("README.md").Single(block => block.Kind == "csharp").Lines);
        Assert.Equal(File.ReadAllText(Shared.InRepository("tests/consumer/Program.cs")).TrimEnd(), code.TrimEnd());
    }

    [Fact]
    public void Architecture_fits_on_a_page() => Assert.InRange(File.ReadAllLines(Shared.InRepository("ARCHITECTURE.md")).Length, 1, 120);

    private static void RunBlock(string document, string folder, List<string> lines, bool isRoot)
    {
        for (int i = 0; i < lines.Count;)
        {
            Assert.True(lines[i].StartsWith("$ ", StringComparison.Ordinal), $"{document}: a console block starts with '$ ', not with '{lines[i]}'");
            string command = lines[i++][2..];
            while (command.EndsWith('\\') && i < lines.Count)
                command = command[..^1] + lines[i++];
            var expected = new List<string>();
            while (i < lines.Count && !lines[i].StartsWith("$ ", StringComparison.Ordinal))
                expected.Add(lines[i++].TrimEnd());
            var environment = new Dictionary<string, string?> { ["PATH"] = folder + ":" + Environment.GetEnvironmentVariable("PATH"), ["NO_COLOR"] = "1" };
            if (isRoot)
                environment["SUDO_UID"] = null; // the folder is root's
            string[] shell = isRoot ? ["unshare", "-n", "/bin/sh", "-c", "ip link set lo up\n{ " + command + "\n} 2>&1"] : ["/bin/sh", "-c", "{ " + command + "\n} 2>&1"];
            ToolResult run = Tools.Run(shell[0], shell[1..], null, 120, folder, environment);
            string pattern = "^" + string.Join("\n", expected.Select(line => line == "..." ? ".*(?:\n.*)*?" : Regex.Escape(line))) + "\n?$";
            string said = string.Join('\n', run.Text.TrimEnd().Split('\n').Select(line => line.TrimEnd()));
            Assert.True(Regex.IsMatch(said, pattern, RegexOptions.None, TimeSpan.FromSeconds(10)), $"{document}: $ {command}\nprinted (status {run.ExitCode}):\n{said}\nthe document says:\n{string.Join('\n', expected)}");
        }
    }

    private static List<(string Kind, List<string> Lines)> Blocks(string document)
    {
        var blocks = new List<(string, List<string>)>();
        List<string>? open = null;
        foreach (string line in File.ReadLines(Shared.InRepository(document)))
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                if (open is null)
                    blocks.Add((line[3..].Trim(), open = []));
                else
                    open = null;
            }
            else
            {
                open?.Add(line);
            }
        }
        Assert.True(open is null, document + ": a fenced block is not closed");
        return blocks;
    }
}
