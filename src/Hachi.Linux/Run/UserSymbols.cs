using System.Globalization;

namespace Hachi.Linux.Run;

/// <summary>Places in a running process: which file is mapped there. Names of functions come with the room of symbols.</summary>
internal static class UserSymbols
{
    /// <summary>The place's name, or null.</summary>
    public static string? Find(ulong address, int pid, bool withOffset)
    {
        try
        {
            foreach (string line in File.ReadLines($"/proc/{pid}/maps"))
                if (Region(line, out ulong start, out ulong end) && address >= start && address < end)
                {
                    string file = line.Length > 73 ? line[73..].Trim() : "";
                    return file.Length == 0 ? null : withOffset ? $"{Path.GetFileName(file)}+{address - start}" : null;
                }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
        return null;
    }

    private static bool Region(string line, out ulong start, out ulong end)
    {
        end = start = 0;
        int dash = line.IndexOf('-'), space = line.IndexOf(' ');
        return dash > 0 && space > dash && ulong.TryParse(line.AsSpan(0, dash), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out start)
            && ulong.TryParse(line.AsSpan(dash + 1, space - dash - 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out end);
    }
}
