using System.Text;
using Hachi.Cli;

namespace Hachi.Tests.Support;

/// <summary>One run of the command line inside this process, over memory.</summary>
/// <param name="Status">Its exit status.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
internal readonly record struct CommandRun(int Status, byte[] Output, string Error)
{
    /// <summary>Standard output as text.</summary>
    public string Text => Encoding.UTF8.GetString(Output);

    /// <summary>Runs <c>hachi ARGS</c>.</summary>
    public static CommandRun Hachi(params string[] args) => HachiWith([], args);

    /// <summary>The same, with bytes on standard input.</summary>
    public static CommandRun HachiWith(byte[] input, params string[] args)
    {
        var output = new MemoryStream();
        var error = new MemoryStream();
        int status;
        using (var shell = new Shell(() => new MemoryStream(input), output, error))
            status = Program.Run(args, shell);
        return new CommandRun(status, output.ToArray(), Encoding.UTF8.GetString(error.ToArray()));
    }
}
