using Hachi.Captures;
using Hachi.Isa;

namespace Hachi.Linux.Capture;

/// <summary>
/// A filter for LINUX_SLL, LINUX_SLL2 or NETLINK packets, made to run where the kernel has no such header: behind it offsets shrink by its length, inside it fields are
/// metadata, and the packet's length lacks it.
/// </summary>
internal static class CookedFilter
{
    private const int Word = ClassicOpcode.W, Half = ClassicOpcode.H, Byte = ClassicOpcode.B;

    /// <summary>Length of the header that we make.</summary>
    public static int HeaderBytes(LinkType link) => link == LinkType.LinuxSll2 ? 20 : 16;

    /// <summary>The program for the kernel; empty when there is none that means the same.</summary>
    public static ReadOnlySpan<ClassicInsn> Translate(ReadOnlySpan<ClassicInsn> program, LinkType link)
    {
        uint header = (uint)HeaderBytes(link);
        var result = new List<ClassicInsn>(program.Length + 4);
        int[] place = new int[program.Length + 1];
        for (int i = 0; i < program.Length; i++)
        {
            place[i] = result.Count;
            ClassicInsn insn = program[i];
            if ((insn.Code & ClassicOpcode.ClassMask) is not (ClassicOpcode.Ld or ClassicOpcode.Ldx))
            {
                result.Add(insn);
                continue;
            }
            if (!TryLoad(insn, link, header, out ClassicInsn load))
                return [];
            result.Add(load);
            if (insn.Code == (ClassicOpcode.Ld | ClassicOpcode.Len))
                result.Add(new ClassicInsn(ClassicOpcode.Alu | ClassicOpcode.Add | ClassicOpcode.K, header));
        }
        place[program.Length] = result.Count;
        return TryLinkJumps(program, result, place) ? result.ToArray() : [];
    }

    private static bool TryLoad(ClassicInsn insn, LinkType link, uint header, out ClassicInsn load)
    {
        load = insn;
        int mode = insn.Code & ClassicOpcode.ModeMask, size = insn.Code & ClassicOpcode.SizeMask;
        switch (mode)
        {
            case ClassicOpcode.Imm or ClassicOpcode.Mem:
                return true;
            case ClassicOpcode.Len: // in X there is nothing to add with that leaves A alone
                return insn.Code == (ClassicOpcode.Ld | ClassicOpcode.Len);
            case ClassicOpcode.Abs when insn.K >= Extension.NetOff:
                return true;
            case ClassicOpcode.Abs when insn.K < header:
                if (Field(link, size, insn.K) is not { } field)
                    return false;
                load = field;
                return true;
            case ClassicOpcode.Abs or ClassicOpcode.Ind or ClassicOpcode.Msh when insn.K >= header && insn.K <= int.MaxValue:
                load = insn with { K = insn.K - header };
                return true;
            default: // an offset from X may lead into the header
                return false;
        }
    }

    /// <summary>The load of metadata that gives a whole field of the header.</summary>
    private static ClassicInsn? Field(LinkType link, int size, uint offset) => (link != LinkType.LinuxSll2, size, offset) switch
    {
        (true, Half, 0) or (false, Byte, 10) => Read(Extension.PktType),
        (true, Half, 2) or (false, Half, 8) => Read(Extension.HaType),
        (true, Half, 14) or (false, Half, 0) => Read(Extension.Proto),
        (false, Word, 4) => Read(Extension.IfIndex),
        (false, Half, 2) => new ClassicInsn(ClassicOpcode.Ld | ClassicOpcode.Imm, 0),
        _ => null,
    };

    private static ClassicInsn Read(uint extension) => new(ClassicOpcode.Ld | ClassicOpcode.Abs, extension);

    private static bool TryLinkJumps(ReadOnlySpan<ClassicInsn> program, List<ClassicInsn> result, int[] place)
    {
        for (int i = 0; i < program.Length; i++)
        {
            ClassicInsn insn = program[i];
            if ((insn.Code & ClassicOpcode.ClassMask) != ClassicOpcode.Jmp)
                continue;
            int at = place[i];
            if ((insn.Code & ClassicOpcode.OpMask) == ClassicOpcode.Ja)
            {
                result[at] = insn with { K = (uint)(place[i + 1 + (int)insn.K] - at - 1) };
                continue;
            }
            int yes = place[i + 1 + insn.Jt] - at - 1, no = place[i + 1 + insn.Jf] - at - 1;
            if (yes > byte.MaxValue || no > byte.MaxValue)
                return false;
            result[at] = insn with { Jt = (byte)yes, Jf = (byte)no };
        }
        return true;
    }
}
