using System.Text.Json;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Oci;

// The entries of "syscalls": names, action, conditions, and moby's filters on capabilities, architectures and the kernel.
public sealed partial class OciProfile
{
    private static readonly string[] s_callKeys = ["names", "name", "action", "errnoRet", "args", "includes", "excludes", "comment"];

    private void ReadCall(JsonItem item, List<PolicyStatement> statements)
    {
        if (!Expect(item, JsonTokenType.StartObject, "an entry of syscalls", "an object"))
            return;
        JsonItem? action = null, errno = null, arguments = null;
        var names = new List<(string, TextSpan)>();
        bool applies = true;
        foreach ((string key, TextSpan span, JsonItem value) in item.Members)
        {
            switch (key)
            {
                case "names" when IsGiven(value) && Expect(value, JsonTokenType.StartArray, "names", "an array"):
                    foreach (JsonItem name in value.Items)
                        AddName(names, name);
                    break;
                case "name" when value.Text.Length > 0: AddName(names, value); break;
                case "action": action = value; break;
                case "errnoRet": errno = value; break;
                case "args": arguments = value; break;
                case "includes" when IsGiven(value): applies &= Includes(value); break;
                case "excludes" when IsGiven(value): applies &= !Excludes(value); break;
                case "comment" or "name" or "names" or "includes" or "excludes": break;
                default: Say(DiagnosticTable.SeccompUnknownKey.AtWithHint(span, NearKey(key, s_callKeys), key)); break;
            }
        }
        if (action is null)
        {
            Say(DiagnosticTable.SeccompMissingKey.At(item.Span, "action"));
            return;
        }
        SeccompAction? decided = Action(action, errno);
        List<ConditionText>? conditions = Conditions(arguments);
        if (decided is not { } known || conditions is null || !applies)
            return;
        if (known.Kind == SeccompActionKind.UserNotif && names.Exists(name => name.Item1 == "write"))
            Say(DiagnosticTable.SeccompNotifyPlace.At(action.Span, "the action of write"));
        statements.Add(new PolicyStatement(names, known, conditions, item.Span));
    }

    private void AddName(List<(string, TextSpan)> names, JsonItem item)
    {
        if (Expect(item, JsonTokenType.String, "the name of a system call", "a string"))
            names.Add((item.Text, item.Span));
    }

    private List<ConditionText>? Conditions(JsonItem? arguments)
    {
        var conditions = new List<ConditionText>();
        if (arguments is null || !IsGiven(arguments))
            return conditions;
        if (!Expect(arguments, JsonTokenType.StartArray, "args", "an array"))
            return null;
        foreach (JsonItem item in arguments.Items)
        {
            if (!Expect(item, JsonTokenType.StartObject, "an entry of args", "an object") || Condition(item) is not { } condition)
                return null;
            conditions.Add(condition);
        }
        return conditions;
    }

    private ConditionText? Condition(JsonItem item)
    {
        ulong index = 0, value = 0, second = 0;
        JsonItem? word = null;
        bool failed = false;
        foreach ((string key, TextSpan span, JsonItem member) in item.Members)
        {
            ulong? number = key is "index" or "value" or "valueTwo" ? Number(member, key) : 0;
            failed |= number is null;
            switch (key)
            {
                case "index": index = number ?? 0; break;
                case "value": value = number ?? 0; break;
                case "valueTwo": second = number ?? 0; break;
                case "op": word = member; break;
                default: Say(DiagnosticTable.SeccompUnknownKey.AtWithHint(span, NearKey(key, ["index", "value", "valueTwo", "op"]), key)); break;
            }
        }
        if (word is null)
        {
            Say(DiagnosticTable.SeccompMissingKey.At(item.Span, "op"));
            return null;
        }
        if (index >= SeccompData.ArgumentsMax)
        {
            Say(DiagnosticTable.SeccompArgumentCount.At(item.Span, "a system call", "six arguments", index));
            return null;
        }
        SeccompOperator? op = word.Text switch
        {
            "SCMP_CMP_NE" => SeccompOperator.NotEqual,
            "SCMP_CMP_LT" => SeccompOperator.Less,
            "SCMP_CMP_LE" => SeccompOperator.LessOrEqual,
            "SCMP_CMP_EQ" => SeccompOperator.Equal,
            "SCMP_CMP_GE" => SeccompOperator.GreaterOrEqual,
            "SCMP_CMP_GT" => SeccompOperator.Greater,
            "SCMP_CMP_MASKED_EQ" => SeccompOperator.MaskedEqual,
            _ => null,
        };
        if (op is not { } known)
        {
            string? near = Nearest.To(word.Text, ["SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"]);
            Say(DiagnosticTable.SeccompUnknownOperator.AtWithHint(word.Span, near is null ? null : $"did you mean {near}?", word.Text));
            return null;
        }
        if (failed)
            return null;
        return known == SeccompOperator.MaskedEqual // "value" is the mask
            ? new ConditionText((int)index, null, known, second, value, item.Span)
            : new ConditionText((int)index, null, known, value, ulong.MaxValue, item.Span);
    }

    /// <summary>Whether everything that an entry asks for is there.</summary>
    private bool Includes(JsonItem filter)
    {
        foreach ((string key, _, JsonItem value) in filter.Members)
        {
            if (!IsGiven(value))
                continue;
            if (key == "caps" && value.Items.Exists(cap => !_context.Capabilities.Contains(cap.Text)))
                return false;
            if (key == "arches" && value.Items.Count > 0 && !value.Items.Exists(IsNative))
                return false;
            if (key == "minKernel" && !IsRecent(value))
                return false;
        }
        return true;
    }

    /// <summary>Whether something that an entry must not meet is there.</summary>
    private bool Excludes(JsonItem filter)
    {
        foreach ((string key, _, JsonItem value) in filter.Members)
        {
            if (!IsGiven(value))
                continue;
            if (key == "caps" && value.Items.Exists(cap => _context.Capabilities.Contains(cap.Text)))
                return true;
            if (key == "arches" && value.Items.Exists(IsNative))
                return true;
            if (key == "minKernel" && IsRecent(value))
                return true;
        }
        return false;
    }

    /// <summary>Architectures stand there as Go writes them.</summary>
    private bool IsNative(JsonItem name) => SeccompArchitectures.Parse(name.Text) == _context.Native;

    private bool IsRecent(JsonItem version) =>
        _context.Kernel is not { } kernel || !Version.TryParse(version.Text, out Version? least) || kernel >= least;
}
