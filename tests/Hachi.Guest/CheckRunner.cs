using System.Diagnostics;

namespace Hachi.Guest;

/// <summary>Does checks, each on a thread of its own, so that what it changes of its thread (a network namespace) goes with it.</summary>
internal static class CheckRunner
{
    /// <summary>Does the checks of these names, or all; true when none failed.</summary>
    public static bool Run(ReadOnlySpan<string> names, TextWriter output, bool isGuest)
    {
        var lab = new Lab(isGuest);
        bool isGood = true;
        foreach (string name in names)
            if (CheckList.All.All(check => check.Name != name))
            {
                output.WriteLine(new CheckResult(name, Outcome.Failed, 0, "there is no such check"));
                isGood = false;
            }
        foreach (Check check in CheckList.All)
        {
            if (names.Length > 0 && !names.Contains(check.Name))
                continue;
            CheckResult result = RunOne(check, lab);
            output.WriteLine(result);
            output.Flush();
            isGood &= result.Outcome != Outcome.Failed;
        }
        return isGood;
    }

    private static CheckResult RunOne(Check check, Lab lab)
    {
        if (check.IsGuestOnly && !lab.IsGuest)
            return check.Lacking is { } absent ? new CheckResult(check.Name, Outcome.No, 0, absent) : new CheckResult(check.Name, Outcome.NotTried, 0, "it would touch the whole machine");
        Exception? failure = null;
        lab.Figures = "";
        var clock = Stopwatch.StartNew();
        var thread = new Thread(() =>
        {
            try
            {
                check.Run(lab);
            }
            catch (Exception e)
            {
                failure = e;
            }
        })
        { IsBackground = true };
        thread.Start();
        if (!thread.Join(TimeSpan.FromSeconds(check.PatienceSeconds)))
            return new CheckResult(check.Name, Outcome.Failed, clock.ElapsedMilliseconds, $"not finished after {check.PatienceSeconds} s: {lab.Figures}");
        long time = clock.ElapsedMilliseconds;
        if (check.Lacking is not { } lacking)
            return failure is null ? new CheckResult(check.Name, Outcome.Yes, time, lab.Figures) : new CheckResult(check.Name, Outcome.Failed, time, failure.ToString());
        return failure is null ? new CheckResult(check.Name, Outcome.Failed, time, $"worked, although the kernel should not have it ({lacking})")
            : failure.Message.Contains(lacking, StringComparison.Ordinal) ? new CheckResult(check.Name, Outcome.No, time, lacking)
            : new CheckResult(check.Name, Outcome.Failed, time, $"the refusal does not say '{lacking}': {failure}");
    }
}
