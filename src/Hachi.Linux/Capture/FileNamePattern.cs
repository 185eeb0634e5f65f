using System.Globalization;
using System.Text;

namespace Hachi.Linux.Capture;

/// <summary>File names with the time in them: the conversions of strftime(3) that are the same in every language.</summary>
internal static class FileNamePattern
{
    private static readonly string[] s_days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

    private static readonly string[] s_months =
        ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

    /// <summary>The name at a time. A conversion that is not known stays as it is.</summary>
    public static string Format(string pattern, DateTimeOffset time)
    {
        var name = new StringBuilder(pattern.Length + 16);
        for (int i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] != '%' || i + 1 == pattern.Length)
                name.Append(pattern[i]);
            else if (Convert(pattern[++i], time) is { } text)
                name.Append(text);
            else
                name.Append('%').Append(pattern[i]);
        }
        return name.ToString();
    }

    private static string? Convert(char conversion, DateTimeOffset time) => conversion switch
    {
        '%' => "%",
        'a' => s_days[(int)time.DayOfWeek][..3],
        'A' => s_days[(int)time.DayOfWeek],
        'b' or 'h' => s_months[time.Month - 1][..3],
        'B' => s_months[time.Month - 1],
        'd' => Digits(time.Day, 2),
        'D' => Format("%m/%d/%y", time),
        'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
        'F' => Format("%Y-%m-%d", time),
        'H' => Digits(time.Hour, 2),
        'I' => Digits((time.Hour + 11) % 12 + 1, 2),
        'j' => Digits(time.DayOfYear, 3),
        'm' => Digits(time.Month, 2),
        'M' => Digits(time.Minute, 2),
        'p' => time.Hour < 12 ? "AM" : "PM",
        'R' => Format("%H:%M", time),
        's' => time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        'S' => Digits(time.Second, 2),
        'T' => Format("%H:%M:%S", time),
        'u' => Digits((int)time.DayOfWeek == 0 ? 7 : (int)time.DayOfWeek, 1),
        'w' => Digits((int)time.DayOfWeek, 1),
        'y' => Digits(time.Year % 100, 2),
        'Y' => Digits(time.Year, 4),
        'z' => (time.Offset < TimeSpan.Zero ? "-" : "+") + Digits(Math.Abs((int)time.Offset.TotalMinutes) / 60, 2) + Digits(Math.Abs((int)time.Offset.TotalMinutes) % 60, 2),
        _ => null,
    };

    private static string Digits(int value, int width) => value.ToString(CultureInfo.InvariantCulture).PadLeft(width, '0');
}
