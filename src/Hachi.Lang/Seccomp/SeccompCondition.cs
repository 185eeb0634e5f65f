using System.Globalization;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp;

/// <summary>How an argument is compared; unsigned. The names of the OCI runtime specification stand behind (<c>SCMP_CMP_*</c>).</summary>
public enum SeccompOperator : byte
{
    /// <summary>The argument differs (<c>NE</c>).</summary>
    NotEqual,

    /// <summary>It is less (<c>LT</c>).</summary>
    Less,

    /// <summary>It is less or equal (<c>LE</c>).</summary>
    LessOrEqual,

    /// <summary>It is equal (<c>EQ</c>).</summary>
    Equal,

    /// <summary>It is greater or equal (<c>GE</c>).</summary>
    GreaterOrEqual,

    /// <summary>It is greater (<c>GT</c>).</summary>
    Greater,

    /// <summary>It is equal under a mask (<c>MASKED_EQ</c>).</summary>
    MaskedEqual,

    /// <summary>It differs under a mask; profiles of the OCI runtime specification cannot say this.</summary>
    MaskedNotEqual,
}

/// <summary>A test of one argument.</summary>
/// <param name="Index">Which argument, from 0.</param>
/// <param name="Operator">The comparison.</param>
/// <param name="Value">What it is compared with.</param>
/// <param name="Mask">Of <see cref="SeccompOperator.MaskedEqual"/> and its opposite: the bits that are compared; all, for the others.</param>
/// <param name="IsWord">Whether only the lower 32 bits of the argument count, as for an <c>int</c>.</param>
public readonly record struct SeccompCondition(int Index, SeccompOperator Operator, ulong Value, ulong Mask = ulong.MaxValue, bool IsWord = false)
{
    /// <summary>
    /// The condition for an argument of a type: of one that the kernel takes as 32 bits only these count, and a number that is the sign extension of 32 bits
    /// (as C's -1) means these.
    /// </summary>
    public SeccompCondition ForWidth(bool isWord) => this with { IsWord = isWord, Value = isWord ? Narrow(Value) : Value, Mask = isWord ? Mask & uint.MaxValue : Mask };

    /// <summary>Whether it holds.</summary>
    public bool Holds(in SeccompData data)
    {
        ulong argument = data.Arguments[Index];
        if (IsWord)
            argument &= uint.MaxValue;
        return Operator switch
        {
            SeccompOperator.NotEqual => argument != Value,
            SeccompOperator.Less => argument < Value,
            SeccompOperator.LessOrEqual => argument <= Value,
            SeccompOperator.Equal => argument == Value,
            SeccompOperator.GreaterOrEqual => argument >= Value,
            SeccompOperator.Greater => argument > Value,
            SeccompOperator.MaskedNotEqual => (argument & Mask) != Value,
            _ => (argument & Mask) == Value,
        };
    }

    /// <summary>The condition in words: <c>family == 0x28</c>.</summary>
    public string Print(SyscallInfo? call)
    {
        string name = call?.Arguments is { } arguments && Index < arguments.Count ? arguments[Index].Name : string.Create(CultureInfo.InvariantCulture, $"arg{Index}");
        string value = Value < 10 ? Value.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"0x{Value:x}");
        return Operator switch
        {
            SeccompOperator.NotEqual => $"{name} != {value}",
            SeccompOperator.Less => $"{name} < {value}",
            SeccompOperator.LessOrEqual => $"{name} <= {value}",
            SeccompOperator.Equal => $"{name} == {value}",
            SeccompOperator.GreaterOrEqual => $"{name} >= {value}",
            SeccompOperator.Greater => $"{name} > {value}",
            SeccompOperator.MaskedNotEqual => string.Create(CultureInfo.InvariantCulture, $"{name} & 0x{Mask:x} != {value}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{name} & 0x{Mask:x} == {value}"),
        };
    }

    private static ulong Narrow(ulong value) => value >> 31 == uint.MaxValue * 2UL + 1 ? (uint)value : value;
}
