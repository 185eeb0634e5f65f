using System.Globalization;
using Hachi.Bench;
using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Ir;
using Hachi.Lang.Pcap;
using Hachi.Vm;
using Hachi.Vm.Jit;

// usage: Hachi.Bench file|engine|compile|vm|vm-compile|seccomp|seccomp-learn|capture|events|trace [--packets N] [--repeats N] [--libpcap-code]
if (args.FirstOrDefault() == "vm")
{
    // usage: Hachi.Bench vm [FOLDER of the benchmark programs] [NAME...] [--repeats N]
    string[] rest = [.. args.Skip(1).TakeWhile(arg => !arg.StartsWith('-'))];
    VmBench.Run(Path.GetFullPath(rest.FirstOrDefault() ?? Path.Combine("..", "shared", "bench", "programs")), Number("--repeats", 5), [.. rest.Skip(1)]);
    return 0;
}
if (args.FirstOrDefault() == "vm-compile")
{
    // usage: Hachi.Bench vm-compile [FOLDER of the benchmark programs] [--engine x64|il|interpreter] [--repeats N]
    VmCompileBench.Run(Path.GetFullPath(args.Skip(1).FirstOrDefault(arg => !arg.StartsWith('-')) ?? Path.Combine("..", "shared", "bench", "programs")), Word("--engine"), Number("--repeats", 200));
    return 0;
}
switch (args)
{
    // usage: Hachi.Bench seccomp PROFILE; Hachi.Bench seccomp-learn [--repeats N] COMMAND...
    case ["seccomp", string profile]:
        SeccompBench.Run(profile, Directory.CreateTempSubdirectory("hachi-bench-").FullName);
        return 0;
    case ["seccomp-child", string filter]:
        SeccompBench.Child(filter);
        return 0;
    case ["seccomp-learn", "--repeats", string times, .. string[] command] when OperatingSystem.IsLinux():
        SeccompBench.Learn(command, int.Parse(times, CultureInfo.InvariantCulture));
        return 0;
}
if (args is ["events", ..])
{
    // usage: Hachi.Bench events [--repeats N], as root
    string events = Directory.CreateTempSubdirectory("hachi-bench-").FullName;
    EventsBench.Run(Number("--repeats", 60), events);
    Directory.Delete(events, recursive: true);
    return 0;
}
if (args is ["capture", string hachi, ..])
{
    // usage: Hachi.Bench capture NATIVE-HACHI [--packets N (0: only the start)] [--rate N a second]
    string captures = Directory.CreateTempSubdirectory("hachi-bench-").FullName;
    CaptureBench.Run(hachi, Number("--packets", 400_000), Number("--rate", 0), captures);
    Directory.Delete(captures, recursive: true);
    return 0;
}
if (args is ["trace", string tracer, ..])
{
    // usage: Hachi.Bench trace NATIVE-HACHI [start|code|events|printf|exact]... [--repeats N]
    string work = Directory.CreateTempSubdirectory("hachi-bench-").FullName;
    new TraceBench(tracer, work, Number("--repeats", 7)).Run([.. args.Skip(2).TakeWhile(arg => !arg.StartsWith('-'))]);
    Directory.Delete(work, recursive: true);
    return 0;
}
int packets = Number("--packets", 900_000), repeats = Number("--repeats", 5);
string folder = Path.Combine(Path.GetTempPath(), "hachi-bench");
Directory.CreateDirectory(folder);
string capture = Path.Combine(folder, $"sample-{packets}.pcap"), output = Path.Combine(folder, "out.pcap");
if (!File.Exists(capture))
{
    using var file = new FileStream(capture + ".part", FileMode.Create, FileAccess.Write, FileShare.None, 0);
    using (CaptureWriter writer = CaptureWriter.Create(file, CaptureFormat.Pcap, LinkType.Ethernet))
        SampleCapture.Write(writer, packets);
    File.Move(capture + ".part", capture);
}
Console.WriteLine($"{capture}: {new FileInfo(capture).Length / 1e6:F0} MB");
switch (args.FirstOrDefault())
{
    case "file":
        FileBench.Run(capture, output, repeats, Engine);
        break;
    case "engine":
        EngineBench.Run(capture, repeats, Engine, Function);
        break;
    case "compile":
        CompileBench.Run(repeats);
        break;
    default:
        Console.Error.WriteLine("usage: Hachi.Bench file|engine|compile|vm|vm-compile|seccomp|seccomp-learn|capture|events [--packets N] [--repeats N] [--libpcap-code]");
        return 2;
}
return 0;

// With --libpcap-code the engines run what libpcap compiled: then only they are compared, not the compilers.
FilterEngine Engine(string expression, FilterEngineKind kind)
{
    if (args.Contains("--libpcap-code"))
        return new FilterEngine(Filters.ByLibpcap(expression), kind);
    CaptureFilter filter = CaptureFilter.Compile(expression);
    return new FilterEngine(filter.Program, kind, filter.MakeFunction);
}

IrFunction? Function(string expression) =>
    args.Contains("--libpcap-code") ? IlCompiler.Lift(Filters.ByLibpcap(expression)) : CaptureFilter.Compile(expression).MakeFunction();

string? Word(string option)
{
    int at = Array.IndexOf(args, option);
    return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
}

int Number(string option, int otherwise)
{
    int at = Array.IndexOf(args, option);
    return at >= 0 && at + 1 < args.Length ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : otherwise;
}
