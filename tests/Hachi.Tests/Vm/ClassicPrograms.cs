using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Tests.Vm;

/// <summary>Random classic programs: some that any kernel would attach, some that nobody should.</summary>
internal static class ClassicPrograms
{
    private static readonly int[] s_alu = [Add, Sub, Mul, Div, Or, And, Lsh, Rsh, Neg, Mod, Xor];
    private static readonly int[] s_jumps = [Jeq, Jgt, Jge, Jset];

    private static readonly uint[] s_extensions =
    [
        Extension.Proto, Extension.PktType, Extension.IfIndex, Extension.Nla, Extension.NlaNest, Extension.Queue, Extension.HaType, Extension.AluXorX,
        Extension.VlanTci, Extension.VlanAvail, Extension.PayOff,
    ];

    /// <summary>
    /// A program that Linux attaches and whose meaning Linux defines: forward jumps, no shift by X that could reach 32, M[0] to M[3] stored before use.
    /// </summary>
    public static ClassicInsn[] Valid(Random random) => Make(random, plain: false);

    /// <summary>The same without what only the interpreter takes: loads relative to a header, extensions that search the packet.</summary>
    public static ClassicInsn[] Plain(Random random) => Make(random, plain: true);

    private static ClassicInsn[] Make(Random random, bool plain)
    {
        var insns = new List<ClassicInsn>();
        for (uint i = 0; i < 4; i++)
            insns.Add(new ClassicInsn(i % 2 == 0 ? St : Stx, i));
        int length = random.Next(1, 40);
        for (int i = 0; i < length; i++)
        {
            int left = length - i; // the last two are rets
            if (random.Next(4) == 0)
                insns.Add(Jump(random, left));
            else
                insns.Add(Straight(random, plain));
        }
        insns.Add(new ClassicInsn(random.Next(3) == 0 ? Ret | A : Ret | K, Constant(random)));
        insns.Add(new ClassicInsn(Ret | K, 0xffff));
        return [.. insns];
    }

    /// <summary>The same, and without extensions: what runs over batches.</summary>
    public static ClassicInsn[] PacketOnly(Random random)
    {
        ClassicInsn[] insns = Make(random, plain: true);
        for (int i = 0; i < insns.Length; i++)
            if (insns[i].Code is (Ld | Abs) or (Ld | Abs | H) or (Ld | Abs | B) && insns[i].K >= Extension.Base)
                insns[i] = new ClassicInsn(Ld | Abs, (uint)random.Next(70));
        return insns;
    }

    /// <summary>Anything at all: random words, or a good program with a few instructions spoiled.</summary>
    public static ClassicInsn[] Hostile(Random random)
    {
        ClassicInsn[] insns = Make(random, random.Next(2) == 0);
        int spoiled = random.Next(1, 5);
        for (int i = 0; i < spoiled; i++)
        {
            int at = random.Next(insns.Length);
            insns[at] = random.Next(4) switch
            {
                0 => new ClassicInsn((ushort)random.Next(0x10000), (byte)random.Next(256), (byte)random.Next(256), (uint)random.NextInt64()),
                1 => new ClassicInsn((ushort)random.Next(0x100), insns[at].Jt, insns[at].Jf, Constant(random)),
                2 => new ClassicInsn(Jmp | Ja, (uint)random.Next(-at - 2, 10)),
                _ => new ClassicInsn((ushort)(insns[at].Code & 7 | random.Next(256)), insns[at].Jt, insns[at].Jf, (uint)random.NextInt64()),
            };
        }
        return insns;
    }

    /// <summary>A frame whose EtherType no network stack touches on the way, 14 to 120 bytes.</summary>
    public static byte[] Frame(Random random)
    {
        byte[] frame = new byte[random.Next(14, 120)];
        random.NextBytes(frame);
        if (random.Next(3) == 0)
            Array.Clear(frame, 14, frame.Length - 14);
        frame[0] &= 0xfe; // no multicast
        frame[12] = 0x88;
        frame[13] = 0xb5;
        for (int i = random.Next(0, 6); i > 0; i--)
            if (frame.Length > 30)
                frame[random.Next(14, frame.Length)] = (byte)random.Next(0, 12);
        return frame;
    }

    private static ClassicInsn Jump(Random random, int left)
    {
        int reach = Math.Min(left, 12);
        if (random.Next(8) == 0)
            return new ClassicInsn(Jmp | Ja, (uint)random.Next(reach + 1));
        int source = random.Next(3) == 0 ? X : K;
        return new ClassicInsn((ushort)(Jmp | s_jumps[random.Next(s_jumps.Length)] | source), (byte)random.Next(reach + 1), (byte)random.Next(reach + 1),
            source == X ? 0 : Constant(random));
    }

    private static ClassicInsn Straight(Random random, bool plain)
    {
        int size = random.Next(3) * 8;
        switch (random.Next(14))
        {
            case 0 or 1 or 2:
                return new ClassicInsn(Ld | Abs | size, Offset(random, plain));
            case 3 or 4:
                return new ClassicInsn(Ld | Ind | size, random.Next(3) == 0 ? Constant(random) : (uint)random.Next(60));
            case 5:
                return new ClassicInsn(Ldx | Msh | B, Offset(random, plain));
            case 6:
                return new ClassicInsn((random.Next(2) == 0 ? Ld : Ldx) | Len);
            case 7:
                return new ClassicInsn((random.Next(2) == 0 ? Ld : Ldx) | Imm, Constant(random));
            case 8:
                return new ClassicInsn((random.Next(2) == 0 ? Ld : Ldx) | Mem, (uint)random.Next(4));
            case 9:
                return new ClassicInsn(random.Next(2) == 0 ? St : Stx, (uint)random.Next(16));
            case 10:
                return new ClassicInsn(Misc | (random.Next(2) == 0 ? Tax : Txa));
            case 11:
                return new ClassicInsn(Ld | Abs | size, plain ? Extension.VlanTci : s_extensions[random.Next(s_extensions.Length)]);
            default:
                return Arithmetic(random);
        }
    }

    private static ClassicInsn Arithmetic(Random random)
    {
        int op = s_alu[random.Next(s_alu.Length)];
        bool shift = op is Lsh or Rsh;
        if (op == Neg)
            return new ClassicInsn(Alu | Neg);
        if (!shift && random.Next(2) == 0)
            return new ClassicInsn(Alu | op | X);
        uint k = shift ? (uint)random.Next(32) : Constant(random);
        return new ClassicInsn(Alu | op, op is Div or Mod ? Math.Max(1, k) : k);
    }

    private static uint Offset(Random random, bool plain) => random.Next(plain ? 2 : 0, 12) switch
    {
        0 => Extension.NetOff + (uint)random.Next(40),
        1 => Extension.LinkLayerOff + (uint)random.Next(40),
        2 => (uint)random.NextInt64(0x100000000 - 0x1000),
        _ => (uint)random.Next(70),
    };

    private static uint Constant(Random random) => random.Next(4) switch
    {
        0 => (uint)random.NextInt64(0x100000000),
        1 => 1u << random.Next(32),
        _ => (uint)random.Next(80),
    };
}
