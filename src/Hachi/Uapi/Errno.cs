using System.Globalization;

namespace Hachi.Uapi;

/// <summary>Names of error numbers, of <see cref="ErrorNumber"/>.</summary>
public static class Errno
{
    private static readonly Dictionary<string, int> s_numbers = Numbers();

    /// <summary>The names.</summary>
    public static IReadOnlyCollection<string> Names => s_numbers.Keys;

    /// <summary>The name, or the number in digits where it has none.</summary>
    public static string Name(int number) => Enum.GetName((ErrorNumber)number) ?? number.ToString(CultureInfo.InvariantCulture);

    /// <summary>The number of a name, or null.</summary>
    public static int? Number(string name) => s_numbers.TryGetValue(name, out int number) ? number : null;

    private static Dictionary<string, int> Numbers()
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal) { ["EWOULDBLOCK"] = (int)ErrorNumber.EAGAIN, ["EDEADLOCK"] = (int)ErrorNumber.EDEADLK, ["ENOTSUP"] = (int)ErrorNumber.EOPNOTSUPP };
        foreach (ErrorNumber number in Enum.GetValues<ErrorNumber>())
            numbers[number.ToString()] = (int)number;
        return numbers;
    }
}
