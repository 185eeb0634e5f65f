using System.Buffers.Binary;
using System.Reflection.Metadata;

namespace Hachi.Lang.CSharp;

/// <summary>One instruction of IL (ECMA-335, partition III).</summary>
/// <param name="Offset">Where it begins.</param>
/// <param name="Next">Where the next one begins.</param>
/// <param name="Code">What it does.</param>
/// <param name="Operand">Its operand: a number, a token, the offset that it jumps to.</param>
/// <param name="Targets">Where a switch jumps to; otherwise null.</param>
internal sealed record IlInsn(int Offset, int Next, ILOpCode Code, long Operand, int[]? Targets)
{
    /// <summary>Whether it jumps when something holds.</summary>
    public bool IsBranch => Code is (>= ILOpCode.Brfalse_s and <= ILOpCode.Blt_un_s) or (>= ILOpCode.Brfalse and <= ILOpCode.Blt_un);

    /// <summary>Whether it always jumps.</summary>
    public bool IsJump => Code is ILOpCode.Br or ILOpCode.Br_s;

    /// <summary>Whether what stands behind it is not reached from it.</summary>
    public bool EndsFlow => IsJump || Code is ILOpCode.Ret or ILOpCode.Throw or ILOpCode.Rethrow or ILOpCode.Leave or ILOpCode.Leave_s or ILOpCode.Endfinally or ILOpCode.Jmp;
}

/// <summary>The instructions of a method, and the order to take its blocks in.</summary>
internal sealed class Il
{
    private readonly Dictionary<int, int> _at = []; // offset => index

    private Il(List<IlInsn> insns) => Insns = insns;

    /// <summary>The instructions.</summary>
    public List<IlInsn> Insns { get; }

    /// <summary>Indexes of the first instructions of blocks, each behind all that lead to it, but for jumps back.</summary>
    public List<int> Order { get; private set; } = [];

    /// <summary>Indexes where blocks begin.</summary>
    public HashSet<int> Leaders { get; } = [];

    /// <summary>Those of them that are jumped to from below.</summary>
    public HashSet<int> LoopHeads { get; } = [];

    /// <summary>Index of the instruction at an offset.</summary>
    public int IndexOf(int offset) => _at[offset];

    /// <summary>Decodes a method's code; null when it is damaged.</summary>
    public static Il? Decode(byte[] code)
    {
        var il = new Il([]);
        for (int at = 0; at < code.Length;)
        {
            if (Read(code, at) is not { } insn)
                return null;
            il._at[at] = il.Insns.Count;
            il.Insns.Add(insn);
            at = insn.Next;
        }
        foreach (IlInsn insn in il.Insns)
            foreach (int target in TargetsOf(insn))
                if (!il._at.ContainsKey(target))
                    return null;
        if (il.Insns.Count == 0 || !il.Insns[^1].EndsFlow)
            return null;
        il.FindBlocks();
        return il;
    }

    /// <summary>Where an instruction may jump to.</summary>
    public static IEnumerable<int> TargetsOf(IlInsn insn) => insn.Targets ?? (insn.IsBranch || insn.IsJump ? [(int)insn.Operand] : []);

