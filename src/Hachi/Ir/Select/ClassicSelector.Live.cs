using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Select;

/// <summary>
/// What is still read behind each instruction, found while they are placed. Values are computed where a block wants them, and what follows may turn out to have
/// them already: what is then computed in vain is left out.
/// </summary>
internal sealed partial class ClassicSelector
{
    private const uint LiveA = 1 << Limits.ClassicMemoryWords, LiveX = LiveA << 1, LiveAll = (LiveX << 1) - 1;

    private uint[] _live = new uint[128];
    private bool _loops;

    private void BeginLive()
    {
        if (_live.Length <= _count)
            _live = new uint[_count * 2];
        _live[_count] = 0;
        _loops = false;
        for (int i = 0; i < _count; i++)
            _loops |= _code[i].True != None && _code[i].TrueAt <= i; // a header chain: there is no last place to start from
    }

    /// <summary>Notes what is live before an instruction, of which all that follow are known; true when it need not be there.</summary>
    private bool IsInVain(in Insn insn, int i)
    {
        if (_loops)
            return false;
        if (_alias[i] != i)
        {
            _live[i] = _live[_alias[i]];
            return false;
        }
        int kind = insn.Code & ClassMask;
        uint after = kind == Ret ? 0 : insn.True == None ? _live[i + 1] : (insn.Code & OpMask) == Ja ? _live[insn.TrueAt] : _live[insn.TrueAt] | _live[insn.FalseAt];
        uint writes = Writes(insn, kind);
        if (writes != 0 && (writes & after) == 0 && !MayFail(insn, kind))
        {
            _live[i] = after;
            return true;
        }
        _live[i] = (after & ~writes) | Reads(insn, kind);
        return false;
    }

    private static uint Writes(in Insn insn, int kind) => kind switch
    {
        Ld or Alu => LiveA,
        Ldx => LiveX,
        St or Stx => 1u << (int)insn.K,
        Misc => insn.Code == (Misc | Tax) ? LiveX : LiveA,
        _ => 0,
    };

    private static uint Reads(in Insn insn, int kind) => kind switch
    {
        Ld or Ldx => (insn.Code & ModeMask) switch
        {
            Mem => 1u << (int)insn.K,
            Ind => LiveX,
            Abs when insn.K >= Extension.Base => LiveA | LiveX, // some extensions have arguments
            _ => 0,
        },
        St => LiveA,
        Stx => LiveX,
        Alu or Jmp => insn.Code == (Jmp | Ja) ? 0 : (insn.Code & X) != 0 ? LiveA | LiveX : LiveA,
        Ret => (insn.Code & 0x18) == A ? LiveA : 0,
        Misc => insn.Code == (Misc | Tax) ? LiveA : LiveX,
        _ => LiveAll,
    };

    private static bool MayFail(in Insn insn, int kind) => kind switch
    {
        Ld or Ldx => (insn.Code & ModeMask) is not (Imm or Len or Mem),
        Alu => (insn.Code & X) != 0 && (insn.Code & OpMask) is Div or Mod,
        _ => false,
    };
}
