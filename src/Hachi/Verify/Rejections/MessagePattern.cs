namespace Hachi.Verify.Rejections;

/// <summary>
/// What a message of the kernel must contain: literal text without regard to case, <c>{n}</c> for a number with its sign, <c>{w}</c> for a word (letters, digits, low lines).
/// Linear but for the few letters of one word, so that a hostile log costs no more than its length.
/// </summary>
internal sealed class MessagePattern
{
    private const int WordLengthMax = 64;

    private readonly List<string> _pieces = [];

    public MessagePattern(string text)
    {
        Text = text;
        for (int at = 0; at < text.Length;)
        {
            int brace = text.IndexOf('{', at);
            int end = brace < 0 ? text.Length : brace == at ? at + 3 : brace;
            string piece = text[at..end];
            _pieces.Add(piece);
            if (piece[0] != '{')
                Weight += piece.Length;
            at = end;
        }
    }

    /// <summary>As it is written in the table.</summary>
    public string Text { get; }

    /// <summary>Letters of literal text: of two patterns that match, the one with more says more.</summary>
    public int Weight { get; }

    /// <summary>Whether the line contains it.</summary>
    public bool IsIn(ReadOnlySpan<char> line)
    {
        for (int at = 0; at <= line.Length; at++)
        {
            if (_pieces[0][0] != '{')
            {
                int found = line[at..].IndexOf(_pieces[0], StringComparison.OrdinalIgnoreCase);
                if (found < 0)
                    return false;
                at += found;
            }
            if (Matches(0, line[at..]))
                return true;
        }
        return false;
    }

    // As deep as the pattern has pieces.
    private bool Matches(int index, ReadOnlySpan<char> rest)
    {
        if (index == _pieces.Count)
            return true;
        string piece = _pieces[index];
        if (piece[0] != '{')
            return rest.StartsWith(piece, StringComparison.OrdinalIgnoreCase) && Matches(index + 1, rest[piece.Length..]);
        int length = piece == "{n}" ? NumberLength(rest) : WordLength(rest);
        for (; length > 0; length--)
            if (Matches(index + 1, rest[length..]))
                return true;
        return false;
    }

    private static int NumberLength(ReadOnlySpan<char> text)
    {
        int length = text.StartsWith("-") ? 1 : 0;
        while (length < text.Length && length < WordLengthMax && char.IsAsciiDigit(text[length]))
            length++;
        return length == 1 && text[0] == '-' ? 0 : length;
    }

    private static int WordLength(ReadOnlySpan<char> text)
    {
        int length = 0;
        while (length < text.Length && length < WordLengthMax && (char.IsAsciiLetterOrDigit(text[length]) || text[length] == '_'))
            length++;
        return length;
    }
}
