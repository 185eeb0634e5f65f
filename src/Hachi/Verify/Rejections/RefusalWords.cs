using System.Globalization;
using Hachi.Uapi;

namespace Hachi.Verify.Rejections;

/// <summary>What a message means in its very case, in plain words, from the numbers that it has and from what was known.</summary>
internal static class RefusalWords
{
    private const int StackBytes = 512;

    /// <summary>The sentence, or null.</summary>
    public static string? Of(Rejection rejection, LogState state)
    {
        string message = rejection.Message;
        return rejection.Reason.Id switch
        {
            "packet-bounds" => Packet(message, rejection),
            "map-null" => MaybeNull(rejection, state),
            "scalar-deref" => First(rejection) is { } register ? $"{Lower(register.Name)} is {Words(register)}, and the instruction uses it as an address." : null,
            "map-value-oob" => Outside(rejection),
            "stack-512" => Stack(message),
            "stack-indirect" => Stack(message),
            "unbounded-ptr" or "size-negative" => Unbounded(rejection),
            "uninit-reg" => Uninitialised(rejection, state),
            "arg-type" or "callback" => Argument(rejection),
            "retcode" => Result(message),
            "ref-leak" => Leak(message, state),
            "helper-not-allowed" => Helper(message),
            "map-func" => Map(message),
            "last-insn" => Jump(message),
            "ctx-access" => Context(message),
            "align" => rejection.Insn.Length > 0 && NumberBehind(message, "size ") is { } size ? $"An access of {size} bytes must begin at a multiple of {size}." : null,
            "too-large" => rejection.Slot is { } slot ? $"It was at instruction {slot} when it gave up: look for the loop around it." : null,
            _ => null,
        };
    }

