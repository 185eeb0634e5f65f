using System.Collections.Immutable;
using CsCheck;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Tests.Object;

/// <summary>Random objects: any maps and programs with names of all kinds, references to maps and functions among the instructions.</summary>
internal static class RandomObjects
{
    private static readonly string[] s_odd =
        ["fd", "idx", "id", "r1", "w10", "pc", "local", "kernel", "L5", "L", "exit", "if", "goto", "map", ".map", "section", "x y", "a\"b\\c", "#;//", "", "two\nlines", "\u202e\ud800", ".quad"];

    private static readonly Gen<string> s_name = Gen.OneOf(
        Gen.String[Gen.Char["abcxyz_.$019"], 1, 8],
        Gen.Int[0, 22].Select(i => s_odd[i % s_odd.Length]));

    private static readonly Gen<ImmutableArray<byte>> s_bytes = Gen.Byte.Array[0, 80].Select(bytes => ImmutableArray.Create(bytes));

    private static readonly Gen<MapSpec> s_plainMap =
        from name in s_name
        from kind in Gen.Int[0, 36]
        from sizes in Gen.Select(Gen.UInt, Gen.UInt, Gen.UInt)
        from more in Gen.Select(Gen.UInt[0, 3], Gen.ULong[0, 2], Gen.UInt[0, 1], Gen.Bool)
        from pin in Gen.OneOf(Gen.Const((string?)null), s_name.Select(text => (string?)text))
        from types in Gen.Select(Gen.UInt[0, 2], Gen.UInt[0, 2])
        select new MapSpec(name, (MapType)kind, sizes.Item1, sizes.Item2, sizes.Item3)
        {
            Flags = more.Item1,
            Extra = more.Item2,
            NumaNode = more.Item3,
            IsFrozen = more.Item4,
            Pin = pin,
            KeyType = types.Item1,
            ValueType = types.Item2,
        };

    private static readonly Gen<MapSpec> s_map =
        from map in s_plainMap
        from inner in s_plainMap
        from hasInner in Gen.Bool
        from slots in Gen.Select(Gen.UInt, s_name).Array[0, 3]
        from data in s_bytes
        select map with { Inner = hasInner ? inner : null, Slots = [.. slots.Select(slot => (slot.Item1, slot.Item2))], Data = data };

    private static readonly Gen<Insn[]> s_piece = Gen.OneOf(
        Gen.Int.Select(seed => Isa.RandomPrograms.Insns(new Random(seed), 3)),
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 15], Gen.Int[-3, 4], Gen.Int).Select((dst, src, imm, second) => new[] { new Insn(Opcode.LdImm64, dst, src, 0, imm), new Insn(0, 0, 0, 0, second % 3) }),
        Gen.Int[-4, 8].Select(distance => new[] { new Insn(Opcode.Jmp | Opcode.Call, 0, Pseudo.Call, 0, distance) }),
        Gen.Int[-4, 8].Select(distance => new[] { new Insn(Opcode.Jmp | Opcode.Jeq, 1, 0, distance, 7) }),
        Gen.Select(Gen.Int, Gen.Int, Gen.Int, Gen.Int, Gen.Int).Select((a, b, c, d, e) => new[] { new Insn(a, b, c, d, e) }));

    private static readonly Gen<ProgramSpec> s_program =
        from name in s_name
        from kind in Gen.Int[0, 34]
        from section in s_name
        from attach in Gen.Int[-1, 60]
        from flags in Gen.UInt[0, 100]
        from pieces in s_piece.Array[0, 8]
        from functions in Gen.Select(s_name, Gen.Int[0, 30], Gen.Bool, Gen.UInt[0, 3]).Array[0, 4]
        from more in Gen.Select(Gen.Int[0, 30], Gen.UInt, Gen.UInt, Gen.Int[0, 12], Gen.Int[0, 1023]).Array[0, 3]
        select Program(name, kind, section, attach, flags, [.. pieces.SelectMany(piece => piece)], functions, more);

    /// <summary>Objects.</summary>
    public static Gen<BpfObject> Objects { get; } =
        from maps in s_map.Array[0, 4]
        from programs in s_program.Array[0, 3]
        from externs in Gen.Select(s_name, Gen.Int[0, 2], Gen.Bool, Gen.UInt[0, 3], Gen.Int[0, 20].Array[0, 3]).Array[0, 2]
        from rest in Gen.Select(s_name, Gen.UInt, s_bytes)
        select new BpfObject
        {
            License = rest.Item1,
            KernelVersion = rest.Item2,
            Btf = rest.Item3,
            Maps = [.. maps.DistinctBy(map => map.Name)],
            Programs = [.. programs.DistinctBy(program => program.Name)],
            Externs = [.. externs.Select(each => new ExternSpec(each.Item1, (ExternKind)each.Item2)
            {
                IsWeak = each.Item3,
                BtfType = each.Item4,
                Uses = programs.Length == 0 ? [] : [.. each.Item5.Select(slot => (0, slot))],
            })],
        };

    private static ProgramSpec Program(string name, int kind, string section, int attach, uint flags, Insn[] insns, (string, int, bool, uint)[] functions, (int, uint, uint, int, int)[] more)
    {
        // Functions begin at instructions, in order.
        int[] starts = [.. ObjectPrinter.Lines(new BpfObject(), new ProgramSpec("", ProgramType.Unspec, [.. insns])).Select(line => line.Slot)];
        var all = new List<FunctionSpec>();
        foreach ((string function, int at, bool isGlobal, uint type) in functions)
            if (starts.Length > 0)
                all.Add(new FunctionSpec(function, starts[at % starts.Length], isGlobal) { BtfType = type });
        return new ProgramSpec(name, (ProgramType)kind, [.. insns])
        {
            Section = section,
            AttachType = attach < 0 ? null : (AttachType)attach,
            Flags = flags,
            Functions = [.. all.OrderBy(function => function.Start)],
            Lines = [.. more.Select(each => new LineInfo(each.Item1, each.Item2, each.Item3, each.Item4, each.Item5))],
            CoreRelocations = [.. more.Select(each => new CoreRelocation(each.Item1, (CoreRelocationKind)each.Item4, each.Item2, each.Item3))],
        };
    }
}
