namespace Hachi.Cli.Capture;

/// <summary>Options that people know from tcpdump and its kin, and what is written for them here.</summary>
internal static class OtherTools
{
    /// <summary>A hint for an option that a verb does not have, or null.</summary>
    public static string? Hint(string verb, string option) => (verb, option) switch
    {
        ("filter", "-r") => "captures are arguments: hachi filter EXPR FILE",
        ("filter" or "compile", "-i") => "hachi capture -i IF EXPR listens on an interface",
        ("filter" or "compile" or "capture", "-d" or "-dd" or "-ddd") => $"hachi compile EXPR --to {option[1..]} prints the program",
        ("filter" or "compile", "-O") => "hachi compile EXPR -O0 leaves the program as it is lowered",
        ("filter" or "compile", "-F") => "give the file's text as the expression: \"$(cat FILE)\"",
        ("filter", "-n" or "-nn") => "leave it out: addresses and ports are always printed as numbers",
        ("filter", "-e" or "-v" or "-vv" or "-A" or "-X" or "-x" or "-XX" or "-xx") => "only the line of a packet is printed; write the packets with -w - and pipe them into a dissector",
        ("filter", "-s") => "packets are written whole; hachi capture -s cuts them while they are captured",
        ("compile", "-y") => "the link type is said with --link",
        ("trace", "-d") => "hachi trace --print shows the program",
        _ => null,
    };
}
