using Hachi.Lang.Pcap.Syntax;

namespace Hachi.Lang.Pcap.Gen.Facts;

/// <summary>Qualifiers as they are written, for messages.</summary>
internal static class QualifierWords
{
    public static string Of(FilterProtocol protocol) => protocol switch
    {
        FilterProtocol.Default or FilterProtocol.Undefined => $"<invalid proto {(int)protocol}>",
        _ => protocol.ToString().ToLowerInvariant(),
    };

    public static string Of(FilterDirection direction) => direction switch
    {
        FilterDirection.Or => "src or dst",
        FilterDirection.And => "src and dst",
        FilterDirection.Default or FilterDirection.Undefined => $"<invalid dir {(int)direction}>",
        _ => direction.ToString().ToLowerInvariant(),
    };

    public static string Of(FilterType type) => type switch
    {
        FilterType.Default or FilterType.Undefined => $"<invalid type {(int)type}>",
        _ => type.ToString().ToLowerInvariant(),
    };
}
