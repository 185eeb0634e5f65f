namespace Hachi.Tests.Support;

/// <summary>Tests that fork this process or count what it holds: no other test runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
