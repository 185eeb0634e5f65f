using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Isa;

/// <summary>The operand layout of a classic instruction, and with it its text.</summary>
public enum ClassicShape : byte
{
    /// <summary><c>ld [k]</c>, or an extension.</summary>
    Absolute,

    /// <summary><c>ld [x + k]</c>.</summary>
    Indirect,

    /// <summary><c>ld #k</c>.</summary>
    Immediate,

    /// <summary><c>ld M[k]</c>, <c>st M[k]</c>.</summary>
    Memory,

    /// <summary><c>ld #len</c>.</summary>
    Length,

    /// <summary><c>ldxb 4*([k]&amp;0xf)</c>.</summary>
    HeaderLength,

    /// <summary><c>add #k</c>.</summary>
    AluK,

    /// <summary><c>add x</c>.</summary>
    AluX,

    /// <summary><c>neg</c>, <c>tax</c>, <c>txa</c>: no operand.</summary>
    Plain,

    /// <summary><c>ja label</c>.</summary>
    Jump,

    /// <summary><c>jeq #k, label, label</c>.</summary>
    BranchK,

    /// <summary><c>jeq x, label, label</c>.</summary>
    BranchX,

    /// <summary><c>ret #k</c>.</summary>
    ReturnK,

    /// <summary><c>ret a</c>.</summary>
    ReturnA,
}

/// <summary>One form of the classic machine.</summary>
/// <param name="Code">Its opcode.</param>
/// <param name="Shape">Its operands.</param>
/// <param name="Mnemonic">Its name in bpf_asm's syntax and in tcpdump's listings.</param>
/// <param name="IsHex">Whether its constant is written in base 16.</param>
/// <param name="InListing">Whether tcpdump's listing can print it (otherwise <c>unimp</c>).</param>
public sealed record ClassicForm(ushort Code, ClassicShape Shape, string Mnemonic, bool IsHex = false, bool InListing = true);

/// <summary>One Linux extension: an absolute load at <see cref="Extension.Base"/> and above that reads metadata.</summary>
/// <param name="Offset">The magic offset.</param>
/// <param name="Name">bpf_asm's name, or null where it has none.</param>
/// <param name="ListingName">The name in tcpdump's listings.</param>
/// <param name="Alias">A second name that bpf_asm reads.</param>
public sealed record ExtensionName(uint Offset, string? Name, string ListingName, string? Alias = null);

/// <summary>Which forms the classic machine has: the list of the kernel's <c>chk_code_allowed</c> (net/core/filter.c). Assembler, printer and validity derive from it.</summary>
public static class ClassicTable
{
    /// <summary>Every form, by opcode.</summary>
    public static IReadOnlyList<ClassicForm> Forms => s_forms;

    /// <summary>The extensions, by offset.</summary>
    public static IReadOnlyList<ExtensionName> Extensions => s_extensions;

    /// <summary>Bytes of metadata that the extensions' <c>len</c> names: not an offset but an instruction.</summary>
    public const string LengthName = "len", LengthListingName = "pktlen";

