namespace Hachi.Isa;

/// <summary>The opcode bits of classic BPF (linux/bpf_common.h, linux/filter.h). Everything else composes its constants from these.</summary>
public static class ClassicOpcode
{
#pragma warning disable CS1591 // the names are the kernel's
    public const int Ld = 0x00, Ldx = 0x01, St = 0x02, Stx = 0x03, Alu = 0x04, Jmp = 0x05, Ret = 0x06, Misc = 0x07, ClassMask = 0x07;
    public const int W = 0x00, H = 0x08, B = 0x10, SizeMask = 0x18;
    public const int Imm = 0x00, Abs = 0x20, Ind = 0x40, Mem = 0x60, Len = 0x80, Msh = 0xa0, ModeMask = 0xe0;
    public const int Add = 0x00, Sub = 0x10, Mul = 0x20, Div = 0x30, Or = 0x40, And = 0x50, Lsh = 0x60, Rsh = 0x70, Neg = 0x80, Mod = 0x90, Xor = 0xa0, OpMask = 0xf0;
    public const int Ja = 0x00, Jeq = 0x10, Jgt = 0x20, Jge = 0x30, Jset = 0x40;
    public const int K = 0x00, X = 0x08, A = 0x10;
    public const int Tax = 0x00, Txa = 0x80;
#pragma warning restore CS1591
}

/// <summary>Offsets of the Linux packet extensions: absolute loads at <see cref="Base"/> + n read metadata (linux/filter.h, <c>SKF_AD_*</c>).</summary>
public static class Extension
{
#pragma warning disable CS1591
    public const uint Base = 0xfffff000; // SKF_AD_OFF, -0x1000
    public const uint Proto = Base + 0, PktType = Base + 4, IfIndex = Base + 8, Nla = Base + 12, NlaNest = Base + 16, Mark = Base + 20,
        Queue = Base + 24, HaType = Base + 28, RxHash = Base + 32, Cpu = Base + 36, AluXorX = Base + 40, VlanTci = Base + 44,
        VlanAvail = Base + 48, PayOff = Base + 52, Random = Base + 56, VlanTpid = Base + 60;
    public const uint End = Base + 64;
    public const uint NetOff = 0xfff00000, LinkLayerOff = 0xffe00000; // SKF_NET_OFF, SKF_LL_OFF
#pragma warning restore CS1591
}
