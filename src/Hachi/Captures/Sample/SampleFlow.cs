namespace Hachi.Captures.Sample;

/// <summary>A conversation of two hosts. For TCP it remembers where both sides are, so that sequence numbers make sense.</summary>
internal struct SampleFlow
{
    internal bool IsIpv6;
    internal bool IsTcp;
    internal uint Client;
    internal uint Server;
    internal ushort ClientPort;
    internal ushort ServerPort;
    internal uint ClientSequence;
    internal uint ServerSequence;
    internal int Step;

    private static readonly uint[] s_servers =
    [
        0xc0a8010a, 0x0a010005, 0x0a010010, 0x0a020304, 0xac100a01, 0x5db8d822, 0xcb007107, 0xcb00710a, 0xc6336414, 0x08080808, 0x01010101, 0xc0000221,
    ];

    private static readonly ushort[] s_tcpPorts = [443, 443, 443, 443, 443, 443, 443, 80, 80, 80, 22, 25, 993, 8080, 5000, 5044, 5100, 3306, 5432, 53];

    private static readonly ushort[] s_udpPorts = [53, 53, 53, 53, 53, 53, 443, 443, 443, 443, 123, 161, 500, 514, 5060, 5004, 5050, 67, 1900, 5353];

    /// <summary>A new conversation.</summary>
    internal static SampleFlow Make(ref SampleRandom random, bool tcp)
    {
        bool ipv6 = random.PerMille(150);
        uint client = random.Below(3) switch
        {
            0 => 0xc0a80100u + (uint)random.Between(2, 60),
            1 => 0x0a010000u + (uint)random.Between(1, 900),
            _ => 0xac100000u + (uint)random.Between(1, 4000),
        };
        return new SampleFlow
        {
            IsIpv6 = ipv6,
            IsTcp = tcp,
            Client = client,
            Server = s_servers[random.Below(s_servers.Length)],
            ClientPort = (ushort)random.Between(32768, 60999),
            ServerPort = tcp ? s_tcpPorts[random.Below(s_tcpPorts.Length)] : s_udpPorts[random.Below(s_udpPorts.Length)],
            ClientSequence = (uint)random.Next(),
            ServerSequence = (uint)random.Next(),
        };
    }
}
