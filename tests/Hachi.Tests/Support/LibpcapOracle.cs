using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Hachi.Isa;

namespace Hachi.Tests.Support;

/// <summary>What libpcap made of an expression: a program, or its error text.</summary>
internal sealed record OracleProgram(string? Error, ClassicInsn[] Insns);

/// <summary>libpcap's verdicts on the loaded packets (bit i of byte i / 8), or its error text.</summary>
internal sealed record OracleVerdicts(string? Error, byte[] Bits);

/// <summary>
/// The installed libpcap as a long-lived process (<c>tests/oracles/pcap_oracle.c</c>, built once with the C compiler). Tests that want it
/// are skipped with a word where compiler or libpcap-dev are missing. Not for several threads at a time.
/// </summary>
internal sealed class LibpcapOracle : IDisposable
{
    /// <summary>libpcap's number for Ethernet, and the default snapshot length.</summary>
    public const int Ethernet = 1;

    private readonly Process _process;

    private LibpcapOracle(string program)
    {
        _process = Process.Start(new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Version = Ask("version");
    }

    /// <summary>For example <c>libpcap version 1.10.3 (with TPACKET_V3)</c>.</summary>
    public string Version { get; }

    /// <summary>Starts one, or skips the test.</summary>
    public static LibpcapOracle Start() => new(Build());

    /// <summary>Compiles an expression.</summary>
    public OracleProgram Compile(string expression, bool optimise, int link = Ethernet, int snapLength = 262144, uint netMask = 0xffffffff)
    {
        string answer = Ask(Request("compile", expression, optimise, link, snapLength, netMask));
        if (answer.StartsWith("error ", StringComparison.Ordinal))
            return new OracleProgram(answer[6..], []);
        string[] words = answer.Split(' ');
        var insns = new ClassicInsn[words.Length - 1];
        for (int i = 0; i < insns.Length; i++)
        {
            string[] parts = words[i + 1].Split(',');
            insns[i] = new ClassicInsn(Number<ushort>(parts[0]), Number<byte>(parts[1]), Number<byte>(parts[2]), Number<uint>(parts[3]));
        }
        return new OracleProgram(null, insns);
    }

    /// <summary>Replaces the packets in the oracle's memory by those of a capture file; returns how many.</summary>
    public int Load(string path)
    {
        string answer = Ask("load " + path);
        Assert.False(answer.StartsWith("error", StringComparison.Ordinal), answer);
        return Number<int>(answer);
    }

    /// <summary>Runs an expression over the loaded packets.</summary>
    public OracleVerdicts Verdicts(string expression, bool optimise, int link = Ethernet, int snapLength = 262144, uint netMask = 0xffffffff)
    {
        string answer = Ask(Request("verdicts", expression, optimise, link, snapLength, netMask));
        return answer.StartsWith("error ", StringComparison.Ordinal) ? new OracleVerdicts(answer[6..], []) : new OracleVerdicts(null, Convert.FromHexString(answer));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(5000))
            _process.Kill();
        _process.Dispose();
    }

    private static T Number<T>(string text)
        where T : ISpanParsable<T> => T.Parse(text, CultureInfo.InvariantCulture);

    private static string Request(string verb, string expression, bool optimise, int link, int snapLength, uint netMask)
    {
        string hex = expression.Length == 0 ? "-" : Convert.ToHexString(Encoding.UTF8.GetBytes(expression));
        return string.Create(CultureInfo.InvariantCulture, $"{verb} {link} {snapLength} {netMask} {(optimise ? 1 : 0)} {hex}");
    }

    /// <summary>One request, one answer; <c>ok</c> is taken off.</summary>
    private string Ask(string request)
    {
        _process.StandardInput.WriteLine(request);
        _process.StandardInput.Flush();
        string? answer = _process.StandardOutput.ReadLine();
        Assert.True(answer is not null, $"the oracle died of: {request}");
        return answer.StartsWith("ok ", StringComparison.Ordinal) ? answer[3..] : answer;
    }

    /// <summary>Builds the C program into the temporary folder, under a name that depends on its text; one that is there is used.</summary>
    private static string Build()
    {
        string source = Shared.InRepository("tests/oracles/pcap_oracle.c");
        string compiler = Tools.Find("cc") ?? Tools.Need("gcc");
        string hash = Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(source)))[..16];
        string folder = Path.Combine(Path.GetTempPath(), "hachi-oracles-" + Environment.UserName);
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string program = Path.Combine(folder, "pcap_oracle-" + hash);
        if (File.Exists(program))
            return program;
        string fresh = program + "." + Environment.ProcessId;
        ToolResult result = Tools.Run(compiler, ["-O2", "-o", fresh, source, "-lpcap"]);
        if (result.ExitCode != 0)
            Assert.Skip($"needs libpcap's headers: ./test --install (Debian package libpcap-dev)\n{result.Error}");
        File.Move(fresh, program, overwrite: true);
        return program;
    }
}
