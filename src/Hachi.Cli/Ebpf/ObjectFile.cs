using System.Text;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Cli.Ebpf;

/// <summary>eBPF objects from files of every form: ELF, assembly text, hexadecimal digits, raw instructions.</summary>
internal static class ObjectFile
{
    /// <summary>Reads an object; what is wrong is said on standard error and ends the verb.</summary>
    public static BpfObject Read(Shell shell, string path) => Read(shell, path, ProgramFile.Read(shell, path));

    /// <summary>The same from the content of a file.</summary>
    public static BpfObject Read(Shell shell, string path, byte[] content)
    {
        if (ElfObjectReader.IsElf(content))
            return Report(shell, path, ElfObjectReader.Read(content), null);
        if (HexBytes.LooksLikeText(content))
        {
            string digits = Encoding.ASCII.GetString(content);
            byte[]? bytes = HexBytes.Parse(digits, out Diagnostic? wrong);
            if (bytes is null)
            {
                shell.Report(wrong!, digits);
                throw new CommandException($"'{path}' is no program in hexadecimal");
            }
            return Raw(path, bytes);
        }
        if (IsText(content))
        {
            string text = Encoding.UTF8.GetString(content);
            return Report(shell, path, ObjectParser.Parse(text), text);
        }
        return Raw(path, content);
    }

    /// <summary>Whether a content is text rather than instructions.</summary>
    public static bool IsText(ReadOnlySpan<byte> content) => !content.ContainsAnyInRange((byte)0, (byte)8);

    /// <summary>Says what a reading has to say; the object, or the end of the verb.</summary>
    public static BpfObject Report(Shell shell, string path, ObjectRead read, string? text)
    {
        foreach (Diagnostic diagnostic in read.Diagnostics)
        {
            if (text is not null)
                shell.Report(diagnostic, text);
            else
                shell.Error.WriteLine($"hachi: {Escaper.Escape(path)}: {(diagnostic.Severity == Severity.Error ? "" : "note: ")}{Escaper.Escape(diagnostic.Message)} [{diagnostic.Id}]");
        }
        return read.Object ?? throw new CommandException($"'{path}' cannot be read as an object");
    }

    /// <summary>The program that a section or program name means; the only one, when none is given.</summary>
    public static int Choose(BpfObject bpf, string? name)
    {
        if (name is null && bpf.Programs.Length == 1)
            return 0;
        string all = string.Join(", ", bpf.Programs.Select(program => program.Section.Length > 0 && program.Section != program.Name ? $"{program.Name} ({program.Section})" : program.Name));
        if (bpf.Programs.IsEmpty)
            throw new CommandException("there is no program in it");
        if (name is null)
            throw new CommandException("the object has several programs", $"choose one with --section: {all}");
        return bpf.FindProgram(name) is { } found ? bpf.Programs.IndexOf(found) : throw new CommandException($"there is no program '{name}'", $"there are: {all}");
    }

    private static BpfObject Raw(string path, byte[] bytes)
    {
        if (bytes.Length == 0 || !Insn.TryDecode(bytes, out Insn[] insns))
            throw new CommandException($"'{path}' has {bytes.Length} bytes: no whole number of instructions of 8 bytes");
        return new BpfObject { Programs = [new ProgramSpec("main", ProgramType.Unspec, [.. insns])] };
    }
}
