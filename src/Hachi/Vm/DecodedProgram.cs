using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Captures;
using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Vm;

/// <summary>
/// A classic program decoded for speed: jump targets are absolute, what is malformed has become a rejection, a load and the test behind it are one step.
/// Gives the verdicts of <see cref="ClassicInterpreter"/> on every program; that one is the witness, this one runs where nothing can be compiled.
/// </summary>
internal sealed class DecodedProgram
{
    private enum Op : byte
    {
        Reject, ReturnK, ReturnA,
        LoadWord, LoadHalf, LoadByte,
        WordEquals, HalfEquals, ByteEquals,
        IndexWord, IndexHalf, IndexByte, HeaderLength,
        Equal, Greater, GreaterEqual, Set, EqualX, GreaterX, GreaterEqualX, SetX, Jump, JumpBack,
        LoadA, LoadX, LengthA, LengthX, MemoryA, MemoryX, StoreA, StoreX, AToX, XToA, And,
        Alu, AluX, Window, WindowHeader, Extension,
    }

    /// <summary>One step. K is its operand; K2 the constant of a fused test, or the code of an arithmetic step; the targets are indexes.</summary>
    private readonly record struct Step(Op Op, uint K, uint K2 = 0, int True = 0, int False = 0);

    private readonly Step[] _steps;

    /// <summary>Decodes a program; any program can be.</summary>
    public DecodedProgram(ClassicProgram program)
    {
        _steps = new Step[program.Length + 1]; // the last rejects what falls off the end
        for (int i = 0; i < program.Length; i++)
            _steps[i] = Decode(program[i], i, program.Length);
        for (int i = 0; i + 1 < program.Length; i++)
            if (_steps[i].Op is Op.LoadWord or Op.LoadHalf or Op.LoadByte && _steps[i + 1] is { Op: Op.Equal } test)
                _steps[i] = new Step(_steps[i].Op + (Op.WordEquals - Op.LoadWord), _steps[i].K, test.K, test.True, test.False);
    }

    /// <summary>Runs the program over a packet; see <see cref="ClassicInterpreter.Run"/>.</summary>
    public uint Run(ReadOnlySpan<byte> packet, uint wireLength, in PacketMetadata metadata)
    {
        ref byte bytes = ref MemoryMarshal.GetReference(packet);
        ref Step steps = ref MemoryMarshal.GetArrayDataReference(_steps);
        ulong length = (ulong)packet.Length;
        uint a = 0, x = 0;
        int pc = 0, fuel = ClassicInterpreter.DefaultFuel;
        Span<uint> memory = stackalloc uint[Limits.ClassicMemoryWords];
        while (true)
        {
            ref Step s = ref Unsafe.Add(ref steps, pc++); // decoding has made sure that there is one
            switch (s.Op)
            {
                case Op.LoadWord when s.K + 4UL <= length: a = Word(ref bytes, s.K); continue;
                case Op.LoadHalf when s.K + 2UL <= length: a = Half(ref bytes, s.K); continue;
                case Op.LoadByte when s.K < length: a = Unsafe.Add(ref bytes, (nint)s.K); continue;
                case Op.WordEquals when s.K + 4UL <= length: a = Word(ref bytes, s.K); pc = a == s.K2 ? s.True : s.False; continue;
                case Op.HalfEquals when s.K + 2UL <= length: a = Half(ref bytes, s.K); pc = a == s.K2 ? s.True : s.False; continue;
                case Op.ByteEquals when s.K < length: a = Unsafe.Add(ref bytes, (nint)s.K); pc = a == s.K2 ? s.True : s.False; continue;
                case Op.IndexWord when (ulong)x + s.K + 4 <= length: a = Word(ref bytes, (ulong)x + s.K); continue;
                case Op.IndexHalf when (ulong)x + s.K + 2 <= length: a = Half(ref bytes, (ulong)x + s.K); continue;
                case Op.IndexByte when (ulong)x + s.K < length: a = Unsafe.Add(ref bytes, (nint)((ulong)x + s.K)); continue;
                case Op.HeaderLength when s.K < length: x = 4 * (Unsafe.Add(ref bytes, (nint)s.K) & 0xfu); continue;
                case Op.Equal: pc = a == s.K ? s.True : s.False; continue;
                case Op.Greater: pc = a > s.K ? s.True : s.False; continue;
                case Op.GreaterEqual: pc = a >= s.K ? s.True : s.False; continue;
                case Op.Set: pc = (a & s.K) != 0 ? s.True : s.False; continue;
                case Op.EqualX: pc = a == x ? s.True : s.False; continue;
                case Op.GreaterX: pc = a > x ? s.True : s.False; continue;
                case Op.GreaterEqualX: pc = a >= x ? s.True : s.False; continue;
                case Op.SetX: pc = (a & x) != 0 ? s.True : s.False; continue;
                case Op.Jump: pc = s.True; continue;
                case Op.JumpBack when fuel-- > 0: pc = s.True; continue;
                case Op.LoadA: a = s.K; continue;
                case Op.LoadX: x = s.K; continue;
                case Op.LengthA: a = wireLength; continue;
                case Op.LengthX: x = wireLength; continue;
                case Op.MemoryA: a = memory[(int)s.K]; continue;
                case Op.MemoryX: x = memory[(int)s.K]; continue;
                case Op.StoreA: memory[(int)s.K] = a; continue;
                case Op.StoreX: memory[(int)s.K] = x; continue;
                case Op.AToX: x = a; continue;
                case Op.XToA: a = x; continue;
                case Op.And: a &= s.K; continue;
                case Op.ReturnK: return s.K;
                case Op.ReturnA: return a;
                case Op.Alu when Semantics.ClassicAlu((int)s.K2, a, s.K, out uint result): a = result; continue;
                case Op.AluX when Semantics.ClassicAlu((int)s.K2, a, x, out uint result): a = result; continue;
                case Op.Window when PacketBytes.TryLoad(packet, s.K, (int)s.K2, metadata, out uint loaded): a = loaded; continue;
                case Op.WindowHeader when PacketBytes.TryLoad(packet, s.K, 1, metadata, out uint first): x = 4 * (first & 0xf); continue;
                case Op.Extension when PacketExtensions.TryRead(s.K, ref a, x, packet, metadata): continue;
                default: return 0;
            }
        }
    }

