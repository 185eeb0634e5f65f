using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Oci;

/// <summary>Takes an earlier learned profile apart again, so that another can be added to it.</summary>
public static class ProfileMerge
{
    /// <summary>What a policy allows.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="names">Calls that it allows whatever the arguments.</param>
    /// <param name="calls">Calls that it allows with certain arguments.</param>
    /// <param name="arguments">Which arguments those are, by call.</param>
    /// <param name="refused">The call with a condition that is something else than equality: that cannot be written again.</param>
    /// <returns>False when there is such a call.</returns>
    public static bool TryTake(SeccompPolicy policy, ISet<string> names, IList<SeccompData> calls, IDictionary<string, byte> arguments, out string? refused)
    {
        refused = null;
        foreach (SeccompArchitecturePolicy each in policy.Architectures)
        {
            foreach (SeccompCall call in each.Calls.Values)
            {
                foreach (SeccompRule rule in call.Rules.Where(rule => rule.Action.Permits))
                {
                    if (rule.Conditions.Count == 0)
                    {
                        names.Add(call.Info.Name);
                        continue;
                    }
                    if (rule.Conditions.Any(condition => condition.Operator != SeccompOperator.Equal))
                    {
                        refused = call.Info.Name;
                        return false;
                    }
                    SeccompArguments values = default;
                    byte mask = 0;
                    foreach (SeccompCondition condition in rule.Conditions)
                    {
                        values[condition.Index] = condition.Value;
                        mask |= (byte)(1 << condition.Index);
                    }
                    arguments[call.Info.Name] = mask;
                    calls.Add(new SeccompData(each.Architecture.DataNumber(call.Info.Number), each.Architecture.Audit(), 0, values));
                }
            }
        }
        return true;
    }
}
