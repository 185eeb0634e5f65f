using static Hachi.Guest.Calls;

namespace Hachi.Guest.Checks;

/// <summary>Programs on sockets.</summary>
internal static class SocketChecks
{
    public static IEnumerable<Check> All =>
    [
        new("socket", "Sockets", "sockets", "one opens", _ => Close(Must(Socket(AfInet, SockDgram | SockCloexec, 0), "socket"))),
    ];
}
