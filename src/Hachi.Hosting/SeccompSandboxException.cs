namespace Hachi.Hosting;

/// <summary>A host did not get its sandbox, and therefore does not start.</summary>
public sealed class SeccompSandboxException : Exception
{
    internal SeccompSandboxException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
