using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Cli.Ebpf;

/// <summary><c>hachi explain object</c>: what is in an eBPF object.</summary>
internal static class ExplainObject
{
    public static Command Command(Shell shell)
    {
        var file = new Argument<string>("OBJ") { Description = "An ELF object, assembly text, hexadecimal digits or raw instructions" };
        var json = new Option<bool>("--json") { Description = "One JSON document" };
        var command = new Command("object", "Say what an eBPF object holds: programs, maps, helpers, and which kernel it needs") { file, json };
        command.SetAction(parse =>
        {
            BpfObject bpf = ObjectFile.Read(shell, parse.GetValue(file)!);
            if (parse.GetValue(json))
                shell.WriteJson(to => WriteJson(to, bpf));
            else
                Write(shell.Out, bpf);
            return ExitStatus.Done;
        });
        return command;
    }

    private static void Write(TextWriter to, BpfObject bpf)
    {
        to.WriteLine($"licence {(bpf.License.Length > 0 ? Escaper.Escape(bpf.License) : "none")}{(bpf.Btf.IsEmpty ? ", no types" : ", with types (BTF)")}");
        foreach (ProgramSpec program in bpf.Programs)
        {
            string place = program.Section.Length > 0 ? $", section {Escaper.Escape(program.Section)}" : "";
            to.WriteLine($"program {Escaper.Escape(program.Name)}: {program.Type.Name()}{place}, {program.Insns.Length} slots");
            if (program.Functions.Length > 1)
                to.WriteLine("  functions " + string.Join(", ", program.Functions.Skip(1).Select(function => Escaper.Escape(function.Name))));
            string[] helpers = [.. HelpersOf(program)];
            if (helpers.Length > 0)
                to.WriteLine("  helpers " + string.Join(", ", helpers));
            string[] maps = [.. MapsOf(bpf, program)];
            if (maps.Length > 0)
                to.WriteLine("  maps " + string.Join(", ", maps.Select(map => Escaper.Escape(map))));
            if (KernelOf(program) is { } kernel)
                to.WriteLine($"  instructions of Linux {kernel}");
        }
        foreach (MapSpec map in bpf.Maps)
        {
            string more = (map.IsFrozen ? ", read-only" : "") + (map.Pin is null ? "" : $", pinned as {Escaper.Escape(map.Pin)}") + (map.Flags == 0 ? "" : $", flags 0x{map.Flags:x}")
                + (map.Inner is null ? "" : $", of {map.Inner.Type.Name()} maps") + (map.Slots.IsEmpty ? "" : ", filled with " + string.Join(", ", map.Slots.Select(slot => $"{slot.Index}: {Escaper.Escape(slot.Name)}")));
            to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"map {Escaper.Escape(map.Name)}: {map.Type.Name()}, key {map.KeySize}, value {map.ValueSize}, entries {map.MaxEntries}{more}"));
        }
        foreach (ExternSpec each in bpf.Externs)
            to.WriteLine($"needs of the kernel: {Escaper.Escape(each.Name)} ({each.Kind.ToString().ToLowerInvariant()}{(each.IsWeak ? ", if there is one" : "")})");
    }

    private static IEnumerable<string> HelpersOf(ProgramSpec program) =>
        program.Insns.Where(insn => OpTable.Find(insn)?.Shape == Shape.CallHelper).Select(insn => insn.Imm).Distinct().Order()
            .Select(id => HelperTable.Find(id)?.Name ?? id.ToString(CultureInfo.InvariantCulture));

    private static IEnumerable<string> MapsOf(BpfObject bpf, ProgramSpec program) =>
        program.Insns.Where(insn => insn.IsWide && insn.Src is Pseudo.MapIdx or Pseudo.MapIdxValue && (uint)insn.Imm < (uint)bpf.Maps.Length).Select(insn => bpf.Maps[insn.Imm].Name).Distinct();

    private static KernelVersion? KernelOf(ProgramSpec program)
    {
        KernelVersion? newest = null;
        for (int i = 0; i < program.Insns.Length; i += program.Insns[i].IsWide ? 2 : 1)
            if (OpTable.Find(AsLoaded(program.Insns[i]))?.Kernel is { } since && (newest is null || since.CompareTo(newest.Value) > 0))
                newest = since;
        return newest;
    }

    // Maps are named by index here; loaders put descriptors in their place.
    private static Insn AsLoaded(Insn insn) =>
        insn.IsWide && insn.Src is Pseudo.MapIdx or Pseudo.MapIdxValue ? insn with { Src = insn.Src == Pseudo.MapIdx ? (byte)Pseudo.MapFd : (byte)Pseudo.MapValue } : insn;

    private static void WriteJson(Utf8JsonWriter to, BpfObject bpf)
    {
        to.WriteStartObject();
        to.WriteString("license", bpf.License);
        to.WriteStartArray("programs");
        foreach (ProgramSpec program in bpf.Programs)
        {
            to.WriteStartObject();
            to.WriteString("name", program.Name);
            to.WriteString("type", program.Type.Name());
            to.WriteString("section", program.Section);
            to.WriteNumber("slots", program.Insns.Length);
            WriteNames(to, "functions", program.Functions.Skip(1).Select(function => function.Name));
            WriteNames(to, "helpers", HelpersOf(program));
            WriteNames(to, "maps", MapsOf(bpf, program));
            if (KernelOf(program) is { } kernel)
                to.WriteString("kernel", kernel.ToString());
            to.WriteEndObject();
        }
        to.WriteEndArray();
        to.WriteStartArray("maps");
        foreach (MapSpec map in bpf.Maps)
        {
            to.WriteStartObject();
            to.WriteString("name", map.Name);
            to.WriteString("type", map.Type.Name());
            to.WriteNumber("key", map.KeySize);
            to.WriteNumber("value", map.ValueSize);
            to.WriteNumber("entries", map.MaxEntries);
            to.WriteNumber("flags", map.Flags);
            to.WriteEndObject();
        }
        to.WriteEndArray();
        WriteNames(to, "externs", bpf.Externs.Select(each => each.Name));
        to.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter to, string property, IEnumerable<string> names)
    {
        to.WriteStartArray(property);
        foreach (string name in names)
            to.WriteStringValue(name);
        to.WriteEndArray();
    }
}
