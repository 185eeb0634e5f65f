using System.Buffers.Binary;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Guest;

/// <summary>What checks have about them: the kernel's version and configuration, programs that write down what they see.</summary>
internal sealed class Lab(bool isGuest)
{
    /// <summary>Whether this is a kernel of our own, where a check may touch the whole machine.</summary>
    public bool IsGuest { get; } = isGuest;

    /// <summary>Figures of the check that runs, for its line of the report.</summary>
    public string Figures { get; set; } = "";

    /// <summary>How often things are done that are done again and again: a few times, or as HACHI_CYCLES asks.</summary>
    public static int Cycles { get; } = int.TryParse(Environment.GetEnvironmentVariable("HACHI_CYCLES"), out int asked) ? asked : FewCycles;

    // As many as an ordinary test run has the time for.
    public const int FewCycles = 10;

    /// <summary>The kernel's version, two numbers.</summary>
    public static Version Kernel { get; } = new(Environment.OSVersion.Version.Major, Environment.OSVersion.Version.Minor);

    /// <summary>Fails the check, with words.</summary>
    public static void That(bool holds, string words)
    {
        if (!holds)
            throw new CheckException(words);
    }

    /// <summary>Fails the check unless two values are the same.</summary>
    public static void Same<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
            throw new CheckException($"{what}: {actual}, expected {expected}");
    }
}

/// <summary>A check saw something else than it should.</summary>
internal sealed class CheckException(string words) : Exception(words);

/// <summary>A program in the kernel that writes what it sees into a map of eight words, which is read here.</summary>
internal sealed class Witness : IDisposable
{
    private const int Words = 8;

    private readonly LoadedObject _loaded;

    private Witness(LoadedObject loaded) => _loaded = loaded;

    /// <summary>The program.</summary>
    public Program Program => _loaded.Program("witness");

    /// <summary>Loads a program.</summary>
    /// <param name="section">Which says what it is for: <c>fentry/do_unlinkat</c>.</param>
    /// <param name="code">Assembly; <c>r6</c> is the context.</param>
    /// <param name="others">More maps, as directives.</param>
    public static Witness Load(string section, string code, string others = "")
    {
        SectionMeaning meaning = SectionNames.Find(section) ?? throw new CheckException($"no meaning: {section}");
        string text = $"""
            .license "GPL"
            .map seen array key 4 value {8 * Words} entries 1
            {others}
            .program witness {meaning.Type.Name()} section "{section}"{(meaning.AttachType is { } attach ? $" attach {attach.Name()}" : "")} flags {meaning.Flags}
                    r6 = r1
            {code}
            """;
        ObjectRead read = ObjectParser.Parse(text);
        if (read.Object is null)
            throw new CheckException($"{string.Join('\n', read.Diagnostics)}\n{text}");
        try
        {
            return new Witness(read.Object.Load());
        }
        catch (Linux.BpfException e) when (e.Log is { Length: > 0 } log)
        {
            throw new CheckException($"{e.Message}\n{log}");
        }
    }

    /// <summary>Loads a program that counts, in the first word, how often this thread came by, and does more before.</summary>
    /// <param name="section">What it is for.</param>
    /// <param name="more">Assembly in front of the counting; goes to <c>out</c> where it is not to be counted.</param>
    /// <param name="others">More maps, as directives.</param>
    public static Witness OfThisThread(string section, string more = "", string others = "") => Load(section, $"""
                call bpf_get_current_pid_tgid
                if w0 != {ThreadId} goto out
        {more}
        {Count}
        out:    r0 = 0
                exit
        """, others);

    /// <summary>Assembly that counts in the first word.</summary>
    public const string Count = """
                r1 = map[seen][0]+0
                r2 = 1
                lock *(u64 *)(r1 + 0) += r2
        """;

    /// <summary>The number of this thread, as programs see it.</summary>
    public static int ThreadId => (int)Calls.Syscall(186);

    /// <summary>Assembly that writes down a register.</summary>
    /// <param name="word">In which word.</param>
    /// <param name="register">Not r1.</param>
    public static string Note(int word, string register) => $"""
                r1 = map[seen][0]+{8 * word}
                *(u64 *)(r1 + 0) = {register}
        """;

    /// <summary>What it has written.</summary>
    public ulong this[int word]
    {
        get
        {
            byte[] value = new byte[8 * Words];
            _loaded.Map("seen").TryGet([0, 0, 0, 0], value);
            return BinaryPrimitives.ReadUInt64LittleEndian(value.AsSpan(8 * word));
        }
    }

    /// <summary>Another of its maps.</summary>
    public Map Map(string name) => _loaded.Map(name);

    /// <inheritdoc/>
    public void Dispose() => _loaded.Dispose();
}
