namespace Hachi.Vm.Maps.Rings;

/// <content>Waiting for records.</content>
public sealed partial class RingBufferMap
{
    /// <summary>Hands the records to an action as they come, until cancelled.</summary>
    /// <param name="action">What is done with each.</param>
    /// <param name="cancellation">Ends it, without an exception.</param>
    public async Task ConsumeAllAsync(RecordAction action, CancellationToken cancellation = default)
    {
        while (!cancellation.IsCancellationRequested)
        {
            if (Consume(action) > 0)
                continue;
            await _wakeup.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
