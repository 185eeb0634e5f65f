using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Tests.Isa;
using Hachi.Tests.Support;

namespace Hachi.Tests.Asm;

public sealed partial class ObjdumpTests
{
    private const string Tool = "llvm-objdump-19";

    // What llvm-objdump 19 prints wrongly, ambiguously or not at all: it drops the constant of an indirect packet load and the upper half of pseudo
    // loads, writes all calls alike, takes ordered loads and stores for additions (their sizes 8 and 16 it does not know), and knows no gotox.
    private static bool IsInRange(OpForm form) =>
        form.Shape is not (Shape.PacketIndirect or Shape.LoadPseudo or Shape.CallLocal or Shape.CallKfunc or Shape.LoadAcquire or Shape.StoreRelease or Shape.GotoReg);

    [Fact]
    public void Text_is_that_of_llvm_objdump()
    {
        Tools.Need(Tool, "llvm-19");
        Random random = Volume.Random(nameof(Text_is_that_of_llvm_objdump));
        var insns = new List<Insn>();
        foreach (OpForm form in OpTable.Forms.Where(IsInRange))
            for (int i = 0; i < 10; i++)
                RandomPrograms.Add(insns, form, random);
        // Its range of the two lossy ones: no constant behind the register, nothing in the upper half.
        foreach (OpForm form in OpTable.ByShape(Shape.PacketIndirect))
            insns.Add(new Insn(form.Opcode, 0, 7));
        foreach (OpForm form in OpTable.ByShape(Shape.LoadPseudo))
        {
            (Insn first, Insn second) = Insn.Wide(3, form.Src!.Value, 0x7654321);
            insns.AddRange([first, second]);
        }
        insns.AddRange(RandomPrograms.Insns(random, Volume.Of(1_000_000, 20_000), IsInRange));
        string[] theirs = Disassemble([.. insns]);
        string[] ours = Printer.Print(insns.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(theirs.Length, ours.Length);
        for (int i = 0; i < ours.Length; i++)
            Assert.True(theirs[i] == ours[i], $"llvm-objdump `{theirs[i]}`, here `{ours[i]}`, {Volume.Note}");
    }

    [Fact]
    public void Its_whole_output_lines_assemble()
    {
        Tools.Need(Tool, "llvm-19");
        Insn[] insns = RandomPrograms.Insns(new Random(5), 3000, IsInRange);
        string output = Run(insns, "-d", "--mcpu=v4");
        string lines = string.Join('\n', output.Split('\n').Where(line => line.StartsWith(' ') || line.EndsWith(">:", StringComparison.Ordinal)));
        Assembled again = Assembler.Assemble(lines);
        Assert.Empty(again.Diagnostics);
        Assert.Equal(insns, again.Insns);
    }

    private static string[] Disassemble(Insn[] insns) =>
        [.. Run(insns, "-d", "-z", "--mcpu=v4", "--no-show-raw-insn").Split('\n').Where(line => line.StartsWith(' ')).Select(line =>
            Annotation().Replace(line[(line.IndexOf('\t') + 1)..], "").Replace('\t', ' ').TrimEnd())];

    private static string Run(Insn[] insns, params string[] arguments)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, Elf(Insn.Encode(insns)));
            return Tools.RunOk(Tools.Find(Tool)!, [.. arguments, file], timeoutSeconds: 300).Text;
        }
        finally
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(" <[^<>]*>$")]
    private static partial Regex Annotation();

    // The least ELF that llvm-objdump takes: a header, .text, the section names, three section headers.
    private static byte[] Elf(byte[] code)
    {
        byte[] names = Encoding.ASCII.GetBytes("\0.text\0.names\0");
        int namesAt = 64 + code.Length, sectionsAt = (namesAt + names.Length + 7) / 8 * 8;
        byte[] elf = new byte[sectionsAt + 3 * 64];
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(elf);
        Put16(16, 1); // relocatable
        Put16(18, 247); // EM_BPF
        Put32(20, 1);
        Put64(40, sectionsAt);
        Put16(52, 64);
        Put16(58, 64);
        Put16(60, 3);
        Put16(62, 2);
        code.CopyTo(elf, 64);
        names.CopyTo(elf, namesAt);
        Section(1, name: 1, type: 1, flags: 6, 64, code.Length);
        Section(2, name: 7, type: 3, flags: 0, namesAt, names.Length);
        return elf;

        void Put16(int at, int value) => BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(at), (ushort)value);
        void Put32(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(elf.AsSpan(at), value);
        void Put64(int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(elf.AsSpan(at), value);
        void Section(int index, int name, int type, int flags, int offset, int size)
        {
            int at = sectionsAt + 64 * index;
            Put32(at, name);
            Put32(at + 4, type);
            Put64(at + 8, flags);
            Put64(at + 24, offset);
            Put64(at + 32, size);
            Put64(at + 48, 8);
        }
    }
}
