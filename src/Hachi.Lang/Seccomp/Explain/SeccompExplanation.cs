using System.Globalization;
using Hachi.Isa;
using Hachi.Uapi;
using Hachi.Vm.Seccomp;

namespace Hachi.Lang.Seccomp.Explain;

/// <summary>What a filter does with one call made in one convention.</summary>
/// <param name="Data">The call.</param>
/// <param name="Architecture">The convention.</param>
/// <param name="Call">Its row in the table, or null.</param>
/// <param name="Action">The filter's answer.</param>
/// <param name="Path">Indexes of the instructions that ran.</param>
/// <param name="IsCached">Whether the kernel allows the number without running the filter.</param>
/// <param name="Verdict">The policy's answer with its reason; null when only the filter is known.</param>
/// <param name="Allows">What would have to hold of the arguments for the call to be made, as far as the policy says it; empty when nothing would help.</param>
public sealed record SeccompExplanation(
    SeccompData Data, SeccompArchitecture Architecture, SyscallInfo? Call, SeccompAction Action, IReadOnlyList<int> Path, bool IsCached, SeccompVerdict? Verdict, IReadOnlyList<string> Allows)
{
    /// <summary>Explains a call.</summary>
    public static SeccompExplanation Of(ClassicProgram program, SeccompPolicy? policy, in SeccompData data)
    {
        SeccompArchitecture architecture = SeccompArchitectures.Of(data.Architecture, data.Number) ?? SeccompArchitecture.X86_64;
        uint number = architecture == SeccompArchitecture.X32 ? data.Number & ~SeccompArchitectures.X32Bit : data.Number;
        SyscallInfo? call = number <= int.MaxValue ? SyscallTable.Of(architecture).Find((int)number) : null;
        var path = new List<int>();
        SeccompAction action = SeccompInterpreter.Run(program, data, path);
        var allows = new List<string>();
        int[] telling = [];
        if (policy?.Of(architecture) is { } rules && number <= int.MaxValue && rules.Calls.TryGetValue((int)number, out SeccompCall? ruled))
            foreach (SeccompRule rule in ruled.Rules)
                if (rule.Action.Permits && rule.Conditions.Count > 0)
                {
                    allows.Add(string.Join(" and ", rule.Conditions.Select(condition => condition.Print(call))));
                    if (telling.Length == 0)
                        telling = [.. rule.Conditions.Select(condition => condition.Index).Distinct().Order()];
                }
        return new SeccompExplanation(data, architecture, call, action, path, SeccompCache.IsCached(program, data.Architecture, data.Number), policy?.Decide(data), allows) { Telling = telling };
    }

    /// <summary>The arguments by which the policy tells the calls that it allows from others; empty where it allows none.</summary>
    private int[] Telling { get; init; } = [];

    /// <summary>An entry of an OCI profile's <c>syscalls</c> that allows this call, and as little else as can be told from it; null where a rule has to go first.</summary>
    public string? SuggestedEntry()
    {
        if (!CanBeAdded)
            return null;
        string entry = $"{{\"names\": [\"{Call!.Name}\"], \"action\": \"SCMP_ACT_ALLOW\"";
        if (Telling.Length > 0)
            entry += $", \"args\": [{string.Join(", ", Telling.Select(index => string.Create(CultureInfo.InvariantCulture, $"{{\"index\": {index}, \"value\": {Value(index)}, \"op\": \"SCMP_CMP_EQ\"}}")))}]";
        return entry + "}";
    }

    /// <summary>A line of the policy language that allows this call, and as little else as can be told from it. Where a rule denies the call it belongs in front of that rule;
    /// null where that rule itself has to be changed.</summary>
    public string? SuggestedLine()
    {
        if (Call is null || Verdict is not { Reason: not SeccompReason.OtherArchitecture } verdict)
            return null;
        if (verdict.Rule is { Conditions.Count: 0, IsOfGroup: false })
            return null;
        int[] telling = verdict.Rule is { } rule ? [.. rule.Conditions.Select(condition => condition.Index).Distinct().Order()] : Telling;
        return telling.Length == 0 ? $"allow {Call.Name}" : $"allow {Call.Name}({string.Join(" and ", telling.Select(index => $"{Name(index)} == {Word(index)}"))})";
    }

    private bool CanBeAdded => Call is not null && Verdict is { Reason: not (SeccompReason.Rule or SeccompReason.OtherArchitecture) };

    private bool IsKnown(int index) => Call?.Arguments is { } arguments && index < arguments.Count;

    private string Name(int index) => IsKnown(index) ? Call!.Arguments![index].Name : string.Create(CultureInfo.InvariantCulture, $"arg{index}");

    private ulong Value(int index) => IsKnown(index) && Call!.Arguments![index].Is32Bit ? (uint)Data.Arguments[index] : Data.Arguments[index];

    private string Word(int index)
    {
        ulong value = Value(index);
        if (ArgumentWords.Of(Call!.Name, index, value, Name(index)) is { } word && SyscallWords.Constant(word) == value)
            return word;
        return value < 10 ? string.Create(CultureInfo.InvariantCulture, $"{value}") : string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");
    }

    /// <summary>The call as C would write it, with the names of what its numbers stand for: <c>socket(family = 0x28 AF_VSOCK, type = 1 SOCK_STREAM, protocol = 0)</c>.</summary>
    public static string Print(in SeccompData data)
    {
        if (SeccompArchitectures.Of(data.Architecture, data.Number) is not { } architecture)
            return string.Create(CultureInfo.InvariantCulture, $"call {data.Number} of architecture 0x{data.Architecture:x8}");
        uint number = architecture == SeccompArchitecture.X32 ? data.Number & ~SeccompArchitectures.X32Bit : data.Number;
        SyscallInfo? call = number <= int.MaxValue ? SyscallTable.Of(architecture).Find((int)number) : null;
        int count = call?.Arguments?.Count ?? SeccompData.ArgumentsMax; // what stands in the other registers means nothing
        var arguments = new string[count];
        for (int i = 0; i < count; i++)
        {
            ulong value = data.Arguments[i];
            string name = call?.Arguments is { } known && i < known.Count ? known[i].Name : string.Create(CultureInfo.InvariantCulture, $"arg{i}");
            arguments[i] = value < 10 ? string.Create(CultureInfo.InvariantCulture, $"{name} = {value}") : string.Create(CultureInfo.InvariantCulture, $"{name} = 0x{value:x}");
            if (ArgumentWords.Of(call?.Name, i, call?.Arguments is { } all && i < all.Count && all[i].Is32Bit ? (uint)value : value, name) is { } words)
                arguments[i] += " " + words;
        }
        return string.Create(CultureInfo.InvariantCulture, $"{architecture.Name()} {call?.Name ?? $"call {number}"}({string.Join(", ", arguments)})");
    }
}
