namespace Hachi.Linux.Attach;

/// <summary>
/// An attachment of a program to a place. Disposing it detaches; so does the end of the process, for everything but what says otherwise (netlink and old
/// cgroup attachments, pins).
/// </summary>
public abstract class Link : IDisposable
{
    private int _isDisposed;

    private protected Link(string description) => Description = description;

    /// <summary>Where the program is attached, in words.</summary>
    public string Description { get; }

    /// <summary>Whether detaching is a call that takes the rights that attaching took (netlink, older cgroups); otherwise closing a descriptor does it, which is always allowed.</summary>
    public virtual bool NeedsRightsToDetach => false;

    /// <summary>Detaches. A second time does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            Detach();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    public override string ToString() => Description;

    private protected abstract void Detach();
}
