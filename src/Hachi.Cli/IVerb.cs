using System.CommandLine;

namespace Hachi.Cli;

/// <summary>
/// One verb of the command line, in one file of <c>Verbs/</c>. To add one: write <c>XVerb.cs</c>, add one line to <see cref="VerbList"/>.
/// A verb parses, calls the libraries and prints; logic stands in the libraries.
/// </summary>
internal interface IVerb
{
    /// <summary>The word that is typed.</summary>
    string Name { get; }

    /// <summary>One line for the list of verbs: starts with a verb, no full stop.</summary>
    string Summary { get; }

    /// <summary>The forms, a line each, without <c>hachi</c>: <c>filter EXPR [FILE...] [-w OUT]</c>.</summary>
    string Usage { get; }

    /// <summary>Lines for the end of the help: commands that work as they stand, each followed by two spaces or more and what it does.</summary>
    string Examples { get; }

    /// <summary>Paragraphs for the help between the usage and the options, or null.</summary>
    string? About => null;

    /// <summary>Adds arguments, options and subcommands to the command, and sets its action (<c>command.SetAction(parse => status)</c>).</summary>
    void Build(Command command, Shell shell);
}
