namespace Hachi.Lang.CSharp;

/// <summary>Marks a static method as an XDP program: <c>static XdpAction Name(ref XdpContext context)</c>.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class XdpAttribute : Attribute
{
}

/// <summary>Marks a static method as a socket filter: <c>static int Name(ref SocketContext context)</c>; it returns how many bytes of the packet to keep, 0 for none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SocketFilterAttribute : Attribute
{
}

/// <summary>Says more of a map, which is a static readonly field of a type such as <see cref="HashMap{TKey, TValue}"/>.</summary>
[AttributeUsage(AttributeTargets.Field)]
public sealed class MapAttribute : Attribute
{
    /// <summary>Entries that it has room for; 1024 where nothing is said.</summary>
    public int MaxEntries { get; set; } = 1024;
}