    /// <summary>The number at a place in a text, or null.</summary>
    public static long? NumberAt(string text, int at)
    {
        int end = at;
        if (end < text.Length && text[end] == '-')
            end++;
        while (end < text.Length && char.IsAsciiDigit(text[end]))
            end++;
        return long.TryParse(text.AsSpan(at, end - at), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : null;
    }

    private static long? NumberBehind(string text, string word)
    {
        int at = text.IndexOf(word, StringComparison.Ordinal);
        return at < 0 ? null : NumberAt(text, at + word.Length);
    }

    private static RegisterState? First(Rejection rejection) => rejection.Registers.IsEmpty ? null : rejection.Registers[0];

    private static string Words(RegisterState register) => register.State.Length > 0 ? register.Words : "no pointer any more";

    // What moves the pointer says more than the pointer.
    private static string? Unbounded(Rejection rejection)
    {
        RegisterState register = rejection.Registers.FirstOrDefault(each => each.Words.Contains("number", StringComparison.Ordinal));
        register = register.Name is null && First(rejection) is { } first ? first : register;
        return register.Name is null || register.State.Length == 0 ? null : $"{Lower(register.Name)} is {register.Words}.";
    }

    private static string Lower(string register) => register.ToLowerInvariant();

    private static string? Packet(string message, Rejection rejection)
    {
        if (NumberBehind(message, "off=") is not { } offset || NumberBehind(message, "size=") is not { } size || size <= 0)
            return null;
        string bytes = size == 1 ? $"byte {offset}" : $"bytes {offset} to {offset + size - 1}";
        string proven = NumberBehind(message, "r=") switch
        {
            null => "",
            0 => " on this path no comparison with data_end has proven any byte",
            1 => " this path has proven 1 byte",
            { } count => $" this path has proven {count} bytes",
        };
        bool isVariable = message.Contains("(id=", StringComparison.Ordinal) && NumberBehind(message, "(id=") is not 0;
        string from = isVariable ? ", counted from a pointer that was moved by a variable" : "";
        return $"The access needs {bytes} of the packet{from};{proven}.";
    }

    private static string? MaybeNull(Rejection rejection, LogState state)
    {
        if (First(rejection) is not { } register)
            return null;
        string origin = register.Name == "R0" && state.LastCall >= 0 && state.CalleeAt(state.LastCall) is { } callee ? $": it comes from {callee} at {state.LastCall}" : "";
        string words = register.State.Length > 0 ? register.Words : "a pointer, or null";
        return $"{Lower(register.Name)} is {words}{origin}, and this path has not compared it with 0.";
    }

    private static string? Outside(Rejection rejection)
    {
        string line = rejection.Lines.FirstOrDefault(line => line.Contains("_size=", StringComparison.Ordinal)) ?? rejection.Message;
        if (NumberBehind(line, "off=") is not { } offset || NumberBehind(line, " size=") is not { } size || NumberBehind(line, "_size=") is not { } whole)
            return First(rejection) is { State.Length: > 0 } register ? $"{Lower(register.Name)} is {register.Words}." : null;
        string bytes = size == 1 ? $"byte {offset}" : $"bytes {offset} to {offset + size - 1}";
        string atMost = rejection.Lines.Any(each => each.Contains("max value is outside", StringComparison.Ordinal)) ? "As far as the verifier knows, it may touch" : "It touches";
        return $"{atMost} {bytes}; there are {whole}, 0 to {whole - 1}.";
    }

    private static string? Stack(string message)
    {
        if (NumberBehind(message, "combined stack size of ") is { } calls && NumberBehind(message, "calls is ") is { } sum)
            return $"{calls} nested functions need {sum} bytes together; there are {StackBytes}.";
        if (NumberBehind(message, "off=") is not { } offset || NumberBehind(message, "size=") is not { } size || size <= 0)
            return null;
        long last = offset + size - 1;
        return offset >= -StackBytes && last < 0 ? null : $"Bytes {offset} to {last} from the frame pointer: the stack is -{StackBytes} to -1.";
    }

    private static string? Uninitialised(Rejection rejection, LogState state)
    {
        if (First(rejection) is not { } register)
            return null;
        string name = Lower(register.Name);
        if (name == "r0" && rejection.Insn == "exit")
            return "The program ends here, and on this path nothing was put into r0, its result.";
        if (name is "r1" or "r2" or "r3" or "r4" or "r5" && state.LastCall >= 0)
            return $"The call at {state.LastCall} destroyed {name}, as every call does with r1 to r5.";
        if (name == "r6" && rejection.Insn.Contains("skb", StringComparison.Ordinal))
            return "Loads of this kind expect the context in r6, and nothing was put there.";
        return $"Nothing was written to {name} on this path.";
    }

    private static string? Argument(Rejection rejection)
    {
        string message = rejection.Message;
        int type = message.IndexOf("type=", StringComparison.Ordinal), expected = message.IndexOf(" expected=", StringComparison.Ordinal);
        if (type < 0 || expected < type || First(rejection) is not { } register)
            return null;
        string found = register.State.Length > 0 ? register.Words : StateWords.Kind(message[(type + 5)..expected]);
        string[] kinds = message[(expected + 10)..].Split(", ", StringSplitOptions.RemoveEmptyEntries);
        string wanted = kinds.Length > 3
            ? "an address of memory (stack, packet, map value, ...)"
            : string.Join(" or ", kinds.Select(StateWords.Kind).Distinct());
        string callee = rejection.Insn.StartsWith("call ", StringComparison.Ordinal) ? $" of {Bare(rejection.Insn[5..])}" : "";
        return $"Argument {register.Name[1..]}{callee} is {found}; it must be {wanted}.";
    }

    private static string? Result(string message)
    {
        if (NumberBehind(message, "smin=") is not { } least || NumberBehind(message, "smax=") is not { } most)
            return null;
        int at = message.IndexOf("been in ", StringComparison.Ordinal);
        string allowed = at < 0 ? "" : $"; allowed are {message[(at + 8)..].Trim('[', ']').Replace(", ", " to ", StringComparison.Ordinal)}";
        return (least == most ? $"The result is {least}" : $"The result may be anything from {least} to {most}") + allowed + ".";
    }

    private static string? Leak(string message, LogState state) => NumberBehind(message, "alloc_insn=") is not { } slot
        ? null
        : state.CalleeAt((int)Math.Clamp(slot, 0, int.MaxValue)) is { } callee ? $"What {callee} handed out at {slot} is still held." : $"What was acquired at {slot} is still held.";

    private static string? Helper(string message)
    {
        int at = message.IndexOf("unknown#", StringComparison.Ordinal);
        if (at < 0 || NumberAt(message, at + 8) is not { } id)
            return null;
        return HelperTable.Find((int)Math.Clamp(id, 0, int.MaxValue)) is { } helper
            ? $"Number {id} is {helper.Name}: this kernel is older than the helper."
            : $"There is no helper with the number {id}.";
    }

    private static string? Map(string message) => NumberBehind(message, "map_type ") is not { } type || !Enum.IsDefined((MapType)type)
        ? null
        : $"The map is of type {(MapType)type}.";

    private static string? Jump(string message) => NumberBehind(message, "from insn ") is { } from && NumberBehind(message, " to ") is { } to
        ? $"The jump at {from} goes to {to}, outside its function."
        : null;

    private static string? Context(string message) => NumberBehind(message, "off=") is { } offset && NumberBehind(message, "size=") is { } size
        ? $"{size} bytes at offset {offset} of the context: no field there that this program may use so."
        : null;

    // "bpf_map_lookup_elem#1" without its number.
    private static string Bare(string callee)
    {
        int mark = callee.IndexOf('#');
        return mark < 0 ? callee : callee[..mark];
    }
}
