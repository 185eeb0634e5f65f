using System.Buffers.Binary;
using System.Globalization;
using Hachi.Linux.Load;
using Hachi.Object.Plan;
using Hachi.Uapi;

namespace Hachi.Linux.Run;

/// <summary>Names of what programs know as numbers: symbols, users, control groups, errors.</summary>
internal sealed class Names(RunPlan plan, Map? stacks)
{
    private (ulong Address, string Name)[]? _kernel;
    private Dictionary<ulong, string>? _groups;
    private Dictionary<uint, string>? _users;

    /// <summary>The probe with that number.</summary>
    public string Probe(long number) => number >= 0 && number < plan.Probes.Length ? plan.Probes[(int)number].Name : number.ToString(CultureInfo.InvariantCulture);

    /// <summary>A symbol of the kernel; with an offset where the address is not its beginning.</summary>
    public string Kernel(ulong address, bool withOffset)
    {
        _kernel ??= ReadKernel();
        int at = Array.BinarySearch(_kernel, (address, "\uffff"), Comparer<(ulong Address, string Name)>.Create((a, b) => a.Address != b.Address ? a.Address.CompareTo(b.Address) : string.CompareOrdinal(a.Name, b.Name)));
        at = at < 0 ? ~at - 1 : at;
        if (at < 0 || address == 0)
            return "0x" + address.ToString("x", CultureInfo.InvariantCulture);
        ulong offset = address - _kernel[at].Address;
        return withOffset ? _kernel[at].Name + "+" + offset.ToString(CultureInfo.InvariantCulture) : _kernel[at].Name;
    }

    private static (ulong, string)[] ReadKernel()
    {
        var symbols = new List<(ulong, string)>();
        try
        {
            foreach (string line in File.ReadLines("/proc/kallsyms"))
                if (line.Length > 19 && line[17] is 't' or 'T' or 'w' or 'W' && ulong.TryParse(line.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong address) && address != 0)
                    symbols.Add((address, line[19..].Split('\t')[0]));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
        symbols.Sort((a, b) => a.Item1.CompareTo(b.Item1));
        return [.. symbols];
    }

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

    /// <summary>A place in a process.</summary>
    public string User(ulong address, int pid, bool withOffset) => UserSymbols.Find(address, pid, withOffset) ?? "0x" + address.ToString("x", CultureInfo.InvariantCulture);

    public string UserName(uint id)
    {
        if (_users is null)
        {
            _users = [];
            foreach (string line in Lines("/etc/passwd"))
                if (line.Split(':') is [var name, _, var number, ..] && uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out uint uid))
                    _users.TryAdd(uid, name);
        }
        return _users.TryGetValue(id, out string? known) ? known : id.ToString(CultureInfo.InvariantCulture);
    }

    public string Group(ulong id, string filter)
    {
        _groups ??= ReadGroups();
        return _groups.TryGetValue(id, out string? path) && path.Contains(filter, StringComparison.Ordinal) ? path : "";
    }

    // The number of a control group is that of its folder.
    private static Dictionary<ulong, string> ReadGroups() => [];

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

    private static IEnumerable<string> Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