    private static uint Word(ref byte bytes, ulong at)
    {
        uint word = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref bytes, (nint)at));
        return BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(word) : word;
    }

    private static uint Half(ref byte bytes, ulong at)
    {
        ushort half = Unsafe.ReadUnaligned<ushort>(ref Unsafe.Add(ref bytes, (nint)at));
        return BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(half) : half;
    }

    private static Step Decode(ClassicInsn insn, int at, int length)
    {
        if (ClassicTable.Find(insn.Code) is not { } form)
            return default;
        bool isX = (insn.Code & ClassMask) is Ldx or Stx;
        uint k = insn.K;
        switch (form.Shape)
        {
            case ClassicShape.Absolute when k >= Hachi.Isa.Extension.Base:
                return ClassicTable.FindExtension(k) is null ? default : new Step(Op.Extension, k);
            case ClassicShape.Absolute when k > int.MaxValue:
                return new Step(Op.Window, k, SizeOf(insn));
            case ClassicShape.Absolute:
                return new Step(Sized(Op.LoadWord, insn), k);
            case ClassicShape.Indirect:
                return k > int.MaxValue ? default : new Step(Sized(Op.IndexWord, insn), k);
            case ClassicShape.HeaderLength:
                return new Step(k > int.MaxValue ? Op.WindowHeader : Op.HeaderLength, k);
            case ClassicShape.Immediate:
                return new Step(isX ? Op.LoadX : Op.LoadA, k);
            case ClassicShape.Length:
                return new Step(isX ? Op.LengthX : Op.LengthA, 0);
            case ClassicShape.Memory when k < Limits.ClassicMemoryWords:
                return new Step((insn.Code & ClassMask) switch { Ld => Op.MemoryA, Ldx => Op.MemoryX, St => Op.StoreA, _ => Op.StoreX }, k);
            case ClassicShape.AluK:
                return insn.Code == (ClassicOpcode.Alu | ClassicOpcode.And) ? new Step(Op.And, k) : new Step(Op.Alu, k, insn.Code);
            case ClassicShape.AluX:
                return new Step(Op.AluX, 0, insn.Code);
            case ClassicShape.Plain:
                return insn.Code == (Misc | Tax) ? new Step(Op.AToX, 0) : insn.Code == (Misc | Txa) ? new Step(Op.XToA, 0) : new Step(Op.Alu, 0, insn.Code);
            case ClassicShape.Jump:
                return DecodeJump(k, at, length);
            case ClassicShape.BranchK or ClassicShape.BranchX:
                return DecodeBranch(insn, at, length);
            case ClassicShape.ReturnK:
                return new Step(Op.ReturnK, k);
            case ClassicShape.ReturnA:
                return new Step(Op.ReturnA, 0);
            default:
                return default;
        }
    }

    private static Step DecodeJump(uint k, int at, int length)
    {
        long target = at + 1 + (long)(int)k;
        if (target < 0)
            return default;
        return new Step(target <= at ? Op.JumpBack : Op.Jump, 0, 0, (int)Math.Min(target, length));
    }

    private static Step DecodeBranch(ClassicInsn insn, int at, int length)
    {
        int whenTrue = Math.Min(at + 1 + insn.Jt, length), whenFalse = Math.Min(at + 1 + insn.Jf, length);
        Op op = (insn.Code & OpMask) switch { Jeq => Op.Equal, Jgt => Op.Greater, Jge => Op.GreaterEqual, _ => Op.Set };
        if ((insn.Code & X) != 0)
            op += Op.EqualX - Op.Equal;
        return new Step(op, insn.K, 0, whenTrue, whenFalse);
    }

    private static uint SizeOf(ClassicInsn insn) => (insn.Code & SizeMask) switch { W => 4, H => 2, _ => 1 };

    private static Op Sized(Op word, ClassicInsn insn) => word + ((insn.Code & SizeMask) switch { W => 0, H => 1, _ => 2 });
}
