using System.Text;
using Hachi.Asm;
using Hachi.Isa;

namespace Hachi.Cli;

/// <summary>Programs read and written as files, in the forms that <c>asm</c> and <c>disasm</c> share.</summary>
internal static class ProgramFile
{
    private const int SizeBytesMax = 64 << 20;

    /// <summary>A whole file, at most 64 MiB.</summary>
    public static byte[] Read(Shell shell, string path)
    {
        using Stream stream = shell.OpenInput(path);
        var content = new MemoryStream();
        byte[] piece = new byte[64 * 1024];
        for (int read; (read = stream.Read(piece)) > 0;)
        {
            content.Write(piece, 0, read);
            if (content.Length > SizeBytesMax)
                throw new CommandException($"'{path}' is longer than 64 MiB: that is no program");
        }
        return content.ToArray();
    }

    /// <summary>Writes all bytes.</summary>
    /// <returns><see cref="ExitStatus.Done"/></returns>
    public static int Write(Shell shell, string path, byte[] bytes)
    {
        Stream stream = shell.OpenOutput(path);
        try
        {
            stream.Write(bytes);
            stream.Flush();
        }
        finally
        {
            if (path != "-")
                stream.Dispose();
        }
        return ExitStatus.Done;
    }

    /// <summary>Bytes as text: eight a line.</summary>
    public static byte[] Hex(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        for (int i = 0; i < bytes.Length; i++)
            text.Append(bytes[i].ToString("x2")).Append(i % 8 == 7 || i == bytes.Length - 1 ? '\n' : ' ');
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    /// <summary>A classic program in one of its forms.</summary>
    public static byte[] Classic(ReadOnlySpan<ClassicInsn> insns, string form) => form switch
    {
        "raw" => ClassicNumbers.Encode(insns),
        "hex" => Hex(ClassicNumbers.Encode(insns)),
        "asm" => Encoding.ASCII.GetBytes(ClassicPrinter.Print(insns)),
        "d" => Encoding.ASCII.GetBytes(ClassicPrinter.Listing(insns)),
        "dd" => Encoding.ASCII.GetBytes(ClassicPrinter.CArray(insns)),
        "ddd" => Encoding.ASCII.GetBytes(ClassicPrinter.Numbers(insns)),
        "compact" => Encoding.ASCII.GetBytes(ClassicPrinter.Compact(insns)),
        _ => throw new CommandException($"--to {form} is for eBPF programs", "leave out --classic, or use raw, hex, d, dd, ddd or compact"),
    };
}
