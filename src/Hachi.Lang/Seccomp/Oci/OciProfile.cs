using System.Globalization;
using System.Text.Json;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Oci;

/// <summary>What the reading of a profile yields.</summary>
/// <param name="Policy">The policy, or null when a diagnostic is an error.</param>
/// <param name="Diagnostics">What there is to say about it.</param>
/// <param name="Flags">The profile's flags for <c>seccomp(2)</c>, without prefix: <c>TSYNC</c>, <c>LOG</c> ...</param>
public sealed record PolicyReading(SeccompPolicy? Policy, IReadOnlyList<Diagnostic> Diagnostics, IReadOnlyList<string> Flags);

/// <summary>Reads seccomp profiles of the OCI runtime specification (config-linux.md, "Seccomp") and the superset that moby uses; resolves them as runc does.</summary>
public sealed partial class OciProfile
{
    private static readonly string[] s_flags = ["TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"];

    private readonly List<Diagnostic> _diagnostics;
    private readonly OciContext _context;
    private readonly List<string> _flags = [];

    private OciProfile(OciContext context, List<Diagnostic> diagnostics)
    {
        _context = context;
        _diagnostics = diagnostics;
    }

    /// <summary>Reads and resolves a profile.</summary>
    public static PolicyReading Read(string json, OciContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(json);
        var diagnostics = new List<Diagnostic>();
        var profile = new OciProfile(context ?? new OciContext(), diagnostics);
        PolicyRules? rules = JsonItem.Parse(json, diagnostics) is { } root ? profile.Rules(root) : null;
        bool failed = rules is null || diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error);
        SeccompPolicy? policy = failed ? null : PolicyResolver.Resolve(rules!, diagnostics);
        return new PolicyReading(policy, diagnostics, profile._flags);
    }

    private PolicyRules? Rules(JsonItem root)
    {
        if (!Expect(root, JsonTokenType.StartObject, "the profile", "an object"))
            return null;
        JsonItem? action = null, errno = null, architectures = null, map = null, calls = null;
        foreach ((string key, TextSpan span, JsonItem value) in root.Members)
        {
            switch (key)
            {
                case "defaultAction": action = value; break;
                case "defaultErrnoRet": errno = value; break;
                case "architectures": architectures = value; break;
                case "archMap": map = value; break;
                case "syscalls": calls = value; break;
                case "flags": ReadFlags(value); break;
                case "listenerPath" or "listenerMetadata" or "comment": break;
                default: Say(DiagnosticTable.SeccompUnknownKey.AtWithHint(span, NearKey(key, ["defaultAction", "defaultErrnoRet", "architectures", "archMap", "syscalls", "flags"]), key)); break;
            }
        }
        if (action is null)
        {
            Say(DiagnosticTable.SeccompMissingKey.At(root.Span, "defaultAction"));
            return null;
        }
        SeccompAction? defaultAction = Action(action, errno);
        if (defaultAction is { Kind: SeccompActionKind.UserNotif })
            Say(DiagnosticTable.SeccompNotifyPlace.At(action.Span, "the default action"));
        var statements = new List<PolicyStatement>();
        if (calls is not null && IsGiven(calls) && Expect(calls, JsonTokenType.StartArray, "syscalls", "an array"))
            foreach (JsonItem call in calls.Items)
                ReadCall(call, statements);
        if (defaultAction is not { } decided)
            return null;
        bool lets = decided.Kind is SeccompActionKind.Allow or SeccompActionKind.Log or SeccompActionKind.Trace;
        return new PolicyRules
        {
            DefaultAction = decided,
            OtherArchitectures = SeccompAction.KillThread, // libseccomp's answer, which runc leaves as it is
            Architectures = _context.Architectures ?? Architectures(architectures, map),
            Statements = statements,
            NewerAction = _context.AnswersEnosys && !lets ? SeccompAction.Errno(SeccompAction.Enosys) : null,
            IsOci = true,
            ComparesWords = _context.ComparesWords,
        };
    }

    private void ReadFlags(JsonItem flags)
    {
        if (!IsGiven(flags) || !Expect(flags, JsonTokenType.StartArray, "flags", "an array"))
            return;
        foreach (JsonItem flag in flags.Items)
        {
            string name = flag.Text.StartsWith("SECCOMP_FILTER_FLAG_", StringComparison.Ordinal) ? flag.Text["SECCOMP_FILTER_FLAG_".Length..] : "";
            if (s_flags.Contains(name))
                _flags.Add(name);
            else
                Say(DiagnosticTable.SeccompUnknownFlag.At(flag.Span, flag.Text));
        }
    }

    /// <summary>The native architecture and those listed; moby's map gives those that go with the native one.</summary>
    private List<SeccompArchitecture> Architectures(JsonItem? listed, JsonItem? map)
    {
        var all = new List<SeccompArchitecture> { _context.Native };
        if (listed is not null && IsGiven(listed) && Expect(listed, JsonTokenType.StartArray, "architectures", "an array"))
            foreach (JsonItem item in listed.Items)
                AddArchitecture(all, item);
        if (map is null || !IsGiven(map) || !Expect(map, JsonTokenType.StartArray, "archMap", "an array"))
            return all;
        foreach (JsonItem entry in map.Items)
        {
            JsonItem? main = entry.Members.Find(member => member.Key == "architecture").Value;
            JsonItem? sub = entry.Members.Find(member => member.Key == "subArchitectures").Value;
            if (main is not null && SeccompArchitectures.Parse(main.Text) == _context.Native && sub is not null)
                foreach (JsonItem item in sub.Items)
                    AddArchitecture(all, item);
        }
        return all;
    }

    private void AddArchitecture(List<SeccompArchitecture> all, JsonItem item)
    {
        if (SeccompArchitectures.Parse(item.Text) is not { } architecture)
            Say(DiagnosticTable.SeccompUnsupportedArchitecture.At(item.Span, item.Text));
        else if (!all.Contains(architecture))
            all.Add(architecture);
    }

    private SeccompAction? Action(JsonItem item, JsonItem? errno)
    {
        string name = item.Text.StartsWith("SCMP_ACT_", StringComparison.Ordinal) ? item.Text["SCMP_ACT_".Length..] : item.Text;
        SeccompActionKind? kind = name switch
        {
            "KILL" or "KILL_THREAD" => SeccompActionKind.KillThread,
            "KILL_PROCESS" => SeccompActionKind.KillProcess,
            "TRAP" => SeccompActionKind.Trap,
            "ERRNO" => SeccompActionKind.Errno,
            "TRACE" => SeccompActionKind.Trace,
            "ALLOW" => SeccompActionKind.Allow,
            "LOG" => SeccompActionKind.Log,
            "NOTIFY" => SeccompActionKind.UserNotif,
            _ => null,
        };
        if (kind is not { } known || name == item.Text)
        {
            string? near = Nearest.To(item.Text, ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY"]);
            Say(DiagnosticTable.SeccompUnknownAction.AtWithHint(item.Span, near is null ? null : $"did you mean {near}?", item.Text));
            return null;
        }
        bool carries = known is SeccompActionKind.Errno or SeccompActionKind.Trace;
        if (errno is null || !IsGiven(errno))
            return new SeccompAction(known, carries ? SeccompAction.Eperm : 0);
        if (!carries)
        {
            Say(DiagnosticTable.SeccompErrnoUnused.At(errno.Span, item.Text));
            return null;
        }
        if (Number(errno, "errnoRet") is not { } number)
            return null;
        if (number > (ulong)(known == SeccompActionKind.Errno ? SeccompAction.ErrnoMax : ushort.MaxValue))
        {
            Say(DiagnosticTable.SeccompErrnoRange.At(errno.Span, number));
            return null;
        }
        return new SeccompAction(known, (int)number);
    }

    private ulong? Number(JsonItem item, string what)
    {
        if (item.Kind == JsonTokenType.Number && ulong.TryParse(item.Text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
            return value;
        Say(DiagnosticTable.SeccompJsonType.At(item.Span, what, "a whole number of at most 64 bits"));
        return null;
    }

    private bool Expect(JsonItem item, JsonTokenType kind, string what, string form)
    {
        if (item.Kind == kind)
            return true;
        Say(DiagnosticTable.SeccompJsonType.At(item.Span, what, form));
        return false;
    }

    private static bool IsGiven(JsonItem item) => item.Kind != JsonTokenType.Null;

    private static string? NearKey(string key, string[] known) => Nearest.To(key, known) is { } near ? $"did you mean {near}?" : null;

    private void Say(Diagnostic diagnostic)
    {
        if (_diagnostics.Count < Isa.Limits.DiagnosticsMax)
            _diagnostics.Add(diagnostic);
    }
}
