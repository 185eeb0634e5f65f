namespace Hachi.Linux.Symbols;

/// <summary>
/// Names of methods as a .NET runtime writes them into a perf map: <c>instance void [Assembly] Namespace.Type::Method(class [X]Y,int32)[Tier]</c>. People know them by type and method; how they were
/// compiled stays, since it tells one body of a method from another.
/// </summary>
internal static class DotnetName
{
    /// <summary>Type, method and tier: <c>Namespace.Type::Method[Tier]</c>; a name of another form stays as it is.</summary>
    public static string Short(string name)
    {
        int colons = name.LastIndexOf("::", StringComparison.Ordinal), tier = name.LastIndexOf('[');
        if (colons < 0 || tier < colons || !name.EndsWith(']'))
            return name;
        int parenthesis = name.IndexOf('(', colons);
        // Of types with arguments the name holds "::" too, and blanks in front of their assemblies: the type begins behind the last "] " that no bracket is open around.
        ReadOnlySpan<char> left = name.AsSpan(0, parenthesis < 0 ? tier : parenthesis);
        int start = 0, depth = 0;
        for (int i = 0; i + 1 < left.Length; i++)
        {
            depth += left[i] is '<' ? 1 : left[i] is '>' && depth > 0 ? -1 : 0;
            if (left[i] == ']' && left[i + 1] == ' ' && depth == 0)
                start = i + 2;
        }
        return start == 0 ? name : string.Concat(left[start..], name.AsSpan(tier));
    }
}