    private static readonly ClassicForm[] s_forms =
    [
        new(Ld | Imm, ClassicShape.Immediate, "ld", IsHex: true),
        new(Ldx | Imm, ClassicShape.Immediate, "ldx", IsHex: true),
        new(St, ClassicShape.Memory, "st"),
        new(Stx, ClassicShape.Memory, "stx"),
        new(Alu | Add | K, ClassicShape.AluK, "add"),
        new(Jmp | Ja, ClassicShape.Jump, "ja"),
        new(Ret | K, ClassicShape.ReturnK, "ret"),
        new(Misc | Tax, ClassicShape.Plain, "tax"),
        new(Alu | Add | X, ClassicShape.AluX, "add"),
        new(Alu | Sub | K, ClassicShape.AluK, "sub"),
        new(Jmp | Jeq | K, ClassicShape.BranchK, "jeq", IsHex: true),
        new(Ret | A, ClassicShape.ReturnA, "ret"),
        new(Alu | Sub | X, ClassicShape.AluX, "sub"),
        new(Jmp | Jeq | X, ClassicShape.BranchX, "jeq"),
        new(Ld | Abs | W, ClassicShape.Absolute, "ld"),
        new(Alu | Mul | K, ClassicShape.AluK, "mul"),
        new(Jmp | Jgt | K, ClassicShape.BranchK, "jgt", IsHex: true),
        new(Ld | Abs | H, ClassicShape.Absolute, "ldh"),
        new(Alu | Mul | X, ClassicShape.AluX, "mul"),
        new(Jmp | Jgt | X, ClassicShape.BranchX, "jgt"),
        new(Ld | Abs | B, ClassicShape.Absolute, "ldb"),
        new(Alu | Div | K, ClassicShape.AluK, "div"),
        new(Jmp | Jge | K, ClassicShape.BranchK, "jge", IsHex: true),
        new(Alu | Div | X, ClassicShape.AluX, "div"),
        new(Jmp | Jge | X, ClassicShape.BranchX, "jge"),
        new(Ld | Ind | W, ClassicShape.Indirect, "ld"),
        new(Alu | Or | K, ClassicShape.AluK, "or", IsHex: true),
        new(Jmp | Jset | K, ClassicShape.BranchK, "jset", IsHex: true),
        new(Ld | Ind | H, ClassicShape.Indirect, "ldh"),
        new(Alu | Or | X, ClassicShape.AluX, "or"),
        new(Jmp | Jset | X, ClassicShape.BranchX, "jset"),
        new(Ld | Ind | B, ClassicShape.Indirect, "ldb"),
        new(Alu | And | K, ClassicShape.AluK, "and", IsHex: true),
        new(Alu | And | X, ClassicShape.AluX, "and"),
        new(Ld | Mem, ClassicShape.Memory, "ld"),
        new(Ldx | Mem, ClassicShape.Memory, "ldx"),
        new(Alu | Lsh | K, ClassicShape.AluK, "lsh"),
        new(Alu | Lsh | X, ClassicShape.AluX, "lsh"),
        new(Alu | Rsh | K, ClassicShape.AluK, "rsh"),
        new(Alu | Rsh | X, ClassicShape.AluX, "rsh"),
        new(Ld | Len, ClassicShape.Length, "ld"),
        new(Ldx | Len, ClassicShape.Length, "ldx", InListing: false),
        new(Alu | Neg, ClassicShape.Plain, "neg"),
        new(Misc | Txa, ClassicShape.Plain, "txa"),
        new(Alu | Mod | K, ClassicShape.AluK, "mod"),
        new(Alu | Mod | X, ClassicShape.AluX, "mod"),
        new(Alu | Xor | K, ClassicShape.AluK, "xor", IsHex: true),
        new(Alu | Xor | X, ClassicShape.AluX, "xor"),
        new(Ldx | Msh | B, ClassicShape.HeaderLength, "ldxb"),
    ];

    private static readonly ExtensionName[] s_extensions =
    [
        new(Extension.Proto, "proto", "proto"),
        new(Extension.PktType, "type", "type"),
        new(Extension.IfIndex, "ifidx", "ifidx"),
        new(Extension.Nla, "nla", "nla"),
        new(Extension.NlaNest, "nlan", "nlan"),
        new(Extension.Mark, "mark", "mark"),
        new(Extension.Queue, "queue", "queue"),
        new(Extension.HaType, "hatype", "hatype"),
        new(Extension.RxHash, "rxhash", "rxhash"),
        new(Extension.Cpu, "cpu", "cpu"),
        new(Extension.AluXorX, null, "xor_x"),
        new(Extension.VlanTci, "vlan_tci", "vlan_tci"),
        new(Extension.VlanAvail, "vlan_avail", "vlanp", "vlan_pr"),
        new(Extension.PayOff, "poff", "poff"),
        new(Extension.Random, "rand", "random"),
        new(Extension.VlanTpid, "vlan_tpid", "vlan_tpid"),
    ];

    private static readonly ClassicForm?[] s_byCode = IndexByCode();

    /// <summary>The form of an opcode, or null when the machine has none.</summary>
    public static ClassicForm? Find(int code) => (uint)code < (uint)s_byCode.Length ? s_byCode[code] : null;

    /// <summary>The form with this name and shape, or null.</summary>
    public static ClassicForm? Find(ReadOnlySpan<char> mnemonic, ClassicShape shape)
    {
        foreach (ClassicForm form in s_forms)
            if (form.Shape == shape && mnemonic.Equals(form.Mnemonic, StringComparison.Ordinal))
                return form;
        return null;
    }

    /// <summary>The extension at an offset, or null.</summary>
    public static ExtensionName? FindExtension(uint offset) =>
        offset is >= Extension.Base and < Extension.End && offset % 4 == 0 ? s_extensions[(offset - Extension.Base) / 4] : null;

    /// <summary>The extension of a name, in either spelling, or null.</summary>
    public static ExtensionName? FindExtension(ReadOnlySpan<char> name)
    {
        foreach (ExtensionName e in s_extensions)
            if (name.SequenceEqual(e.Name) || name.SequenceEqual(e.ListingName) || e.Alias is not null && name.SequenceEqual(e.Alias))
                return e;
        return null;
    }

    private static ClassicForm?[] IndexByCode()
    {
        var index = new ClassicForm?[0x100];
        foreach (ClassicForm form in s_forms)
            index[form.Code] = form;
        return index;
    }
}
