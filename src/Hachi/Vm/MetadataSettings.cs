using System.Globalization;
using Hachi.Captures;
using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Vm;

/// <summary>Values for the Linux packet extensions that a user gives (<c>--meta mark=7,vlan_tci=100</c>) and that stand above what a capture records.</summary>
public sealed class MetadataSettings
{
    private readonly List<(uint Extension, uint Value)> _values = [];

    /// <summary>The values, in the order in which they were given; a later one wins.</summary>
    public IReadOnlyList<(uint Extension, uint Value)> Values => _values;

    /// <summary>Reads <c>name=value,…</c>: names are bpf_asm's (mark, vlan_tci, ifidx, …), numbers decimal or 0x….</summary>
    /// <param name="text">The text.</param>
    /// <param name="diagnostic">What is wrong with it, when the result is null.</param>
    public static MetadataSettings? Parse(string text, out Diagnostic? diagnostic)
    {
        ArgumentNullException.ThrowIfNull(text);
        var settings = new MetadataSettings();
        diagnostic = null;
        int start = 0;
        foreach (Range range in text.AsSpan().Split(','))
        {
            ReadOnlySpan<char> item = text.AsSpan()[range];
            start = range.Start.GetOffset(text.Length);
            int equals = item.IndexOf('=');
            ReadOnlySpan<char> name = (equals < 0 ? item : item[..equals]).Trim();
            if (ClassicTable.FindExtension(name) is not { } extension || !IsSettable(extension.Offset))
            {
                diagnostic = DiagnosticTable.MetadataName.At(new TextSpan(start, equals < 0 ? item.Length : equals), name.ToString());
                return null;
            }
            ReadOnlySpan<char> number = equals < 0 ? "1" : item[(equals + 1)..].Trim();
            if (!TryNumber(number, out uint value))
            {
                diagnostic = DiagnosticTable.MetadataValue.At(new TextSpan(start + equals + 1, item.Length - equals - 1), number.ToString());
                return null;
            }
            settings._values.Add((extension.Offset, value));
        }
        return settings;
    }

    /// <summary>Puts the values into a packet's metadata.</summary>
    public void Apply(ref PacketMetadata metadata)
    {
        foreach ((uint extension, uint value) in _values)
            metadata.TrySet(extension, value);
    }

    /// <summary>What is computed from the packet (poff, nla, nlan) cannot be set.</summary>
    private static bool IsSettable(uint extension) => extension is not (Extension.PayOff or Extension.Nla or Extension.NlaNest or Extension.AluXorX);

    private static bool TryNumber(ReadOnlySpan<char> text, out uint value) => text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? uint.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
        : uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
