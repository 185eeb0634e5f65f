using System.Runtime.CompilerServices;
using Hachi.Isa;
using Hachi.Vm.Machine;
using static Hachi.Vm.Machine.Fusion;
using static Hachi.Vm.Machine.Step;

namespace Hachi.Vm.Interpret;

/// <summary>
/// The interpreter: the readable reference of the machine, an instruction a line. Arithmetic is <see cref="Semantics"/>; every access is checked against
/// the regions that the program may touch.
/// </summary>
internal static unsafe partial class EbpfInterpreter
{
    /// <summary>Runs a function to its exit.</summary>
    /// <param name="invocation">Memory, fuel, helpers.</param>
    /// <param name="code">The code.</param>
    /// <param name="start">First slot of the function; its frame is counted in the state's depth already.</param>
    /// <param name="args">r1 to r5.</param>
    /// <returns>r0; 0 when there was a fault, which the state tells.</returns>
    public static ulong Run(Invocation invocation, EbpfCode code, int start, ulong* args) =>
        invocation.Unit.Watch is null ? Run<Unwatched>(invocation, code, start, args) : Run<Watched>(invocation, code, start, args);

    private static ulong Run<TWatch>(Invocation invocation, EbpfCode code, int start, ulong* args)
        where TWatch : struct
    {
        fixed (DecodedInsn* first = code.Decoded)
        {
            MachineState* s = invocation.State;
            ulong* r = stackalloc ulong[16];
            Frame* frames = stackalloc Frame[Limits.CallFramesMax];
            new Span<ulong>(r, 16).Clear();
            for (int a = 0; a < Limits.CallArgumentsMax; a++)
                r[a + 1] = args[a];
            r[Limits.FramePointer] = OpenFrame(invocation);
            long depth = s->Depth;
            DecodedInsn* i = first + start;
            byte* at;
            if (!invocation.Charge(code.SizeOf(start), start))
                return Fault(invocation, r);

        next:
            if (typeof(TWatch) == typeof(Watched) && IsStopped(invocation, (int)(i - first), r))
                goto fault;
            switch (typeof(TWatch) == typeof(Watched) ? Fusion.Single(i->Step) : i->Step)
            {
                case Alu64 | Add | X: r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], r[i->Src]); break;
                case Alu64 | Add | K: r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Add | X: r[i->Dst] = Semantics.Alu32(AluOp.Add, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Add | K: r[i->Dst] = Semantics.Alu32(AluOp.Add, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Sub | X: r[i->Dst] = Semantics.Alu64(AluOp.Sub, r[i->Dst], r[i->Src]); break;
                case Alu64 | Sub | K: r[i->Dst] = Semantics.Alu64(AluOp.Sub, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Sub | X: r[i->Dst] = Semantics.Alu32(AluOp.Sub, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Sub | K: r[i->Dst] = Semantics.Alu32(AluOp.Sub, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Mul | X: r[i->Dst] = Semantics.Alu64(AluOp.Mul, r[i->Dst], r[i->Src]); break;
                case Alu64 | Mul | K: r[i->Dst] = Semantics.Alu64(AluOp.Mul, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Mul | X: r[i->Dst] = Semantics.Alu32(AluOp.Mul, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Mul | K: r[i->Dst] = Semantics.Alu32(AluOp.Mul, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Or | X: r[i->Dst] = Semantics.Alu64(AluOp.Or, r[i->Dst], r[i->Src]); break;
                case Alu64 | Or | K: r[i->Dst] = Semantics.Alu64(AluOp.Or, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Or | X: r[i->Dst] = Semantics.Alu32(AluOp.Or, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Or | K: r[i->Dst] = Semantics.Alu32(AluOp.Or, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | And | X: r[i->Dst] = Semantics.Alu64(AluOp.And, r[i->Dst], r[i->Src]); break;
                case Alu64 | And | K: r[i->Dst] = Semantics.Alu64(AluOp.And, r[i->Dst], (ulong)i->Imm); break;
                case Alu | And | X: r[i->Dst] = Semantics.Alu32(AluOp.And, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | And | K: r[i->Dst] = Semantics.Alu32(AluOp.And, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Xor | X: r[i->Dst] = Semantics.Alu64(AluOp.Xor, r[i->Dst], r[i->Src]); break;
                case Alu64 | Xor | K: r[i->Dst] = Semantics.Alu64(AluOp.Xor, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Xor | X: r[i->Dst] = Semantics.Alu32(AluOp.Xor, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Xor | K: r[i->Dst] = Semantics.Alu32(AluOp.Xor, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Lsh | X: r[i->Dst] = Semantics.Alu64(AluOp.Lsh, r[i->Dst], r[i->Src]); break;
                case Alu64 | Lsh | K: r[i->Dst] = Semantics.Alu64(AluOp.Lsh, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Lsh | X: r[i->Dst] = Semantics.Alu32(AluOp.Lsh, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Lsh | K: r[i->Dst] = Semantics.Alu32(AluOp.Lsh, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Rsh | X: r[i->Dst] = Semantics.Alu64(AluOp.Rsh, r[i->Dst], r[i->Src]); break;
                case Alu64 | Rsh | K: r[i->Dst] = Semantics.Alu64(AluOp.Rsh, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Rsh | X: r[i->Dst] = Semantics.Alu32(AluOp.Rsh, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Rsh | K: r[i->Dst] = Semantics.Alu32(AluOp.Rsh, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Arsh | X: r[i->Dst] = Semantics.Alu64(AluOp.Arsh, r[i->Dst], r[i->Src]); break;
                case Alu64 | Arsh | K: r[i->Dst] = Semantics.Alu64(AluOp.Arsh, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Arsh | X: r[i->Dst] = Semantics.Alu32(AluOp.Arsh, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Arsh | K: r[i->Dst] = Semantics.Alu32(AluOp.Arsh, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Div | X: r[i->Dst] = Semantics.Alu64(AluOp.Div, r[i->Dst], r[i->Src]); break;
                case Alu64 | Div | K: r[i->Dst] = Semantics.Alu64(AluOp.Div, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Div | X: r[i->Dst] = Semantics.Alu32(AluOp.Div, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Div | K: r[i->Dst] = Semantics.Alu32(AluOp.Div, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Mod | X: r[i->Dst] = Semantics.Alu64(AluOp.Mod, r[i->Dst], r[i->Src]); break;
                case Alu64 | Mod | K: r[i->Dst] = Semantics.Alu64(AluOp.Mod, r[i->Dst], (ulong)i->Imm); break;
                case Alu | Mod | X: r[i->Dst] = Semantics.Alu32(AluOp.Mod, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | Mod | K: r[i->Dst] = Semantics.Alu32(AluOp.Mod, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | Mov | X: r[i->Dst] = r[i->Src]; break;
                case Alu64 | Mov | K: r[i->Dst] = (ulong)i->Imm; break;
                case Alu | Mov | X: r[i->Dst] = (uint)r[i->Src]; break;
                case Alu | Mov | K: r[i->Dst] = (uint)i->Imm; break;
                case Alu64 | Neg: r[i->Dst] = 0 - r[i->Dst]; break;
                case Alu | Neg: r[i->Dst] = 0 - (uint)r[i->Dst]; break;
                case MoveS8: r[i->Dst] = Semantics.SignExtend(r[i->Src], 8); break;
                case MoveS8Half: r[i->Dst] = (uint)Semantics.SignExtend(r[i->Src], 8); break;
                case MoveS16: r[i->Dst] = Semantics.SignExtend(r[i->Src], 16); break;
                case MoveS16Half: r[i->Dst] = (uint)Semantics.SignExtend(r[i->Src], 16); break;
                case MoveS32: r[i->Dst] = Semantics.SignExtend(r[i->Src], 32); break;
                case Alu64 | SDiv | X: r[i->Dst] = Semantics.Alu64(AluOp.SDiv, r[i->Dst], r[i->Src]); break;
                case Alu64 | SDiv | K: r[i->Dst] = Semantics.Alu64(AluOp.SDiv, r[i->Dst], (ulong)i->Imm); break;
                case Alu | SDiv | X: r[i->Dst] = Semantics.Alu32(AluOp.SDiv, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | SDiv | K: r[i->Dst] = Semantics.Alu32(AluOp.SDiv, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | SMod | X: r[i->Dst] = Semantics.Alu64(AluOp.SMod, r[i->Dst], r[i->Src]); break;
                case Alu64 | SMod | K: r[i->Dst] = Semantics.Alu64(AluOp.SMod, r[i->Dst], (ulong)i->Imm); break;
                case Alu | SMod | X: r[i->Dst] = Semantics.Alu32(AluOp.SMod, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case Alu | SMod | K: r[i->Dst] = Semantics.Alu32(AluOp.SMod, (uint)r[i->Dst], (uint)i->Imm); break;
                case Alu64 | End | ToLe: case Alu | End | ToBe: r[i->Dst] = Semantics.ByteSwap(r[i->Dst], 16); break;
                case Alu | End | ToLe: r[i->Dst] = Semantics.Truncate(r[i->Dst], 16); break;
                case Swap32: case Be32: r[i->Dst] = Semantics.ByteSwap(r[i->Dst], 32); break;
                case Le32: r[i->Dst] = Semantics.Truncate(r[i->Dst], 32); break;
                case Swap64: case Be64: r[i->Dst] = Semantics.ByteSwap(r[i->Dst], 64); break;
                case Le64: r[i->Dst] = Semantics.Truncate(r[i->Dst], 64); break;
                case LdImm64: r[i->Dst] = (ulong)i->Imm; i++; break;
                case Jmp | Jeq | X: if (Semantics.Compare64(CompareOp.Jeq, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jeq | K: if (Semantics.Compare64(CompareOp.Jeq, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jeq | X: if (Semantics.Compare32(CompareOp.Jeq, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jeq | K: if (Semantics.Compare32(CompareOp.Jeq, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jgt | X: if (Semantics.Compare64(CompareOp.Jgt, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jgt | K: if (Semantics.Compare64(CompareOp.Jgt, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jgt | X: if (Semantics.Compare32(CompareOp.Jgt, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jgt | K: if (Semantics.Compare32(CompareOp.Jgt, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jge | X: if (Semantics.Compare64(CompareOp.Jge, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jge | K: if (Semantics.Compare64(CompareOp.Jge, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jge | X: if (Semantics.Compare32(CompareOp.Jge, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jge | K: if (Semantics.Compare32(CompareOp.Jge, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jset | X: if (Semantics.Compare64(CompareOp.Jset, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jset | K: if (Semantics.Compare64(CompareOp.Jset, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jset | X: if (Semantics.Compare32(CompareOp.Jset, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jset | K: if (Semantics.Compare32(CompareOp.Jset, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jne | X: if (Semantics.Compare64(CompareOp.Jne, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jne | K: if (Semantics.Compare64(CompareOp.Jne, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jne | X: if (Semantics.Compare32(CompareOp.Jne, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jne | K: if (Semantics.Compare32(CompareOp.Jne, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jsgt | X: if (Semantics.Compare64(CompareOp.Jsgt, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jsgt | K: if (Semantics.Compare64(CompareOp.Jsgt, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jsgt | X: if (Semantics.Compare32(CompareOp.Jsgt, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jsgt | K: if (Semantics.Compare32(CompareOp.Jsgt, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jsge | X: if (Semantics.Compare64(CompareOp.Jsge, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jsge | K: if (Semantics.Compare64(CompareOp.Jsge, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jsge | X: if (Semantics.Compare32(CompareOp.Jsge, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jsge | K: if (Semantics.Compare32(CompareOp.Jsge, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jlt | X: if (Semantics.Compare64(CompareOp.Jlt, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jlt | K: if (Semantics.Compare64(CompareOp.Jlt, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jlt | X: if (Semantics.Compare32(CompareOp.Jlt, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jlt | K: if (Semantics.Compare32(CompareOp.Jlt, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jle | X: if (Semantics.Compare64(CompareOp.Jle, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jle | K: if (Semantics.Compare64(CompareOp.Jle, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jle | X: if (Semantics.Compare32(CompareOp.Jle, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jle | K: if (Semantics.Compare32(CompareOp.Jle, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jslt | X: if (Semantics.Compare64(CompareOp.Jslt, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jslt | K: if (Semantics.Compare64(CompareOp.Jslt, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jslt | X: if (Semantics.Compare32(CompareOp.Jslt, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jslt | K: if (Semantics.Compare32(CompareOp.Jslt, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Jsle | X: if (Semantics.Compare64(CompareOp.Jsle, r[i->Dst], r[i->Src])) goto jump; break;
                case Jmp | Jsle | K: if (Semantics.Compare64(CompareOp.Jsle, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case Jmp32 | Jsle | X: if (Semantics.Compare32(CompareOp.Jsle, (uint)r[i->Dst], (uint)r[i->Src])) goto jump; break;
                case Jmp32 | Jsle | K: if (Semantics.Compare32(CompareOp.Jsle, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case Jmp | Ja: case Jmp32 | Ja: goto jump;
                case Jmp | Jcond: if (s->MayGotoLeft == 0) goto jump; s->MayGotoLeft--; break;
                case Ldx | Mem | B: if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 0)) == null) goto slowRead; r[i->Dst] = *(byte*)at; break;
                case Ldx | Mem | H: if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 1)) == null) goto slowRead; r[i->Dst] = *(ushort*)at; break;
                case Ldx | Mem | W: if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 2)) == null) goto slowRead; r[i->Dst] = *(uint*)at; break;
                case Ldx | Mem | Dw: if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 3)) == null) goto slowRead; r[i->Dst] = *(ulong*)at; break;
                case Ldx | Memsx | B: if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 0)) == null) goto slowRead; r[i->Dst] = (ulong)(long)*(sbyte*)at; break;
                case Ldx | Memsx | H: if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 1)) == null) goto slowRead; r[i->Dst] = (ulong)(long)*(short*)at; break;
                case Ldx | Memsx | W: if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 2)) == null) goto slowRead; r[i->Dst] = (ulong)(long)*(int*)at; break;
                case Stx | Mem | B: if ((at = MachineState.FindWritable(s, r[i->Dst] + (ulong)i->Offset, 0)) == null) goto slowWrite; *(byte*)at = (byte)r[i->Src]; break;
                case St | Mem | B: if ((at = MachineState.FindWritable(s, r[i->Dst] + (ulong)i->Offset, 0)) == null) goto slowWrite; *(byte*)at = (byte)i->Imm; break;
                case Stx | Mem | H: if ((at = MachineState.FindWritable(s, r[i->Dst] + (ulong)i->Offset, 1)) == null) goto slowWrite; *(ushort*)at = (ushort)r[i->Src]; break;
                case St | Mem | H: if ((at = MachineState.FindWritable(s, r[i->Dst] + (ulong)i->Offset, 1)) == null) goto slowWrite; *(ushort*)at = (ushort)i->Imm; break;
                case Stx | Mem | W: if ((at = MachineState.FindWritable(s, r[i->Dst] + (ulong)i->Offset, 2)) == null) goto slowWrite; *(uint*)at = (uint)r[i->Src]; break;
                case St | Mem | W: if ((at = MachineState.FindWritable(s, r[i->Dst] + (ulong)i->Offset, 2)) == null) goto slowWrite; *(uint*)at = (uint)i->Imm; break;
                case Stx | Mem | Dw: if ((at = MachineState.FindWritable(s, r[i->Dst] + (ulong)i->Offset, 3)) == null) goto slowWrite; *(ulong*)at = (ulong)r[i->Src]; break;
                case St | Mem | Dw: if ((at = MachineState.FindWritable(s, r[i->Dst] + (ulong)i->Offset, 3)) == null) goto slowWrite; *(ulong*)at = (ulong)i->Imm; break;
                case MovAdd: r[i->Dst] = r[i->Src]; i++; r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], r[i->Src]); break;
                case MovAddK: r[i->Dst] = r[i->Src]; i++; r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], (ulong)i->Imm); break;
                case MovLsh: r[i->Dst] = r[i->Src]; i++; r[i->Dst] = Semantics.Alu64(AluOp.Lsh, r[i->Dst], (ulong)i->Imm); break;
                case MovRsh: r[i->Dst] = r[i->Src]; i++; r[i->Dst] = Semantics.Alu64(AluOp.Rsh, r[i->Dst], (ulong)i->Imm); break;
                case LshOr: r[i->Dst] = Semantics.Alu64(AluOp.Lsh, r[i->Dst], (ulong)i->Imm); i++; r[i->Dst] = Semantics.Alu64(AluOp.Or, r[i->Dst], r[i->Src]); break;
                case LshXor: r[i->Dst] = Semantics.Alu64(AluOp.Lsh, r[i->Dst], (ulong)i->Imm); i++; r[i->Dst] = Semantics.Alu64(AluOp.Xor, r[i->Dst], r[i->Src]); break;
                case RshOr: r[i->Dst] = Semantics.Alu64(AluOp.Rsh, r[i->Dst], (ulong)i->Imm); i++; r[i->Dst] = Semantics.Alu64(AluOp.Or, r[i->Dst], r[i->Src]); break;
                case RshXor: r[i->Dst] = Semantics.Alu64(AluOp.Rsh, r[i->Dst], (ulong)i->Imm); i++; r[i->Dst] = Semantics.Alu64(AluOp.Xor, r[i->Dst], r[i->Src]); break;
                case XorMov: r[i->Dst] = Semantics.Alu64(AluOp.Xor, r[i->Dst], r[i->Src]); i++; r[i->Dst] = r[i->Src]; break;
                case MovMov: r[i->Dst] = r[i->Src]; i++; r[i->Dst] = r[i->Src]; break;
                case AddAddK: r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], r[i->Src]); i++; r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], (ulong)i->Imm); break;
                case MovAddHalf: r[i->Dst] = (uint)r[i->Src]; i++; r[i->Dst] = Semantics.Alu32(AluOp.Add, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case MovLshHalf: r[i->Dst] = (uint)r[i->Src]; i++; r[i->Dst] = Semantics.Alu32(AluOp.Lsh, (uint)r[i->Dst], (uint)i->Imm); break;
                case MovRshHalf: r[i->Dst] = (uint)r[i->Src]; i++; r[i->Dst] = Semantics.Alu32(AluOp.Rsh, (uint)r[i->Dst], (uint)i->Imm); break;
                case RshLshHalf: r[i->Dst] = Semantics.Alu32(AluOp.Rsh, (uint)r[i->Dst], (uint)i->Imm); i++; r[i->Dst] = Semantics.Alu32(AluOp.Lsh, (uint)r[i->Dst], (uint)i->Imm); break;
                case LshOrHalf: r[i->Dst] = Semantics.Alu32(AluOp.Lsh, (uint)r[i->Dst], (uint)i->Imm); i++; r[i->Dst] = Semantics.Alu32(AluOp.Or, (uint)r[i->Dst], (uint)r[i->Src]); break;
                case OrMovHalf: r[i->Dst] = Semantics.Alu32(AluOp.Or, (uint)r[i->Dst], (uint)r[i->Src]); i++; r[i->Dst] = (uint)r[i->Src]; break;
                case AddKJeq: r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], (ulong)i->Imm); i++; if (Semantics.Compare64(CompareOp.Jeq, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case AddKJne: r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], (ulong)i->Imm); i++; if (Semantics.Compare64(CompareOp.Jne, r[i->Dst], (ulong)i->Imm)) goto jump; break;
                case AddKJeqHalf: r[i->Dst] = Semantics.Alu32(AluOp.Add, (uint)r[i->Dst], (uint)i->Imm); i++; if (Semantics.Compare32(CompareOp.Jeq, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case MovKJneHalf: r[i->Dst] = (uint)i->Imm; i++; if (Semantics.Compare32(CompareOp.Jne, (uint)r[i->Dst], (uint)i->Imm)) goto jump; break;
                case AddKJeqGoto: r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], (ulong)i->Imm); i++; if (Semantics.Compare64(CompareOp.Jeq, r[i->Dst], (ulong)i->Imm)) goto jump; i++; goto jump;
                case JeqGoto: if (Semantics.Compare64(CompareOp.Jeq, r[i->Dst], (ulong)i->Imm)) goto jump; i++; goto jump;
                case JneGoto: if (Semantics.Compare64(CompareOp.Jne, r[i->Dst], (ulong)i->Imm)) goto jump; i++; goto jump;
                case JeqGotoHalf: if (Semantics.Compare32(CompareOp.Jeq, (uint)r[i->Dst], (uint)i->Imm)) goto jump; i++; goto jump;
                case MovAddLoadB: r[i->Dst] = r[i->Src]; i++; r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], r[i->Src]); i++; if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 0)) == null) goto slowRead; r[i->Dst] = *(byte*)at; break;
                case MovAddLoadH: r[i->Dst] = r[i->Src]; i++; r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], r[i->Src]); i++; if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 1)) == null) goto slowRead; r[i->Dst] = *(ushort*)at; break;
                case MovAddLoadW: r[i->Dst] = r[i->Src]; i++; r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], r[i->Src]); i++; if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 2)) == null) goto slowRead; r[i->Dst] = *(uint*)at; break;
                case MovAddLoadDw: r[i->Dst] = r[i->Src]; i++; r[i->Dst] = Semantics.Alu64(AluOp.Add, r[i->Dst], r[i->Src]); i++; if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 3)) == null) goto slowRead; r[i->Dst] = *(ulong*)at; break;
                case LoadStoreB: if ((at = MachineState.Find(s, r[i->Src] + (ulong)i->Offset, 0)) == null) goto slowRead; r[i->Dst] = *(byte*)at; i++; if ((at = MachineState.FindWritable(s, r[i->Dst] + (ulong)i->Offset, 0)) == null) goto slowWrite; *(byte*)at = (byte)r[i->Src]; break;
                case Stx | Atomic | W: case Stx | Atomic | Dw: case Stx | Atomic | B: case Stx | Atomic | H: if (!RunAtomic(invocation, i, r)) goto fault; break;
                case Jmp | Call:
                    if (CallHelper(invocation, i, first, r))
                        return r[0];
                    if (s->Fault != 0)
                        goto fault;
                    break;
                case Ld | Abs | B:
                case Ld | Abs | H:
                case Ld | Abs | W:
                case Ld | Ind | B:
                case Ld | Ind | H:
                case Ld | Ind | W:
                    if (LoadPacket(invocation, i, r))
                        break;
                    r[0] = 0; // a load outside the packet ends the function
                    goto case Jmp | Exit;
                case Jmp | Call | X:
                    if (Handle.FunctionStart(r[i->Dst]) < 0)
                    {
                        if (CallHelperById(invocation, i, first, r))
                            return r[0];
                        if (s->Fault != 0)
                            goto fault;
                        break;
                    }
                    goto case CallLocal;
                case CallLocal:
                    int target = i->Step == CallLocal ? i->Offset : Handle.FunctionStart(r[i->Dst]);
                    if (!Enter(invocation, code, target, frames + (s->Depth - depth), i, first, r))
                        goto fault;
                    i = first + target;
                    goto next;
                case Jmp | Exit:
                    if (s->Depth == depth)
                        return r[0];
                    s->Depth--;
                    frames[s->Depth - depth].Restore(r);
                    i = first + frames[s->Depth - depth].ReturnTo;
                    goto next;
                default:
                    invocation.SetFault(FaultReason.FellOff, (int)(i - first));
                    goto fault;
            }
            i++;
            goto next;

        jump:
            DecodedInsn* to = first + i->Offset;
            if (to <= i && (s->Fuel -= i - to + 1) < 0)
            {
                invocation.SetFault(FaultReason.OutOfFuel, (int)(i - first));
                goto fault;
            }
            i = to;
            goto next;

        slowRead:
            if (!ReadField(invocation, i, (int)(i - first), r))
                goto fault;
            i++;
            goto next;

        slowWrite:
            if (!WriteField(invocation, i, (int)(i - first), r))
                goto fault;
            i++;
            goto next;

        fault:
            s->Depth = depth;
            return Fault(invocation, r);
        }
    }
}
