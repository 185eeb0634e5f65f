namespace Hachi.Lang.Trace.Types;

/// <summary>A place in a pattern of <c>globmatch</c>: a character, a set of them, any one (no ranges), or any number of any.</summary>
/// <param name="IsStar">Whether it stands for any number of characters.</param>
/// <param name="IsNot">Whether it stands for what is in none of the ranges.</param>
/// <param name="Key">The ranges as text, by which places are compared.</param>
internal readonly record struct GlobToken(bool IsStar, bool IsNot, string Key)
{
    /// <summary>First and last byte of each range; none: any byte.</summary>
    public IReadOnlyList<(byte From, byte To)> Ranges => [.. Key.Chunk(2).Select(pair => ((byte)pair[0], (byte)pair[1]))];

    /// <summary>The places of a pattern; stars that follow each other are one.</summary>
    public static List<GlobToken> Parse(string pattern)
    {
        var tokens = new List<GlobToken>();
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(pattern);
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '*')
            {
                if (tokens.Count == 0 || !tokens[^1].IsStar)
                    tokens.Add(new GlobToken(true, false, ""));
                continue;
            }
            int close = bytes[i] == '[' ? Array.IndexOf(bytes, (byte)']', Math.Min(bytes.Length, i + 2)) : -1;
            if (bytes[i] == '?' || close < 0)
            {
                tokens.Add(new GlobToken(false, false, bytes[i] == '?' ? "" : new string((char)bytes[i], 2)));
                continue;
            }
            bool isNot = bytes[i + 1] == '!';
            var key = new System.Text.StringBuilder();
            for (int at = i + (isNot ? 2 : 1); at < close; at++)
            {
                bool isRange = at + 2 < close && bytes[at + 1] == '-';
                key.Append((char)bytes[at]).Append((char)bytes[isRange ? at + 2 : at]);
                at += isRange ? 2 : 0;
            }
            tokens.Add(new GlobToken(false, isNot, key.ToString()));
            i = close;
        }
        return tokens;
    }
}
