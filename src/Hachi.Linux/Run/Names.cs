using System.Buffers.Binary;
using System.Globalization;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Linux.Symbols;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Linux.Run;

/// <summary>Names of what programs know as numbers: symbols, users, control groups, errors.</summary>
internal sealed class Names(RunPlan plan, Map? stacks) : IDisposable
{
    private readonly KernelSymbols _kernel = new();
    private readonly ProcessSymbols _processes = new();
    private readonly bool _isReadable = !plan.Settings.Contains(("cpp_demangle", "0"));
    private bool _isWatching;
    private readonly HashSet<ulong> _asked = [];
    private Dictionary<ulong, string>? _groups;
    private Dictionary<uint, string>? _users;

    /// <summary>The probe with that number.</summary>
    public string Probe(long number) => number >= 0 && number < plan.Probes.Length ? plan.Probes[(int)number].Name : number.ToString(CultureInfo.InvariantCulture);

    /// <summary>A symbol of the kernel, safe to show; with its offset where that is asked for.</summary>
    public string Kernel(ulong address, bool withOffset) => _kernel.Find(address) is { } symbol ? Shown(symbol, withOffset) : Hex(address);

    private static string Shown(in Symbol symbol, bool withOffset) => Escaper.Escape(withOffset ? string.Create(CultureInfo.InvariantCulture, $"{symbol.Name}+{symbol.Offset}") : symbol.Name);

    private static string Hex(ulong address) => "0x" + address.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>The frames of a stack, innermost first.</summary>
    public IEnumerable<ulong> Frames(long id, int most)
    {
        byte[] key = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(key, (uint)id);
        if (stacks is null || (int)id < 0)
            return [];
        byte[] frames = new byte[stacks.ValueBytes];
        if (!stacks.TryGet(key, frames))
            return [];
        return Enumerable.Range(0, Math.Min(most, frames.Length / 8)).Select(i => BinaryPrimitives.ReadUInt64LittleEndian(frames.AsSpan(i * 8))).TakeWhile(address => address != 0).ToList();
    }

    /// <summary>A stack as lines.</summary>
    public string Stack(long value, PlanType type)
    {
        int most = type.Numbers.Length > 0 ? (int)type.Numbers[0] : 127;
        bool isUser = type.Kind == PlanKind.UserStack;
        var text = new System.Text.StringBuilder("\n");
        foreach (ulong frame in Frames(value & 0xffffffff, most))
        {
            string name = type.Text == "raw" ? frame.ToString("x", CultureInfo.InvariantCulture) : isUser ? User(frame, (int)(value >> 32), true) : Kernel(frame, true);
            if (type.Text == "perf")
                text.Append('\t').Append(frame.ToString("x", CultureInfo.InvariantCulture)).Append(' ').Append(name).Append('\n');
            else
                text.Append(type.Text == "raw" ? "" : "    ").Append(name).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The functions of a stack, the outermost first.</summary>
    public IEnumerable<string> Functions(long value, PlanType type)
    {
        int most = type.Numbers.Length > 0 ? (int)type.Numbers[0] : 127;
        return Frames(value & 0xffffffff, most).Reverse().Select(frame => type.Kind == PlanKind.UserStack ? User(frame, (int)(value >> 32), false) : Kernel(frame, false));
    }

    /// <summary>A place in a process: a function's name, failing that the file and where in it, failing that the address.</summary>
    public string User(ulong address, int pid, bool withOffset)
    {
        if (_processes.Find(pid, address) is { } symbol)
            return Shown(_isReadable ? symbol with { Name = MangledName.Readable(symbol.Name) } : symbol, withOffset);
        return _processes.FindFile(pid, address) is (string path, ulong offset)
            ? Escaper.Escape(string.Create(CultureInfo.InvariantCulture, $"[{Path.GetFileName(path)}+0x{offset:x}]"))
            : Hex(address);
    }

    /// <summary>Follows what a process maps, so that its functions are named when it is gone.</summary>
    public void Watch(int pid) => _isWatching |= _processes.Watch(pid);

    /// <summary>Reads what a process maps, where that could not be followed.</summary>
    public void Remember(int pid)
    {
        if (!_isWatching)
            _processes.Remember(pid);
    }

    /// <inheritdoc/>
    public void Dispose() => _processes.Dispose();

    public string UserName(uint id)
    {
        if (_users is null)
        {
            _users = [];
            foreach (string line in ControlGroups.Lines("/etc/passwd"))
                if (line.Split(':') is [var name, _, var number, ..] && uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out uint uid))
                    _users.TryAdd(uid, name);
        }
        return _users.TryGetValue(id, out string? known) ? known : id.ToString(CultureInfo.InvariantCulture);
    }

    public string Group(ulong id, string filter)
    {
        // A group may be newer than what was read; one that is gone, or not to be seen, is looked for once.
        if ((_groups is null || !_groups.ContainsKey(id)) && _asked.Add(id))
            _groups = Linux.Kernel.ControlGroups.Paths();
        return _groups!.TryGetValue(id, out string? path) && path.Contains(filter, StringComparison.Ordinal) ? "unified:" + Escaper.Escape(path) : "";
    }

    public static string Error(long number)
    {
        int value = (int)Math.Abs(number);
        return value == 0 ? "Success" : System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(value);
    }

    public static string Signal(long number)
    {
        const string All = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";
        string[] names = All.Split(' ');
        return number >= 1 && number <= names.Length ? "SIG" + names[number - 1] : "UNKNOWN";
    }
}
