namespace Hachi.Text;

/// <summary>How grave a <see cref="Diagnostic"/> is.</summary>
public enum Severity
{
    /// <summary>Worth knowing; nothing is wrong.</summary>
    Info,

    /// <summary>Accepted, but probably not what was meant.</summary>
    Warning,

    /// <summary>The input is refused.</summary>
    Error,
}

/// <summary>
/// What a compiler or reader has to say about its input: an id of <see cref="DiagnosticTable"/>, the message, the place, at most one hint.
/// Bad input yields these; it never throws.
/// </summary>
/// <param name="Id">Stable id, for example <c>HF0001</c>; <c>hachi explain error ID</c> tells more.</param>
/// <param name="Severity">How grave it is.</param>
/// <param name="Message">One sentence without a final full stop. For capture filters, libpcap's text where libpcap has one.</param>
/// <param name="Span">The place in the source text.</param>
/// <param name="Hint">One suggestion, or null.</param>
public sealed record Diagnostic(string Id, Severity Severity, string Message, TextSpan Span, string? Hint = null);
