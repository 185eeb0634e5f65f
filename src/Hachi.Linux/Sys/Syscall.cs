namespace Hachi.Linux.Sys;

/// <summary>The one place of P/Invoke: system calls.</summary>
internal static class Syscall
{
}
