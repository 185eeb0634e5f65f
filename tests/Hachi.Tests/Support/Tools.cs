using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Hachi.Tests.Support;

/// <summary>What a tool did.</summary>
/// <param name="ExitCode">Its status; 128 + n when signal n ended it.</param>
/// <param name="Output">Standard output, as bytes.</param>
/// <param name="Error">Standard error, as text.</param>
internal readonly record struct ToolResult(int ExitCode, byte[] Output, string Error)
{
    /// <summary>Standard output as UTF-8 text.</summary>
    public string Text => Encoding.UTF8.GetString(Output);
}

/// <summary>Programs of the machine that serve as oracles: find one, run it with a time limit, skip the test where it is missing.</summary>
internal static class Tools
{
    /// <summary>Whether this process is root.</summary>
    public static bool IsRoot => Environment.IsPrivilegedProcess;

    /// <summary>Skips the test, with a word, unless this process is root.</summary>
    public static void NeedRoot()
    {
        if (!IsRoot)
            Assert.Skip("needs root: run ./test as root");
    }

    /// <summary>Path of a program on PATH or in the sbin folders, or null.</summary>
    public static string? Find(string name)
    {
        string folders = (Environment.GetEnvironmentVariable("PATH") ?? "") + ":/usr/local/sbin:/usr/sbin:/sbin";
        foreach (string folder in folders.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            string path = Path.Combine(folder, name);
            if (File.Exists(path) && (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0)
                return path;
        }
        return null;
    }

    /// <summary>The same; when it is missing the test is skipped with the Debian package that holds it.</summary>
    public static string Need(string name, string? package = null)
    {
        string? path = Find(name);
        if (path is null)
            Assert.Skip($"needs {name}: ./test --install (Debian package {package ?? name})");
        return path;
    }

    /// <summary>Runs a program to its end, its standard input given (empty if not).</summary>
    /// <param name="program">Name or path.</param>
    /// <param name="arguments">Its arguments, passed as they are: no shell.</param>
    /// <param name="input">Bytes for its standard input.</param>
    /// <param name="timeoutSeconds">After that it is killed and the test fails.</param>
    /// <param name="folder">Its working directory.</param>
    /// <param name="environment">Variables to set; a null value removes one.</param>
    public static ToolResult Run(string program, IEnumerable<string> arguments, byte[]? input = null, int timeoutSeconds = 60, string? folder = null,
        IReadOnlyDictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? "",
        };
        foreach ((string name, string? value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<byte[]> output = ReadAll(process.StandardOutput.BaseStream);
        Task<byte[]> error = ReadAll(process.StandardError.BaseStream);
        Task feed = Feed(process, input ?? []);
        if (!process.WaitForExit(TimeSpan.FromSeconds(timeoutSeconds)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)}: not finished after {timeoutSeconds} s");
        }
        feed.Wait();
        return new ToolResult(process.ExitCode, output.Result, Encoding.UTF8.GetString(error.Result));
    }

    /// <summary>The same, and the test fails unless the status is 0.</summary>
    public static ToolResult RunOk(string program, IEnumerable<string> arguments, byte[]? input = null, int timeoutSeconds = 60, string? folder = null)
    {
        ToolResult result = Run(program, arguments, input, timeoutSeconds, folder);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: status {result.ExitCode}\n{result.Error}\n{result.Text}");
        return result;
    }

    private static async Task<byte[]> ReadAll(Stream stream)
    {
        var all = new MemoryStream();
        await stream.CopyToAsync(all);
        return all.ToArray();
    }

    private static async Task Feed(Process process, byte[] input)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (Exception e) when (e is IOException or Win32Exception)
        {
            // The program did not want all of it.
        }
    }
}
