using System.CommandLine;
using System.Text;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Compile;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Lang.Seccomp.Syntax;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary>A policy or a filter named on the command line, and the options that say what a policy is resolved for.</summary>
internal sealed class PolicyInput
{
    private readonly Option<string?> _architectures = new("--arch") { Description = "Architectures, with commas: x86_64, i386, x32, aarch64; otherwise what the policy lists", HelpName = "A,..." };
    private readonly Option<string?> _capabilities = new("--caps") { Description = "The container's capabilities, with commas; otherwise those that Docker grants", HelpName = "CAP,..." };
    private readonly Option<string?> _kernel = new("--kernel") { Description = "The kernel's version, for a profile's minKernel; otherwise the newest", HelpName = "V" };
    private readonly Option<bool> _noEnosys = new("--no-enosys") { Description = "Calls newer than an OCI profile get its default action, not ENOSYS" };
    private readonly Option<bool> _wide = new("--wide") { Description = "Compare int arguments as 64 bits, as libseccomp does" };

    /// <summary>Adds the options.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_architectures, _capabilities, _kernel, _noEnosys, _wide])
            command.Add(option);
    }

    /// <summary>The architectures that were asked for, or null.</summary>
    public IReadOnlyList<SeccompArchitecture>? Architectures(ParseResult parse) =>
        parse.GetValue(_architectures) is { } names ? [.. names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Architecture)] : null;

    /// <summary>An architecture by name.</summary>
    public static SeccompArchitecture Architecture(string name) =>
        SeccompArchitectures.Parse(name) ?? throw new CommandException($"there is no architecture '{name}'", "x86_64, i386, x32 or aarch64");

    /// <summary>Reads a policy. Its text and the places in it go to the caller for messages.</summary>
    public SeccompPolicy ReadPolicy(Shell shell, ParseResult parse, string path, out string text) =>
        ParsePolicy(shell, parse, Decode(ProgramFile.Read(shell, path)), path, out text);

    /// <summary>Reads a policy and compiles it, or reads a filter as it is.</summary>
    public ClassicProgram ReadFilter(Shell shell, ParseResult parse, string path, out SeccompPolicy? policy, out string text)
    {
        byte[] content = ProgramFile.Read(shell, path);
        policy = null;
        text = "";
        if (IsBinary(content))
        {
            if (!ClassicNumbers.TryDecode(content, out ClassicInsn[] insns) || insns.Length == 0)
                throw new CommandException($"'{path}': {content.Length} bytes are no whole number of instructions of 8 bytes");
            return Valid(new ClassicProgram(insns), path);
        }
        string decoded = Decode(content);
        if (IsPolicy(decoded))
        {
            policy = ParsePolicy(shell, parse, decoded, path, out text);
            return Compile(shell, policy, null);
        }
        ClassicAssembled parsed = ClassicNumbers.Parse(decoded);
        if (parsed.Success)
            return Valid(parsed.Program!, path);
        foreach (Diagnostic diagnostic in parsed.Diagnostics)
            shell.Report(diagnostic, decoded);
        throw new CommandException($"'{path}' is neither a policy nor a filter");
    }

    /// <summary>Compiles a policy.</summary>
    public static ClassicProgram Compile(Shell shell, SeccompPolicy policy, SeccompWeights? weights)
    {
        SeccompCompilation compiled = SeccompCompiler.Compile(policy, weights);
        foreach (Diagnostic diagnostic in compiled.Diagnostics)
            shell.Report(diagnostic, "");
        return compiled.Program ?? throw new CommandException("the policy cannot be compiled");
    }

    /// <summary>A call by name or number, with arguments, as the command line gives it.</summary>
    public static SeccompData Call(SeccompArchitecture architecture, string name, IReadOnlyList<string> words)
    {
        if (words.Count > SeccompData.ArgumentsMax)
            throw new CommandException("a system call has at most six arguments");
        ulong[] arguments = [.. words.Select(Argument)];
        if (SyscallTable.Of(architecture).Find(name) is { } call)
            return SeccompData.Of(architecture, call.Number, arguments);
        if (uint.TryParse(name, null, out uint number))
            return SeccompData.Of(architecture, 0, arguments) with { Number = number };
        string? near = Nearest.To(name, SyscallTable.Names.Where(each => SyscallTable.Of(architecture).Find(each) is not null));
        throw new CommandException($"{architecture.Name()} has no system call '{name}'", near is null ? "a name, or a number" : $"did you mean {near}?");
    }

    /// <summary>A number, or constants joined by <c>|</c>.</summary>
    private static ulong Argument(string word)
    {
        ulong joined = 0;
        foreach (string part in word.Split('|'))
            joined |= SyscallWords.Constant(part) ?? Number(part);
        return joined;
    }

    private static ulong Number(string word)
    {
        if (word.StartsWith("0x", StringComparison.OrdinalIgnoreCase) && ulong.TryParse(word.AsSpan(2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out ulong value))
            return value;
        if (ulong.TryParse(word, null, out value))
            return value;
        return long.TryParse(word, null, out long negative)
            ? (ulong)negative
            : throw new CommandException($"'{word}' is no argument", Nearest.To(word, SyscallWords.Constants) is { } near ? $"did you mean {near}?" : "a number or a constant: 40, 0x28, -1, AF_UNIX");
    }

    private SeccompPolicy ParsePolicy(Shell shell, ParseResult parse, string content, string path, out string text)
    {
        text = content;
        Version? kernel = null;
        if (parse.GetValue(_kernel) is { } version && !Version.TryParse(version, out kernel))
            throw new CommandException($"'{version}' is no kernel version", "write 6.1");
        var context = new OciContext
        {
            Architectures = Architectures(parse),
            Capabilities = parse.GetValue(_capabilities) is { } caps ? [.. caps.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Capability)] : OciContext.DockerCapabilities,
            Kernel = kernel,
            AnswersEnosys = !parse.GetValue(_noEnosys),
            ComparesWords = !parse.GetValue(_wide),
        };
        PolicyReading reading = IsJson(content) ? OciProfile.Read(content, context) : PolicyText.Read(content, context.Architectures ?? [SeccompArchitecture.X86_64]);
        foreach (Diagnostic diagnostic in reading.Diagnostics)
            if (diagnostic.Severity != Severity.Info)
                shell.Report(diagnostic, content);
        return reading.Policy ?? throw new CommandException($"'{path}' is no policy that can be used");
    }

    private static string Capability(string name) => name.StartsWith("CAP_", StringComparison.OrdinalIgnoreCase) ? name.ToUpperInvariant() : "CAP_" + name.ToUpperInvariant();

    private static ClassicProgram Valid(ClassicProgram program, string path)
    {
        IReadOnlyList<InvalidInsn> invalid = SeccompValidity.Check(program.Insns);
        return invalid.Count == 0 ? program : throw new CommandException($"'{path}' is no filter that the kernel takes: instruction {invalid[0].Index}: {invalid[0].Diagnostic.Message}");
    }

    private static bool IsBinary(ReadOnlySpan<byte> content) => content.IndexOfAnyInRange((byte)0, (byte)8) >= 0;

    // Not the numbers of --to ddd, and not those in braces of --to dd.
    private static bool IsPolicy(string text) => IsJson(text) || !(text.TrimStart() is var start && (start.Length == 0 || char.IsAsciiDigit(start[0]) || start[0] == '{'));

    /// <summary>Whether a policy is an OCI profile; otherwise it is in the policy language.</summary>
    public static bool IsProfile(string policy) => IsJson(policy);

    private static bool IsJson(string text) => text.TrimStart() is ['{', .. var rest] && !rest.TrimStart().StartsWith("0x", StringComparison.Ordinal);

    private static string Decode(byte[] content) => Encoding.UTF8.GetString(content);
}
