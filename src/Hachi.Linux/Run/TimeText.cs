using System.Globalization;
using System.Text;

namespace Hachi.Linux.Run;

/// <summary>Times by a format of strftime(3); <c>%f</c> stands for microseconds.</summary>
internal static class TimeText
{
    public static string Format(string format, DateTime time, ulong nanoseconds)
    {
        var text = new StringBuilder();
        CultureInfo plain = CultureInfo.InvariantCulture;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 >= format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            text.Append(format[++i] switch
            {
                'H' => time.ToString("HH", plain),
                'I' => time.ToString("hh", plain),
                'M' => time.ToString("mm", plain),
                'S' => time.ToString("ss", plain),
                'Y' => time.ToString("yyyy", plain),
                'y' => time.ToString("yy", plain),
                'm' => time.ToString("MM", plain),
                'd' => time.ToString("dd", plain),
                'e' => time.Day.ToString(plain).PadLeft(2),
                'j' => time.DayOfYear.ToString("000", plain),
                'a' => time.ToString("ddd", plain),
                'A' => time.ToString("dddd", plain),
                'b' or 'h' => time.ToString("MMM", plain),
                'B' => time.ToString("MMMM", plain),
                'p' => time.ToString("tt", plain),
                'T' => time.ToString("HH:mm:ss", plain),
                'R' => time.ToString("HH:mm", plain),
                'D' => time.ToString("MM/dd/yy", plain),
                'F' => time.ToString("yyyy-MM-dd", plain),
                'f' => (nanoseconds / 1000 % 1_000_000).ToString("000000", plain),
                's' => new DateTimeOffset(time).ToUnixTimeSeconds().ToString(plain),
                'z' => time.ToString("zzz", plain).Replace(":", "", StringComparison.Ordinal),
                'n' => "\n",
                't' => "\t",
                '%' => "%",
                char other => "%" + other,
            });
        }
        return text.ToString();
    }
}
