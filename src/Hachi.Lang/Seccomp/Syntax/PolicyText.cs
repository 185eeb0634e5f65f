using Hachi.Lang.Seccomp.Oci;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Syntax;

/// <summary>Reads policies in the small language of this house: a statement a line, calls by name or group, conditions on arguments by name.</summary>
/// <example>
/// <code>
/// default errno EPERM
/// allow @basic-io, @default, openat
/// allow socket(family in {AF_UNIX, AF_INET, AF_INET6})
/// errno ENOSYS clone3
/// </code>
/// </example>
public static class PolicyText
{
    /// <summary>Reads and resolves a policy.</summary>
    /// <param name="text">The policy.</param>
    /// <param name="architectures">For which architectures, if the policy does not say it: its <c>arch</c> statement comes first.</param>
    /// <returns>The policy, or null with the reasons.</returns>
    public static PolicyReading Read(string text, IReadOnlyList<SeccompArchitecture> architectures)
    {
        ArgumentNullException.ThrowIfNull(text);
        var diagnostics = new List<Diagnostic>();
        PolicyRules? rules = new PolicyParser(text, diagnostics).Parse(architectures);
        bool failed = rules is null || diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error);
        return new PolicyReading(failed ? null : PolicyResolver.Resolve(rules!, diagnostics), diagnostics, []);
    }
}
