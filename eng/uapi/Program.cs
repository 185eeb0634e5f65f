using Hachi.UapiTables;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: TABLES OUTPUT, both folders");
    return 2;
}
foreach ((string name, string text) in Generator.Generate(Directory.EnumerateFiles(args[0], "*.txt").ToDictionary(file => Path.GetFileName(file), File.ReadAllText)))
{
    File.WriteAllText(Path.Combine(args[1], name), text);
    Console.WriteLine(name);
}
return 0;