    private static IlInsn? Read(byte[] code, int start)
    {
        int at = start, op = code[at++];
        if (op == 0xfe)
        {
            if (at >= code.Length)
                return null;
            op = 0xfe00 | code[at++];
        }
        var kind = (ILOpCode)op;
        int size = OperandBytes(kind);
        if (at + size > code.Length)
            return null;
        long operand = size switch
        {
            0 => 0,
            1 => (sbyte)code[at],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(code.AsSpan(at)),
            4 => BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at)),
            _ => BinaryPrimitives.ReadInt64LittleEndian(code.AsSpan(at)),
        };
        at += size;
        int[]? targets = null;
        if (kind == ILOpCode.Switch)
        {
            if (operand < 0 || operand > (code.Length - at) / 4)
                return null;
            int first = at;
            at += (int)operand * 4;
            targets = new int[operand];
            for (int i = 0; i < targets.Length; i++)
                targets[i] = at + BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(first + (i * 4)));
        }
        var insn = new IlInsn(start, at, kind, operand, targets);
        if (kind is ILOpCode.Ldarg_s or ILOpCode.Ldarga_s or ILOpCode.Starg_s or ILOpCode.Ldloc_s or ILOpCode.Ldloca_s or ILOpCode.Stloc_s)
            return insn with { Operand = (byte)operand };
        return insn.IsBranch || insn.IsJump || kind is ILOpCode.Leave or ILOpCode.Leave_s ? insn with { Operand = at + operand } : insn;
    }

    private static int OperandBytes(ILOpCode code) => code switch
    {
        ILOpCode.Ldarg_s or ILOpCode.Ldarga_s or ILOpCode.Starg_s or ILOpCode.Ldloc_s or ILOpCode.Ldloca_s or ILOpCode.Stloc_s or ILOpCode.Ldc_i4_s or ILOpCode.Unaligned
            or ILOpCode.Leave_s or (>= ILOpCode.Br_s and <= ILOpCode.Blt_un_s) => 1,
        ILOpCode.Ldarg or ILOpCode.Ldarga or ILOpCode.Starg or ILOpCode.Ldloc or ILOpCode.Ldloca or ILOpCode.Stloc => 2,
        ILOpCode.Ldc_i8 or ILOpCode.Ldc_r8 => 8,
        ILOpCode.Ldc_i4 or ILOpCode.Ldc_r4 or ILOpCode.Jmp or ILOpCode.Call or ILOpCode.Calli or (>= ILOpCode.Br and <= ILOpCode.Switch) or ILOpCode.Callvirt or ILOpCode.Cpobj
            or ILOpCode.Ldobj or ILOpCode.Ldstr or ILOpCode.Newobj or ILOpCode.Castclass or ILOpCode.Isinst or ILOpCode.Unbox or ILOpCode.Ldfld or ILOpCode.Ldflda or ILOpCode.Stfld
            or ILOpCode.Ldsfld or ILOpCode.Ldsflda or ILOpCode.Stsfld or ILOpCode.Stobj or ILOpCode.Box or ILOpCode.Newarr or ILOpCode.Ldelema or ILOpCode.Ldelem or ILOpCode.Stelem
            or ILOpCode.Unbox_any or ILOpCode.Refanyval or ILOpCode.Mkrefany or ILOpCode.Ldtoken or ILOpCode.Leave or ILOpCode.Ldftn or ILOpCode.Ldvirtftn or ILOpCode.Initobj
            or ILOpCode.Constrained or ILOpCode.Sizeof => 4,
        _ => 0,
    };

    private void FindBlocks()
    {
        Leaders.Add(0);
        foreach (IlInsn insn in Insns)
        {
            bool jumps = false;
            foreach (int target in TargetsOf(insn))
            {
                Leaders.Add(_at[target]);
                jumps = true;
            }
            if ((jumps || insn.EndsFlow) && _at.TryGetValue(insn.Next, out int next))
                Leaders.Add(next);
        }
        // Depth first, without recursion: a block is put in front of the order when all that it leads to has been.
        var state = new Dictionary<int, int>(); // 1: on the way, 2: done
        var stack = new Stack<(int Block, Queue<int> Next)>();
        Enter(0);
        while (stack.TryPeek(out (int Block, Queue<int> Next) top))
        {
            if (!top.Next.TryDequeue(out int next))
            {
                state[top.Block] = 2;
                Order.Add(top.Block);
                stack.Pop();
            }
            else if (!state.TryGetValue(next, out int there))
            {
                Enter(next);
            }
            else if (there == 1)
            {
                LoopHeads.Add(next);
            }
        }
        Order.Reverse();

        void Enter(int block)
        {
            state[block] = 1;
            stack.Push((block, new Queue<int>(SuccessorsOf(block))));
        }
    }

    private List<int> SuccessorsOf(int block)
    {
        for (int i = block; ; i++)
        {
            var next = TargetsOf(Insns[i]).Select(target => _at[target]).ToList();
            bool isLast = i + 1 >= Insns.Count || Leaders.Contains(i + 1) || next.Count > 0 || Insns[i].EndsFlow;
            if (!isLast)
                continue;
            if (!Insns[i].EndsFlow && i + 1 < Insns.Count)
                next.Add(i + 1);
            return next;
        }
    }
}
