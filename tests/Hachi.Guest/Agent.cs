namespace Hachi.Guest;

/// <summary>
/// <c>agent list</c> names the checks, <c>agent run [NAME…]</c> does them (all of them as a rule), a line each; as process 1 of a test kernel it sets the machine up, does those in
/// the environment variable HACHI_CHECKS, and powers off.
/// </summary>
internal static class Agent
{
    private static int Main(string[] args)
    {
        if (Environment.ProcessId == 1)
            return Init.Run();
        switch (args)
        {
            case ["list"]:
                foreach (Check check in CheckList.All)
                    Console.WriteLine($"{check.Name}\t{check.Area}: {check.Point}");
                return 0;
            case ["run", .. string[] names]:
                return CheckRunner.Run(names, Console.Out, isGuest: false) ? 0 : 1;
            case ["hold", string what]:
                Checks.LifeChecks.Hold(what == "all");
                return 0;
            case ["churn", string what]:
                Checks.LifeChecks.Churn(what == "all");
                return 0;
            case ["drop"]:
                Checks.LifeChecks.Drop();
                return 0;
            default:
                Console.Error.WriteLine("agent list | agent run [NAME...]");
                return 2;
        }
    }
}
